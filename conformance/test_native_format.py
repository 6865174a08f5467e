"""The native file format, checked with PyPI cryptography: vectors, the documented reader, and files of bulla."""

import json
import os
import re
import subprocess
import sys
from base64 import b64decode

import pytest
from cryptography.cobblestone import Cobblestone256Decryptor

from clients import REGION
from serve import ROOT, environment

NATIVE = ROOT / "testdata/native"
sys.path.insert(0, str(NATIVE))

import check_vectors  # noqa: E402
import make_vectors  # noqa: E402

TABLE = json.loads((NATIVE / "vectors.json").read_text())
VECTORS = {vector["file"]: vector for vector in TABLE["vectors"]}
SIZES = (0, 1, 16383, 16384, 16385, 3 * 16384, 3_000_000)
CONTEXT = {"project": "Apollo", "部门": "销售"}
CONTEXTS = {"no context": {}, "context": CONTEXT}
KINDS = {"set": make_vectors.SET, "file": make_vectors.FILE}


@pytest.fixture(scope="module")
def other_key(old_sdk):
    """A second key, for rewraps."""
    return old_sdk.call("CreateKey", Description="other")["KeyMetadata"]["KeyId"]


@pytest.fixture
def reader(server, tmp_path):
    """Runs the reader in docs/file-format.md, with only the address replaced. Returns its stdout."""
    text = (ROOT / "docs/file-format.md").read_text()
    (source,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert source.count("127.0.0.1:8443") == 1
    script = tmp_path / "reader.py"
    script.write_text(source.replace("127.0.0.1:8443", server.address))
    variables = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": server.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": server.access_key_secret,
        "ALIBABA_CLOUD_CA_BUNDLE": server.ca,
    }

    def read(path):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", script, path],
            env=environment(tmp_path) | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    return read


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
def test_vectors(vector):
    error, _ = check_vectors.verdict(vector, check_vectors.toy_kms(TABLE["keys"]))
    assert error == vector["error"]


@pytest.mark.parametrize("context", CONTEXTS.values(), ids=CONTEXTS)
@pytest.mark.parametrize("size", SIZES)
def test_the_documented_reader_opens_what_bulla_encrypted(bulla, key_id, reader, tmp_path, size, context):
    plain, cipher = encrypted(bulla, key_id, tmp_path, size, context)
    assert reader(cipher) == plain


@pytest.mark.parametrize("context", CONTEXTS.values(), ids=CONTEXTS)
@pytest.mark.parametrize("size", (1, 3_000_000))
def test_the_documented_reader_opens_what_was_rewrapped(
    bulla, key_id, other_key, reader, tmp_path, size, context
):
    plain, cipher = encrypted(bulla, key_id, tmp_path, size, context)
    before = described(bulla, cipher)
    bulla("rewrap", "-k", other_key, cipher)
    after = described(bulla, cipher)
    assert {wrap["key_id"] for wrap in after["wraps"]} == {other_key}
    assert after["body_context"] == before["body_context"]
    assert reader(cipher) == plain


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("size", SIZES)
def test_bulla_opens_what_python_sealed(old_sdk, bulla, key_id, tmp_path, size, kind):
    plain, cipher = os.urandom(size), tmp_path / "plain.bulla"
    cipher.write_bytes(sealed(old_sdk, key_id, plain, kind))
    bulla("decrypt", cipher, "-o", tmp_path / "restored")
    assert (tmp_path / "restored").read_bytes() == plain


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("streamed", (False, True), ids=("known", "streamed"))
def test_bulla_takes_the_context_from_the_file(old_sdk, bulla, key_id, tmp_path, kind, streamed):
    plain, cipher = os.urandom(100_000), tmp_path / "plain.bulla"
    cipher.write_bytes(sealed(old_sdk, key_id, plain, kind, CONTEXT, streamed))
    assert described(bulla, cipher)["context"] == CONTEXT
    bulla("decrypt", cipher, "-o", tmp_path / "restored")
    assert (tmp_path / "restored").read_bytes() == plain


def test_python_and_bulla_mean_the_same_by_a_set(old_sdk, bulla, key_id, tmp_path):
    """Two files with one data key have different body keys, both of which bulla derives."""
    shared = data_key(old_sdk, key_id)
    set_id = os.urandom(16)
    for name in ("one", "two"):
        wrap = wrap_of(make_vectors.SET, shared)
        ids = os.urandom(16), set_id
        body_key = make_vectors.file_key(b64decode(shared["Plaintext"]), ids[0])
        file = make_vectors.native(name.encode(), body_key, [wrap], ids)
        (tmp_path / f"{name}.bulla").write_bytes(bytes(file))
        bulla("decrypt", tmp_path / f"{name}.bulla", "-o", tmp_path / name)
        assert (tmp_path / name).read_bytes() == name.encode()


@pytest.mark.parametrize("context", CONTEXTS.values(), ids=CONTEXTS)
@pytest.mark.parametrize("size", SIZES)
def test_the_output_of_inspect_opens_the_file(old_sdk, bulla, key_id, tmp_path, size, context):
    plain, cipher = encrypted(bulla, key_id, tmp_path, size, context)
    description, data = described(bulla, cipher), cipher.read_bytes()
    assert (description["format"], description["version"], description["suite"]) == ("bulla", 1, "Cobblestone-256")
    assert (description["plaintext_len"], description["context"]) == (size, context)

    body_context, file_id = b64decode(description["body_context"]), b64decode(description["file_id"])
    head = body_context.removeprefix(b"bulla/v1\0")
    assert data.startswith(head) and head[20:36] == file_id
    slots, slot_size = data[10], int.from_bytes(data[12:16], "big")
    assert description["body_offset"] == len(head) + slots * slot_size
    assert slots == (2 if size >= 1024 * 1024 else 1)

    (wrap,) = description["wraps"]
    assert (wrap["kind"], wrap["key_id"]) == ("set", key_id)
    answer = old_sdk.call("Decrypt", CiphertextBlob=wrap["blob"], **encryption_context(context))
    assert answer["KeyVersionId"] == wrap["key_version_id"]
    body_key = make_vectors.file_key(b64decode(answer["Plaintext"]), file_id)
    body = Cobblestone256Decryptor(body_key, body_context)
    assert body.update(data[description["body_offset"] :]) + body.finalize() == plain


def test_the_strict_reader_finds_nothing_to_refuse(old_sdk, bulla, key_id, tmp_path):
    """Every field that bulla writes is well-formed."""
    plain, cipher = encrypted(bulla, key_id, tmp_path, 20_000, CONTEXT)

    def unwrap(blob, context):
        answer = old_sdk.call("Decrypt", CiphertextBlob=blob, **encryption_context(context))
        return b64decode(answer["Plaintext"]), answer["KeyId"]

    assert check_vectors.open_native(cipher.read_bytes(), unwrap) == (plain, CONTEXT, [])


# Offsets from the start of the file, or of its body.
FLIPS = {
    "file id": ("head", 20),
    "set id": ("head", 20 + 16),
    "salt": ("body", 0),
    "commitment": ("body", 24),
    "first chunk": ("body", 56 + 100),
    "tag of the first chunk": ("body", 56 + 16384),
    "last chunk": ("body", -17),
    "tag of the last chunk": ("body", -1),
}


@pytest.mark.parametrize("place", FLIPS.values(), ids=FLIPS)
@pytest.mark.parametrize("size", (100_000, 3_000_000))
def test_a_changed_file_gives_nothing(bulla, key_id, tmp_path, size, place):
    """One changed bit causes exit code 4 and no output file."""
    _, cipher = encrypted(bulla, key_id, tmp_path, size)
    part, at = place
    data = bytearray(cipher.read_bytes())
    data[at + described(bulla, cipher)["body_offset"] if part == "body" and at >= 0 else at] ^= 1
    cipher.write_bytes(data)
    bulla("decrypt", cipher, "-o", tmp_path / "restored", status=4)
    assert os.listdir(tmp_path) == ["plain.bulla"]


def encrypted(bulla, key_id, directory, size, context=None):
    """Encrypts a random plaintext with bulla, and deletes its file. Returns the plaintext and the path of the encrypted file."""
    plain = directory / "plain"
    plain.write_bytes(os.urandom(size))
    pairs = [word for name, value in (context or {}).items() for word in ("-c", f"{name}={value}")]
    bulla("encrypt", "-k", key_id, *pairs, plain)
    content = plain.read_bytes()
    plain.unlink()
    return content, directory / "plain.bulla"


def described(bulla, path):
    return json.loads(bulla("inspect", "--json", path))


def sealed(old_sdk, key_id, plain, kind, context=None, streamed=False):
    """Returns a file of the vectors' writer, under a data key of the server."""
    ids = os.urandom(16), os.urandom(16)
    key = data_key(old_sdk, key_id, context)
    body_key = b64decode(key["Plaintext"])
    if kind == make_vectors.SET:
        body_key = make_vectors.file_key(body_key, ids[0])
    wraps = [wrap_of(kind, key)]
    return bytes(make_vectors.native(plain, body_key, wraps, ids, context, streamed=streamed))


def data_key(old_sdk, key_id, context=None):
    return old_sdk.call("GenerateDataKey", KeyId=key_id, NumberOfBytes=32, **encryption_context(context))


def wrap_of(kind, key):
    """Returns the wrap of a reply to GenerateDataKey."""
    return make_vectors.Wrap(kind, key["KeyId"], key["KeyVersionId"], REGION, key["CiphertextBlob"])


def encryption_context(context):
    """Returns the context as a parameter of a request, if there is one."""
    return {"EncryptionContext": json.dumps(context)} if context else {}
