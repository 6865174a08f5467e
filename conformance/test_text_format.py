"""The four-line text format, checked with PyCryptodome, which the guide uses: vectors, and files of bulla."""

import json
import os
from base64 import b64decode, b64encode

import pytest
from Crypto.Cipher import AES

from serve import ROOT

TEXT_FORMAT = ROOT / "testdata/text-format"
VECTORS = {vector["name"]: vector for vector in json.loads((TEXT_FORMAT / "vectors.json").read_text())}
SIZES = (0, 1, 15, 16, 17, 1024 * 1024 + 1, 20_000_000)


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
def test_vectors(vector):
    plain = (TEXT_FORMAT / f"{vector['name']}.plain").read_bytes()
    nonce = bytes.fromhex(vector["nonce_hex"])
    ciphertext, tag = AES.new(b64decode(vector["data_key_b64"]), AES.MODE_EAX, nonce).encrypt_and_digest(
        plain
    )
    lines = [b64decode(vector["ciphertext_blob"]), nonce, ciphertext, tag]
    assert (TEXT_FORMAT / f"{vector['name']}.cipher").read_bytes() == b"".join(
        b64encode(part) + b"\n" for part in lines
    )
    assert tag.hex() == vector["tag_hex"]


@pytest.mark.parametrize("size", SIZES)
def test_pycryptodome_opens_what_bulla_encrypted(old_sdk, bulla, key_id, tmp_path, size):
    plain, cipher = tmp_path / "plain", tmp_path / "plain.cipher"
    plain.write_bytes(os.urandom(size))
    bulla("encrypt", "--format", "text", "-k", key_id, plain)

    text = cipher.read_bytes()
    assert text.endswith(b"\n")
    lines = text.split(b"\n")[:-1]
    assert [len(line) for line in lines] == [blob_length(old_sdk, key_id), 24, (size + 2) // 3 * 4, 24]
    assert open_with_pycryptodome(old_sdk, lines) == plain.read_bytes()


@pytest.mark.parametrize("size", SIZES)
def test_bulla_opens_what_pycryptodome_sealed(old_sdk, bulla, key_id, tmp_path, size):
    plain, cipher = os.urandom(size), tmp_path / "plain.cipher"
    cipher.write_bytes(seal_with_pycryptodome(old_sdk, key_id, plain))
    bulla("decrypt", cipher)
    assert (tmp_path / "plain").read_bytes() == plain


def test_every_file_has_its_own_data_key_and_nonce(old_sdk, bulla, key_id, tmp_path):
    plain = tmp_path / "plain"
    plain.write_bytes(b"the same")
    for name in ("one", "two"):
        bulla("encrypt", "--format", "text", "-k", key_id, plain, "-o", tmp_path / name)
    one, two = ((tmp_path / name).read_bytes().split(b"\n")[:-1] for name in ("one", "two"))
    assert not set(one) & set(two)
    assert data_key(old_sdk, one[0]) != data_key(old_sdk, two[0])


def test_the_context_of_encryption_is_needed_again(old_sdk, bulla, key_id, tmp_path):
    plain, cipher = tmp_path / "plain", tmp_path / "plain.cipher"
    plain.write_bytes(b"bound to its context")
    bulla("encrypt", "--format", "text", "-k", key_id, "-c", "project=Apollo", "-c", "部门=销售", plain)
    plain.unlink()
    bulla("decrypt", cipher, status=5)
    bulla("decrypt", "-c", "project=Apollo", cipher, status=5)
    assert not plain.exists()
    bulla("decrypt", "-c", "部门=销售", "-c", "project=Apollo", cipher)
    assert plain.read_bytes() == b"bound to its context"
    context = json.dumps({"project": "Apollo", "部门": "销售"}, ensure_ascii=False)
    lines = cipher.read_bytes().split(b"\n")[:-1]
    assert open_with_pycryptodome(old_sdk, lines, context) == b"bound to its context"


@pytest.mark.parametrize("line", (1, 2, 3))
def test_a_changed_file_gives_nothing(old_sdk, bulla, key_id, tmp_path, line):
    """One changed bit of nonce, ciphertext or tag causes exit code 4 and no output."""
    lines = seal_with_pycryptodome(old_sdk, key_id, os.urandom(2_000_000)).split(b"\n")
    part = bytearray(b64decode(lines[line]))
    part[len(part) // 2] ^= 1
    lines[line] = b64encode(part)
    cipher = tmp_path / "plain.cipher"
    cipher.write_bytes(b"\n".join(lines))
    bulla("decrypt", cipher, status=4)
    assert os.listdir(tmp_path) == ["plain.cipher"]
    assert bulla("decrypt", cipher, "-o", "-", status=4) == b""


def blob_length(old_sdk, key_id):
    """Returns the length of the first line: the ciphertext blob of a data key of 32 bytes."""
    return len(old_sdk.call("GenerateDataKey", KeyId=key_id, NumberOfBytes=32)["CiphertextBlob"])


def seal_with_pycryptodome(old_sdk, key_id, plain):
    key = old_sdk.call("GenerateDataKey", KeyId=key_id, NumberOfBytes=32)
    cipher = AES.new(b64decode(key["Plaintext"]), AES.MODE_EAX)
    ciphertext, tag = cipher.encrypt_and_digest(plain)
    lines = [key["CiphertextBlob"].encode(), *map(b64encode, (cipher.nonce, ciphertext, tag))]
    return b"".join(line + b"\n" for line in lines)


def open_with_pycryptodome(old_sdk, lines, context=None):
    nonce, ciphertext, tag = map(b64decode, lines[1:])
    return AES.new(data_key(old_sdk, lines[0], context), AES.MODE_EAX, nonce).decrypt_and_verify(
        ciphertext, tag
    )


def data_key(old_sdk, blob, context=None):
    """Returns the data key that the server decrypts from a first line."""
    parameters = {"EncryptionContext": context} if context else {}
    return b64decode(old_sdk.call("Decrypt", CiphertextBlob=blob.decode(), **parameters)["Plaintext"])
