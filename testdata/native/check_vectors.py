"""Reads every vector as described in docs/file-format.md and compares the result with vectors.json.

    python testdata/native/check_vectors.py         # PyPI cryptography

This strict reader is independent of `make_vectors.py`. It decrypts the body on its own with HKDF and AES-GCM.
"""

import hashlib
import io
import json
from base64 import b64decode
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

FOLDER = Path(__file__).resolve().parent


class Refused(Exception):
    """The class of an error, as in vectors.json, and its description."""


def check(condition, what, error="damaged"):
    if not condition:
        raise Refused(error, what)


class Input(io.BytesIO):
    """Bytes; reading more than there are is an error."""

    def __init__(self, data, error):
        super().__init__(data)
        self.error = error

    def take(self, size):
        data = self.read(size)
        check(len(data) == size, "the input ends too early", self.error)
        return data

    def number(self, size, signed=False):
        return int.from_bytes(self.take(size), "big", signed=signed)

    def text(self, width):
        return self.take(self.number(width))


def open_native(data, unwrap):
    """Returns the plaintext, the context, and the numbers of invalid slots.

    `unwrap(blob, context)` is the KMS: it returns the key and the KeyId, or None if the key version is unknown.
    """
    file = Input(data, "truncated")
    check(file.take(8) == b"\x89bulla\r\n", "magic", "not_bulla")
    check(file.number(1) == 1, "version", "newer")
    check(file.number(1) == 1, "suite", "newer")
    slots, zero, slot_size, bound_size = (file.number(size) for size in (1, 1, 4, 4))
    check(slots in (1, 2), "slot count")
    check(zero == 0, "reserved byte")
    check(slots == 1 or slot_size % 4096 == 0, "slot size")
    check(slots == 1 or (20 + bound_size) % 4096 == 0, "bound length")
    check(20 + bound_size + slots * slot_size <= 65536, "size of the header")

    bound = file.take(bound_size)
    file_id, context, size = parse_bound(bound)
    parsed = [parse_slot(file.take(slot_size)) for _ in range(slots)]
    check(any(parsed), "slots")
    newest_first = sorted(filter(None, parsed), key=lambda slot: -slot[0])
    wraps = [wrap for _, wraps in newest_first for wrap in wraps]

    key = body_key(wraps, context, file_id, unwrap)
    plain = open_body(file.read(), key, b"bulla/v1\0" + data[: 20 + bound_size], size)
    return plain, context, [at for at, slot in enumerate(parsed) if slot is None]


def parse_bound(bound):
    part = Input(bound, "damaged")
    file_id, _set_id, context = part.take(16), part.take(16), parse_context(part.text(4))
    known, mode, size, seconds, nanos = (
        part.number(width, signed) for width, signed in ((1, 0), (4, 0), (8, 0), (8, 1), (4, 0))
    )
    check(known < 8, "known bits")
    check(mode <= 0o7777 and nanos < 10**9, "mode or nanoseconds")
    for bit, values in enumerate(((mode,), (size,), (seconds, nanos))):
        check(known >> bit & 1 or not any(values), "unknown and not zero")
    check(not any(part.read()), "padding of the bound part")
    return file_id, context, size if known & 2 else None


def parse_context(data):
    part = Input(data, "damaged")
    pairs = [(part.text(4), part.text(4)) for _ in range(part.number(4))]
    names = [name for name, _ in pairs]
    check(names == sorted(set(names)), "order of the context")
    check(not part.read(), "end of the context")
    return {name.decode(): value.decode() for name, value in pairs}


def parse_slot(data):
    """Returns generation and wraps, or None if the slot is invalid."""
    try:
        part = Input(data, "damaged")
        check(part.take(32) == hashlib.sha256(data[32:]).digest(), "hash of the slot")
        generation, count = part.number(8), part.number(2)
        check(generation >= 1 and 1 <= count <= 32, "generation or count")
        wraps = [(part.number(1), *(part.text(2).decode("ascii") for _ in range(4))) for _ in range(count)]
        for kind, key_id, version, region, blob in wraps:
            check(kind in (1, 2), "kind")
            check(1 <= len(key_id) <= 255 and 1 <= len(version) <= 255 and len(region) <= 255, "lengths")
            check(all(" " <= char <= "~" for char in key_id + version + region), "characters")
            check(1 <= len(blob) <= 16383, "length of the blob")
        check(not any(part.read()), "padding of the slot")
        return generation, wraps
    except Refused:
        return None


def body_key(wraps, context, file_id, unwrap):
    """Returns the body key from the first wrap that the KMS knows."""
    for kind, key_id, _version, _region, blob in wraps:
        if answer := unwrap(blob, context):
            key, answered = answer
            check(answered == key_id, "KeyId", "key_mismatch")
            return HKDFExpand(SHA512(), 32, b"bulla/v1/file" + file_id).derive(key) if kind == 1 else key
    raise Refused("unknown_key", "no wrap is of a key of this KMS")


def open_body(body, key, context, size):
    check(len(body) >= 56, "the body ends before its first chunk", "truncated")
    salt, commitment, chunks = body[:24], body[24:56], body[56:]
    label = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"
    derived = HKDFExpand(SHA512(), 76, label + salt + context).derive(key)
    check(derived[44:] == commitment, "commitment")

    full, rest = divmod(len(chunks), 16400)
    check(rest >= 16, "the last chunk is missing or cut", "truncated")
    check(size is None or size == 16384 * full + rest - 16, "size")
    plain = []
    for at in range(full + 1):
        nonce = int.from_bytes(derived[32:44], "big") ^ at
        try:
            chunk = chunks[16400 * at : 16400 * (at + 1)]
            plain.append(AESGCM(derived[:32]).decrypt(nonce.to_bytes(12, "big"), chunk, None))
        except InvalidTag:
            raise Refused("damaged", f"chunk {at} of {full + 1}") from None
    return b"".join(plain)


def toy_kms(keys):
    """Returns the KMS of the vectors, from the table in vectors.json."""

    def unwrap(blob, context):
        entry = keys.get(blob)
        check(not entry or entry["context"] == context, "encryption context")
        return entry and (b64decode(entry["data_key_b64"]), entry["key_id"])

    return unwrap


def verdict(vector, unwrap):
    """Returns the result of a vector: the class of the error and its description, or None for both."""
    try:
        data = (FOLDER / vector["file"]).read_bytes()
        plain, context, torn = open_native(data, unwrap)
    except Refused as refused:
        return refused.args
    assert hashlib.sha256(plain).hexdigest() == vector["plaintext_sha256"]
    assert len(plain) == vector["plaintext_len"]
    assert context == vector["context"]
    assert bool(torn) == ("warning" in vector)
    return None, f"slot {torn} does not count" if torn else None


def main():
    table = json.loads((FOLDER / "vectors.json").read_text())
    unwrap = toy_kms(table["keys"])
    for vector in table["vectors"]:
        error, what = verdict(vector, unwrap)
        print(f"{vector['file']:36} {error or 'opens':12} {what or ''}")
        assert error == vector["error"], f"{vector['file']} should be {vector['error']}"
    files = {path.name for path in FOLDER.glob("*.bulla")}
    assert files == {vector["file"] for vector in table["vectors"]}, "a file is not in vectors.json"


if __name__ == "__main__":
    main()
