"""The SM4 construction, checked with PyPI cryptography: its vectors, and the reader in docs/blob-format.md."""

import json
import sys

import pytest
from cryptography.exceptions import InvalidTag

from serve import ROOT

SM4 = ROOT / "testdata/sm4"
sys.path.insert(0, str(SM4))

import make_sm4_vectors  # noqa: E402

VECTORS = json.loads((SM4 / "vectors.json").read_text())["vectors"]
PARTS = ("key", "sealed", "aad", "plaintext")


def test_the_vectors_are_computed_again():
    assert make_sm4_vectors.vectors() == VECTORS


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_documented_reader_opens_the_vectors(sm4_open, vector):
    key, sealed, aad, plaintext = (bytes.fromhex(vector[part]) for part in PARTS)
    assert sm4_open(key, sealed, aad) == plaintext
    for index in range(len(sealed)):
        broken = bytearray(sealed)
        broken[index] ^= 1
        with pytest.raises(InvalidTag):
            sm4_open(key, bytes(broken), aad)


def test_the_documented_example_is_the_first_vector():
    section = (ROOT / "docs/blob-format.md").read_text().partition("\n## SM4-GCM\n")[2].partition("\n## ")[0]
    first = VECTORS[0]
    sealed = first["sealed"].removeprefix(first["nonce"])
    values = [first[name] for name in ("key", "nonce", "message_key")] + [sealed[:-32], sealed[-32:]]
    assert set(values) <= set(section.split())
    assert bytes.fromhex(first["plaintext"]).decode() in section
