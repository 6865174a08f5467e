"""Writes vectors.json: vectors for the SM4 construction of docs/blob-format.md, computed with PyPI cryptography.

    python testdata/sm4/make_sm4_vectors.py

All values are derived from the names below, so the output is deterministic.
"""

import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SM3
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode

LABEL = b"bulla/blob/sm4/v1"
DATA_KEY_AAD = b"bulla/blob/v1\0" + b"88dcfcb5-f6ae-4f5e-bf78-13bf6a2d3aa6" + bytes(4)
DATA_KEY = b"2N7SOE14vOeLGnHZStmvsJAQg9hpcrj6N24H8QEQmAQ="


def message_key(key, context):
    """Derives the key with SP 800-108 in counter mode: u32be 1, label, 00, context, u32be 128."""
    kdf = KBKDFHMAC(
        algorithm=SM3(),
        mode=Mode.CounterMode,
        length=16,
        rlen=4,
        llen=4,
        location=CounterLocation.BeforeFixed,
        label=LABEL,
        context=context,
        fixed=None,
    )
    return kdf.derive(key)


def seal(key, nonce, aad, plaintext):
    gcm = Cipher(algorithms.SM4(message_key(key, nonce[:12])), modes.GCM(nonce[12:])).encryptor()
    gcm.authenticate_additional_data(aad)
    return nonce + gcm.update(plaintext) + gcm.finalize() + gcm.tag


def pseudorandom(text, size):
    return hashlib.shake_256(text.encode()).digest(size)


def vector(name, plaintext, aad, key=None, nonce=None):
    key = pseudorandom(f"{name}/key", 16) if key is None else key
    nonce = pseudorandom(f"{name}/nonce", 24) if nonce is None else nonce
    parts = {
        "key": key,
        "nonce": nonce,
        "message_key": message_key(key, nonce[:12]),
        "aad": aad,
        "plaintext": plaintext,
        "sealed": seal(key, nonce, aad, plaintext),
    }
    return {"name": name} | {part: value.hex() for part, value in parts.items()}


def vectors():
    return [
        vector("data key", DATA_KEY, DATA_KEY_AAD),
        vector("nothing at all", b"", b""),
        vector("associated data alone", b"", b"associated data"),
        vector("one byte", b"\x00", b""),
        vector("zeros in all places, two blocks", bytes(32), bytes(16), key=bytes(16), nonce=bytes(24)),
        vector("many blocks", pseudorandom("plaintext", 1001), pseudorandom("aad", 333)),
    ]


if __name__ == "__main__":
    text = json.dumps({"vectors": vectors()}, indent=2)
    (Path(__file__).resolve().parent / "vectors.json").write_text(text + "\n")
