"""The local part of the guide's decryption in Python 3, with a fixed data key instead of the KMS, and bytes instead of text."""

import base64
import sys

from Crypto.Cipher import AES

plaintext_key, in_file, out_file = sys.argv[1:]

with open(in_file) as file:
    lines = list(file)
nonce, ciphertext, tag = (base64.b64decode(line) for line in lines[1:4])
cipher = AES.new(base64.b64decode(plaintext_key), AES.MODE_EAX, nonce)
plaintext = cipher.decrypt_and_verify(ciphertext, tag)
with open(out_file, "wb") as file:
    file.write(plaintext)
