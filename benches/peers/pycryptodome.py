"""Encrypts or decrypts with AES-256-GCM of PyCryptodome and a fixed key: nonce, ciphertext and tag of each piece of 1 MiB.

It only serves to measure the speed: removed or swapped pieces are not detected.
"""

import sys

from Crypto.Cipher import AES
from Crypto.Random import get_random_bytes

KEY = bytes(range(32))
NONCE, PIECE, TAG = 12, 1 << 20, 16

way, in_file, out_file = sys.argv[1:]

with open(in_file, "rb") as source, open(out_file, "wb") as target:
    if way == "encrypt":
        while piece := source.read(PIECE):
            cipher = AES.new(KEY, AES.MODE_GCM, nonce=get_random_bytes(NONCE))
            ciphertext, tag = cipher.encrypt_and_digest(piece)
            target.write(cipher.nonce + ciphertext + tag)
    else:
        while piece := source.read(NONCE + PIECE + TAG):
            cipher = AES.new(KEY, AES.MODE_GCM, nonce=piece[:NONCE])
            target.write(cipher.decrypt_and_verify(piece[NONCE:-TAG], piece[-TAG:]))
