"""Encrypts or decrypts with Cobblestone-256 of the package cryptography, the body of bulla's native format, and a fixed key."""

import sys

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor

KEY = bytes(range(32))
PIECE = 1 << 20

way, in_file, out_file = sys.argv[1:]

side = Cobblestone256Encryptor if way == "encrypt" else Cobblestone256Decryptor
cobblestone = side(KEY, b"")
with open(in_file, "rb") as source, open(out_file, "wb") as target:
    while piece := source.read(PIECE):
        target.write(cobblestone.update(piece))
    target.write(cobblestone.finalize())
