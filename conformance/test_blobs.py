"""Ciphertext blobs of keys with imported, and so known, material: opened and created outside of bulla.

`openssl` wraps the material. PyPI cryptography, which uses OpenSSL, opens the blobs with the readers in
docs/blob-format.md, and creates blobs that Decrypt opens.
"""

import os
import sys
from base64 import b64decode, b64encode
from typing import Callable, NamedTuple

import pytest
from alibabacloud_tea_openapi.exceptions import ClientException
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, CounterLocation, Mode

from openssl import PADDINGS
from serve import ROOT

sys.path[:0] = [str(ROOT / "testdata/native"), str(ROOT / "testdata/sm4")]

from make_sm4_vectors import seal as sm4_seal  # noqa: E402
from make_vectors import canonical  # noqa: E402

SPECS = ("Aliyun_AES_256", "Aliyun_SM4")
CONTEXTS = {
    "no context": {},
    "one pair": {"project": "Apollo"},
    # Not in canonical order, which is that of the bytes.
    "pairs": {"部门": "销售", "ab": "", "a": "bc", "Z": '"\\&=+ \t😀'},
}
PLAINTEXTS = {"base64": b64encode(b"text").decode(), "no base64": "no base64! 明文", "longest": "-" * 6144}
every_spec = pytest.mark.parametrize("spec", SPECS)
every_context = pytest.mark.parametrize("context", CONTEXTS.values(), ids=CONTEXTS)
every_plaintext = pytest.mark.parametrize("plaintext", PLAINTEXTS.values(), ids=PLAINTEXTS)


class Construction(NamedTuple):
    """Seals and opens blobs of a spec outside of bulla, and the length of its material."""

    open: Callable
    seal: Callable
    material_len: int


class Key(NamedTuple):
    """A key with imported material."""

    key_id: str
    version_id: str
    material: bytes
    construction: Construction

    def open(self, blob, context):
        """Returns the plaintext of a blob of the API."""
        blob = b64decode(blob, validate=True)
        assert blob[:36].decode() == self.version_id
        return self.construction.open(self.material, blob[36:], self.associated_data(context)).decode()

    def seal(self, plaintext, context):
        """Returns a blob for the API."""
        sealed = self.construction.seal(
            self.material, os.urandom(24), self.associated_data(context), plaintext.encode()
        )
        return b64encode(self.version_id.encode() + sealed).decode()

    def associated_data(self, context):
        return b"bulla/blob/v1\0" + self.version_id.encode() + canonical(context)


@pytest.fixture(scope="module")
def constructions(xaes_open, sm4_open):
    """The construction of each spec."""
    return {
        "Aliyun_AES_256": Construction(xaes_open, xaes_seal, 32),
        "Aliyun_SM4": Construction(sm4_open, sm4_seal, 16),
    }


@pytest.fixture(scope="module")
def imported(tea_sdk, openssl, constructions):
    """Creates a key with new material, which openssl wraps for one of the algorithms of the API."""

    def make(spec, algorithm="RSAES_OAEP_SHA_256"):
        key_id = tea_sdk.call("CreateKey", key_spec=spec, origin="EXTERNAL").key_metadata.key_id
        material = os.urandom(constructions[spec].material_len)
        tea_sdk.server.remember(b64encode(material).decode())
        import_material(tea_sdk, openssl, key_id, algorithm, material)
        metadata = tea_sdk.call("DescribeKey", key_id=key_id).key_metadata
        assert metadata.key_state == "Enabled"
        return Key(key_id, metadata.primary_key_version, material, constructions[spec])

    return make


@pytest.fixture(scope="module")
def known(imported):
    """A key of each spec, for tests that do not change it."""
    return {spec: imported(spec) for spec in SPECS}


@pytest.mark.parametrize("algorithm", PADDINGS)
@every_spec
def test_material_that_openssl_wrapped_is_the_key(tea_sdk, imported, spec, algorithm):
    key = imported(spec, algorithm)
    blob = tea_sdk.call("Encrypt", key_id=key.key_id, plaintext="text").ciphertext_blob
    assert key.open(blob, {}) == "text"


@every_spec
def test_other_material_is_refused_and_the_same_is_not(tea_sdk, openssl, imported, spec):
    """A key that once had material accepts only the same again."""
    key = imported(spec)
    other = os.urandom(len(key.material))
    with pytest.raises(ClientException, match="InvalidKeyMaterial"):
        import_material(tea_sdk, openssl, key.key_id, "RSAES_OAEP_SHA_256", other)
    tea_sdk.call("DeleteKeyMaterial", key_id=key.key_id)
    for algorithm in PADDINGS:
        import_material(tea_sdk, openssl, key.key_id, algorithm, key.material)
    assert tea_sdk.call("Decrypt", ciphertext_blob=key.seal("text", {})).plaintext == "text"


@every_plaintext
@every_context
@every_spec
def test_what_was_encrypted_opens_outside(tea_sdk, known, spec, context, plaintext):
    key = known[spec]
    encrypted = tea_sdk.call(
        "Encrypt", key_id=key.key_id, plaintext=plaintext, encryption_context=context
    ).ciphertext_blob
    assert key.open(encrypted, context) == plaintext
    with pytest.raises(InvalidTag):
        key.open(encrypted, context | {"more": "pairs"})


@every_context
@every_spec
def test_a_data_key_opens_outside(tea_sdk, known, spec, context):
    key = known[spec]
    data_key = tea_sdk.call("GenerateDataKey", key_id=key.key_id, encryption_context=context)
    assert key.open(data_key.ciphertext_blob, context) == data_key.plaintext
    assert len(b64decode(data_key.plaintext, validate=True)) == 32


@every_spec
def test_what_came_from_another_key_opens_outside(tea_sdk, known, key_id, spec):
    """ReEncrypt from a key whose material only the KMS knows."""
    key, context = known[spec], CONTEXTS["pairs"]
    source = tea_sdk.call("GenerateDataKey", key_id=key_id)
    moved = tea_sdk.call(
        "ReEncrypt",
        ciphertext_blob=source.ciphertext_blob,
        destination_key_id=key.key_id,
        destination_encryption_context=context,
    )
    assert key.open(moved.ciphertext_blob, context) == source.plaintext


@every_plaintext
@every_context
@every_spec
def test_decrypt_opens_what_was_made_outside(tea_sdk, known, spec, context, plaintext):
    key = known[spec]
    blob = key.seal(plaintext, context)
    opened = tea_sdk.call("Decrypt", ciphertext_blob=blob, encryption_context=context)
    found = (opened.plaintext, opened.key_id, opened.key_version_id)
    assert found == (plaintext, key.key_id, key.version_id)
    with pytest.raises(ClientException, match='"CiphertextBlob" is not valid'):
        tea_sdk.call("Decrypt", ciphertext_blob=blob, encryption_context=context | {"more": "pairs"})


# Offsets in a blob, after the KeyVersionId.
FLIPS = {"nonce for the key": 36, "nonce for GCM": 48, "ciphertext": 60, "tag": -1}


@pytest.mark.parametrize("offset", FLIPS.values(), ids=FLIPS)
@every_spec
def test_decrypt_refuses_what_was_changed(tea_sdk, known, spec, offset):
    blob = bytearray(b64decode(known[spec].seal("text", {})))
    blob[offset] ^= 1
    with pytest.raises(ClientException, match='"CiphertextBlob" is not valid'):
        tea_sdk.call("Decrypt", ciphertext_blob=b64encode(blob).decode())


@every_spec
def test_a_blob_is_of_one_version_regardless_of_its_material(tea_sdk, openssl, known, spec):
    """The KeyVersionId in a blob cannot be exchanged, even between two keys with the same material."""
    key = known[spec]
    key_id = tea_sdk.call("CreateKey", key_spec=spec, origin="EXTERNAL").key_metadata.key_id
    import_material(tea_sdk, openssl, key_id, "RSAES_OAEP_SHA_256", key.material)
    version_id = tea_sdk.call("DescribeKey", key_id=key_id).key_metadata.primary_key_version
    sealed = b64decode(key.seal("text", {}))[36:]
    with pytest.raises(ClientException, match='"CiphertextBlob" is not valid'):
        tea_sdk.call("Decrypt", ciphertext_blob=b64encode(version_id.encode() + sealed).decode())


def import_material(tea_sdk, openssl, key_id, algorithm, material):
    """Wraps material for a new token of the key, and imports it."""
    wrapping_key_spec = "EC_SM2" if algorithm == "SM2PKE" else "RSA_2048"
    parameters = tea_sdk.call(
        "GetParametersForImport",
        key_id=key_id,
        wrapping_key_spec=wrapping_key_spec,
        wrapping_algorithm=algorithm,
    )
    wrapped = openssl.encrypt(algorithm, b64decode(parameters.public_key), material)
    tea_sdk.call(
        "ImportKeyMaterial",
        key_id=key_id,
        encrypted_key_material=b64encode(wrapped).decode(),
        import_token=parameters.import_token,
        key_material_expire_unix=0,
    )


def xaes_seal(key, nonce, aad, plaintext):
    """Seals with C2SP XAES-256-GCM, whose key derivation is a KDF of SP 800-108."""
    kdf = KBKDFCMAC(
        algorithm=algorithms.AES,
        mode=Mode.CounterMode,
        length=32,
        rlen=2,
        llen=None,
        location=CounterLocation.BeforeFixed,
        label=None,
        context=None,
        fixed=b"X\0" + nonce[:12],
    )
    return nonce + AESGCM(kdf.derive(key)).encrypt(nonce[12:], plaintext, aad)
