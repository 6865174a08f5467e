"""Key pairs of a server, checked with the command `openssl`.

openssl reads the public keys, verifies signatures, encrypts for the public keys, and decrypts data keys that were exported
for key pairs of its own. Private keys neither leave a KMS nor are imported, so openssl can neither sign for
AsymmetricVerify nor decrypt the result of AsymmetricEncrypt. For these, the tests in crates/kms/src/crypto give both sides
the same key pair.
"""

import hashlib
import os
import re
import shutil
import subprocess
from base64 import b64decode, b64encode
from functools import cache
from typing import NamedTuple

import pytest
from alibabacloud_tea_openapi.exceptions import ClientException
from cryptography.hazmat.primitives.hashes import SM3, Hash

from openssl import SIGNATURES, sm2_der, sm2_plain
from serve import BULLA, ROOT, environment, remote_bulla

SIGN, ENCRYPT = "SIGN/VERIFY", "ENCRYPT/DECRYPT"
# What `openssl pkey -text` prints about a public key.
SHOWN = {
    "RSA_2048": "Public-Key: (2048 bit)",
    "RSA_3072": "Public-Key: (3072 bit)",
    "EC_P256": "ASN1 OID: prime256v1",
    "EC_P256K": "ASN1 OID: secp256k1",
    "EC_SM2": "ASN1 OID: SM2",
}
SIGNING = (
    ("RSA_2048", "RSA_PSS_SHA_256"),
    ("RSA_2048", "RSA_PKCS1_SHA_256"),
    ("RSA_3072", "RSA_PSS_SHA_256"),
    ("RSA_3072", "RSA_PKCS1_SHA_256"),
    ("EC_P256", "ECDSA_SHA_256"),
    ("EC_P256K", "ECDSA_SHA_256"),
    ("EC_SM2", "SM2DSA"),
)
# With the longest plaintexts that the API documents.
ENCRYPTING = (
    ("RSA_2048", "RSAES_OAEP_SHA_256", 190),
    ("RSA_2048", "RSAES_OAEP_SHA_1", 214),
    ("RSA_3072", "RSAES_OAEP_SHA_256", 318),
    ("RSA_3072", "RSAES_OAEP_SHA_1", 342),
    ("EC_SM2", "SM2PKE", 6047),
)
# With the longest data keys.
EXPORTING = (
    ("RSA_2048", "RSAES_OAEP_SHA_256", 190),
    ("RSA_2048", "RSAES_OAEP_SHA_1", 214),
    ("EC_SM2", "SM2PKE", 1024),
)
PAIRS = [(spec, SIGN) for spec in SHOWN] + [(spec, ENCRYPT) for spec in ("RSA_2048", "RSA_3072", "EC_SM2")]
CONTEXT = {"project": "Apollo", "部门": "销售"}
# The parameters of SM2's curve in Z: a, b and the base point (GB/T 32918.5).
SM2_CURVE = bytes.fromhex(
    "fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc"
    "28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93"
    "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"
    "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0"
)


class Pair(NamedTuple):
    """A key pair of the KMS: the fields that name it in requests, and its public key in PEM."""

    name: dict
    public_key: bytes


@pytest.fixture(scope="module")
def pair(tea_sdk):
    """Creates key pairs, one for each spec and usage."""

    @cache
    def make(spec, usage):
        key_id = tea_sdk.call("CreateKey", key_spec=spec, key_usage=usage).key_metadata.key_id
        (pair,) = pairs_of(tea_sdk, key_id)
        return pair

    return make


@pytest.fixture(scope="module")
def own_pair(openssl):
    """Creates key pairs of openssl, one for each spec."""
    return cache(openssl.key_pair)


def cases(table):
    """Returns the rows of a table as cases, named by their first two columns."""
    return [pytest.param(*row, id=f"{row[0]}, {row[1]}") for row in table]


@pytest.mark.parametrize(("spec", "usage"), cases(PAIRS))
def test_openssl_reads_the_public_key(openssl, pair, spec, usage):
    public_key = pair(spec, usage).public_key
    assert openssl("pkey -pubin -in public", public=public_key) == public_key
    assert SHOWN[spec] in openssl("pkey -pubin -in public -noout -text", public=public_key).decode()


@pytest.mark.parametrize(("spec", "algorithm"), cases(SIGNING))
def test_openssl_verifies_what_was_signed(tea_sdk, openssl, pair, spec, algorithm):
    """openssl hashes the message itself; for SM2 also the signer's name and public key."""
    name, public_key = pair(spec, SIGN)
    message, other = os.urandom(1000), os.urandom(1000)
    parameters = name | {"algorithm": algorithm, "digest": digest(spec, public_key, message)}
    value = tea_sdk.call("AsymmetricSign", **parameters).value
    assert openssl.verifies(algorithm, public_key, message, b64decode(value))
    assert not openssl.verifies(algorithm, public_key, other, b64decode(value))

    assert tea_sdk.call("AsymmetricVerify", **parameters, value=value).value is True
    parameters["digest"] = digest(spec, public_key, other)
    assert tea_sdk.call("AsymmetricVerify", **parameters, value=value).value is False


def test_every_version_signs_with_a_key_pair_of_its_own(tea_sdk, openssl):
    key_id = tea_sdk.call("CreateKey", key_spec="EC_P256").key_metadata.key_id
    tea_sdk.call("CreateKeyVersion", key_id=key_id)
    one, other = pairs_of(tea_sdk, key_id)
    parameters = {"algorithm": "ECDSA_SHA_256", "digest": digest("EC_P256", one.public_key, b"message")}
    value = b64decode(tea_sdk.call("AsymmetricSign", **one.name, **parameters).value)
    assert openssl.verifies("ECDSA_SHA_256", one.public_key, b"message", value)
    assert not openssl.verifies("ECDSA_SHA_256", other.public_key, b"message", value)


@pytest.mark.parametrize("length", ("one byte", "32 bytes", "longest"))
@pytest.mark.parametrize(("spec", "algorithm", "longest"), cases(ENCRYPTING))
def test_a_key_pair_decrypts_what_openssl_encrypted(tea_sdk, openssl, pair, spec, algorithm, longest, length):
    name, public_key = pair(spec, ENCRYPT)
    plaintext = os.urandom({"one byte": 1, "32 bytes": 32, "longest": longest}[length])
    ciphertext = openssl.encrypt(algorithm, public_key, plaintext)
    assert decrypted(tea_sdk, name, algorithm, ciphertext) == plaintext
    broken = ciphertext[:-1] + bytes([ciphertext[-1] ^ 1])
    with pytest.raises(ClientException, match='"CiphertextBlob" is not valid'):
        decrypted(tea_sdk, name, algorithm, broken)


@pytest.mark.parametrize(("spec", "algorithm", "longest"), cases(ENCRYPTING[:4]))
def test_a_key_pair_decrypts_with_one_hash_only(tea_sdk, openssl, pair, spec, algorithm, longest):
    name, public_key = pair(spec, ENCRYPT)
    (other,) = {other for _, other, _ in ENCRYPTING[:4]} - {algorithm}
    ciphertext = openssl.encrypt(algorithm, public_key, b"text")
    with pytest.raises(ClientException, match='"CiphertextBlob" is not valid'):
        decrypted(tea_sdk, name, other, ciphertext)


def test_sm2_ciphertexts_of_openssl_open_in_the_form_of_the_api_too(tea_sdk, openssl, pair):
    name, public_key = pair("EC_SM2", ENCRYPT)
    ciphertext = sm2_plain(openssl.encrypt("SM2PKE", public_key, b"text"))
    assert len(ciphertext) == 97 + len(b"text")
    assert decrypted(tea_sdk, name, "SM2PKE", ciphertext) == b"text"


@pytest.mark.parametrize(("spec", "algorithm", "longest"), cases(ENCRYPTING))
def test_what_openssl_encrypted_is_encrypted_again(tea_sdk, openssl, pair, key_id, spec, algorithm, longest):
    """ReEncrypt moves a ciphertext from a key pair to a symmetric key."""
    name, public_key = pair(spec, ENCRYPT)
    plaintext = os.urandom(32)
    reply = tea_sdk.call(
        "ReEncrypt",
        ciphertext_blob=text(openssl.encrypt(algorithm, public_key, plaintext)),
        source_key_id=name["key_id"],
        source_key_version_id=name["key_version_id"],
        source_encryption_algorithm=algorithm,
        destination_key_id=key_id,
        destination_encryption_context=CONTEXT,
    )
    opened = tea_sdk.call("Decrypt", ciphertext_blob=reply.ciphertext_blob, encryption_context=CONTEXT)
    assert (b64decode(opened.plaintext), opened.key_id) == (plaintext, key_id)


@pytest.mark.parametrize("length", ("32 bytes", "longest"))
@pytest.mark.parametrize("key_spec", ("Aliyun_AES_256", "Aliyun_SM4"))
@pytest.mark.parametrize(("spec", "algorithm", "longest"), cases(EXPORTING))
def test_openssl_decrypts_an_exported_data_key(
    tea_sdk, openssl, own_pair, spec, algorithm, longest, key_spec, length
):
    private_key, public_key = own_pair(spec)
    key_id = tea_sdk.call("CreateKey", key_spec=key_spec).key_metadata.key_id
    parameters = {
        "public_key_blob": text(public_key),
        "wrapping_key_spec": spec,
        "wrapping_algorithm": algorithm,
        "encryption_context": CONTEXT,
    }
    size = longest if length == "longest" else 32

    made = tea_sdk.call("GenerateAndExportDataKey", key_id=key_id, number_of_bytes=size, **parameters)
    blob = made.ciphertext_blob
    data_key = tea_sdk.call("Decrypt", ciphertext_blob=blob, encryption_context=CONTEXT).plaintext
    exported = tea_sdk.call("ExportDataKey", ciphertext_blob=blob, **parameters)
    assert exported.key_version_id == made.key_version_id
    for wrapped in (made.exported_data_key, exported.exported_data_key):
        wrapped = b64decode(wrapped)
        wrapped = sm2_der(wrapped) if spec == "EC_SM2" else wrapped
        opened = openssl.decrypt(algorithm, private_key, wrapped)
        assert (len(opened), text(opened)) == (size, data_key)
    assert made.exported_data_key != exported.exported_data_key


@pytest.fixture(scope="module")
def section():
    """The section about openssl in docs/sdk.md."""
    title = "\n## Checking signatures and ciphertexts outside\n"
    return (ROOT / "docs/sdk.md").read_text().partition(title)[2].partition("\n## ")[0]


@pytest.fixture
def shell(server, section, tmp_path):
    """Runs the first block of commands and the one that contains a mark, unchanged. Returns their stdout."""
    first, *blocks = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    if not shutil.which("jq"):
        pytest.fail("the documented commands need jq: apt-get install jq")
    (tmp_path / "bulla").symlink_to(BULLA)
    (tmp_path / "sales.csv").write_text("2019-04-08,envelope encryption,1234.50\n")
    (tmp_path / "secret.txt").write_text("a secret for the KMS\n")

    def run(mark, pair):
        (block,) = (block for block in blocks if mark in block)
        variables = environment(tmp_path) | remote_bulla(server, tmp_path).variables
        variables |= {"KEY": pair.name["key_id"], "VERSION": pair.name["key_version_id"]}
        variables["PATH"] = f"{tmp_path}:{variables['PATH']}"
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", first + block],
            cwd=tmp_path,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    return run


def test_the_documented_commands_verify_a_signature(shell, pair):
    assert shell("sign ECDSA_SHA_256", pair("EC_P256", SIGN)) == "Verified OK\n"


def test_the_documented_commands_verify_a_signature_of_sm2(shell, pair):
    assert shell("sign SM2DSA", pair("EC_SM2", SIGN)) == "Verified OK\n"


def test_the_documented_commands_decrypt(shell, pair):
    assert shell("AsymmetricDecrypt", pair("RSA_2048", ENCRYPT)) == "a secret for the KMS\n"


def test_the_documented_options_are_those_used_here(section):
    rows = re.findall(r"^\| (`.+`) \| `(-.+)` \|$", section, re.MULTILINE)
    options = {name: row[1] for row in rows for name in re.findall("`(.+?)`", row[0])}
    assert options == SIGNATURES


def pairs_of(tea_sdk, key_id):
    """Yields the key pairs of a key, one for each version."""
    for version in tea_sdk.call("ListKeyVersions", key_id=key_id).key_versions.key_version:
        name = {"key_id": key_id, "key_version_id": version.key_version_id}
        yield Pair(name, tea_sdk.call("GetPublicKey", **name).public_key.encode())


def decrypted(tea_sdk, name, algorithm, ciphertext):
    reply = tea_sdk.call("AsymmetricDecrypt", **name, algorithm=algorithm, ciphertext_blob=text(ciphertext))
    return b64decode(reply.plaintext)


def digest(spec, public_key, message):
    """Returns the digest of a message for AsymmetricSign."""
    if spec == "EC_SM2":
        return text(sm3(sm2_signer(public_key) + message))
    return text(hashlib.sha256(message).digest())


def sm2_signer(public_key):
    """Returns Z, the hash of the default name of signers, the curve, and the public key."""
    name = b"1234567812345678"
    point = b64decode("".join(public_key.decode().splitlines()[1:-1]))[-64:]
    return sm3((8 * len(name)).to_bytes(2) + name + SM2_CURVE + point)


def sm3(message):
    hash = Hash(SM3())
    hash.update(message)
    return hash.finalize()


def text(content):
    """Returns bytes as Base64, as in the API."""
    return b64encode(content).decode()
