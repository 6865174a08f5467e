"""Writes vectors.json: vectors for the hash of a set of rows in docs/blob-format.md, computed with Python's hmac and hashlib.

    python testdata/anchor/make_anchor_vectors.py

All values are derived from the names below, so the output is deterministic.
"""

import hmac
import json
from hashlib import sha256, sha512
from pathlib import Path

ROOT_KEY = bytes(range(32))
ROWS = [
    ("key", bytes(range(16)), 1),
    ("key", bytes(range(16)), 2),
    ("alias", "alias/档案".encode(), 2**62),
    ("secret-value", bytes(range(16, 32)), 2**64 - 1),
    ("private", b"clock/mark", 7),
    ("a", b"", 0),
]


def subkey(root_key):
    """Returns the first block of HKDF-Expand-SHA-512 (RFC 5869), truncated to 32 bytes."""
    return hmac.digest(root_key, b"bulla/root/anchor" + b"\1", sha512)[:32]


def number(key, message):
    return int.from_bytes(hmac.digest(key, message, sha256), "big")


def row_hash(key, table, primary_key, revision):
    parts = [table.encode(), primary_key]
    row = b"".join(len(part).to_bytes(4, "big") + part for part in parts) + revision.to_bytes(8, "big")
    return number(key, b"\1" + row)


def stored(key, rows, nonce):
    total = number(key, b"\0" + nonce) + sum(row_hash(key, *row) for row in rows)
    return (total % 2**256).to_bytes(32, "big").hex()


def main():
    key = subkey(ROOT_KEY)
    sets = [[], [0], [1], [0, 2], [2, 3, 4], [0, 2, 3, 4, 5], [5, 5]]
    table = {
        "root_key": ROOT_KEY.hex(),
        "subkey": key.hex(),
        "rows": [
            {
                "table": name,
                "primary_key": primary_key.hex(),
                "revision": str(revision),
                "hash": row_hash(key, name, primary_key, revision).to_bytes(32, "big").hex(),
            }
            for name, primary_key, revision in ROWS
        ],
        "sets": [],
    }
    for at, members in enumerate(sets):
        nonce = sha256(b"nonce %d" % at).digest()[:16]
        value = stored(key, [ROWS[member] for member in members], nonce)
        table["sets"].append({"rows": members, "nonce": nonce.hex(), "sum": value})
    path = Path(__file__).with_name("vectors.json")
    path.write_text(json.dumps(table, indent=2) + "\n")


main()
