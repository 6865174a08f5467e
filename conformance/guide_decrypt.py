"""Decrypts a four-line file as the cloud's envelope encryption guide does, in Python 3.

As in the guide, the first line is sent to the KMS with its newline, and the plaintext is written as UTF-8 text. `--binary`
writes its bytes instead, which the guide cannot. Arguments replace the guide's constants.
"""

import argparse
import base64
import json

from aliyunsdkcore import client
from aliyunsdkkms.request.v20160120 import DecryptRequest
from Crypto.Cipher import AES


def decrypt_data_key(acs_client, encrypted_key):
    request = DecryptRequest.DecryptRequest()
    request.set_accept_format("JSON")
    request.set_CiphertextBlob(encrypted_key)
    response = json.loads(acs_client.do_action(request))
    return response["Plaintext"]


def decrypt_file(plaintext_key, nonce, ciphertext, tag):
    cipher = AES.new(plaintext_key, AES.MODE_EAX, nonce)
    return cipher.decrypt_and_verify(ciphertext, tag)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("endpoint", "region", "access-key-id", "access-key-secret", "ca"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--binary", action="store_true")
    parser.add_argument("in_file")
    parser.add_argument("out_file")
    args = parser.parse_args()

    acs_client = client.AcsClient(args.access_key_id, args.access_key_secret, args.region, verify=args.ca)
    acs_client.add_endpoint(args.region, "Kms", args.endpoint)
    with open(args.in_file) as file:
        lines = list(file)
    plaintext_key = decrypt_data_key(acs_client, lines[0])
    data = decrypt_file(*map(base64.b64decode, (plaintext_key, *lines[1:])))
    if args.binary:
        with open(args.out_file, "wb") as file:
            file.write(data)
    else:
        # The guide runs on Python 2, which does not convert line ends.
        with open(args.out_file, "w", encoding="utf-8", newline="") as file:
            file.write(data.decode("utf-8"))


if __name__ == "__main__":
    main()
