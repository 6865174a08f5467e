"""The local part of the guide's encryption in Python 3, with a fixed data key instead of the KMS."""

import base64
import sys

from Crypto.Cipher import AES

plaintext_key, encrypted_key, in_file, out_file = sys.argv[1:]

cipher = AES.new(base64.b64decode(plaintext_key), AES.MODE_EAX)
with open(in_file, "rb") as file:
    ciphertext, tag = cipher.encrypt_and_digest(file.read())
with open(out_file, "w") as file:
    file.write(encrypted_key + "\n")
    for part in (cipher.nonce, ciphertext, tag):
        file.write(base64.b64encode(part).decode() + "\n")
