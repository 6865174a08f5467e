"""Encrypts a local file as the cloud's envelope encryption guide does, in Python 3.

The guide's script is Python 2. This one reads the input as bytes, writes base64 as text, and takes arguments instead of
constants. Everything else is as in the guide: the SDK, the calls, the cipher and its defaults.
"""

import argparse
import base64
import json

from aliyunsdkcore import client
from aliyunsdkkms.request.v20160120 import GenerateDataKeyRequest
from Crypto.Cipher import AES


def generate_data_key(acs_client, key_alias):
    request = GenerateDataKeyRequest.GenerateDataKeyRequest()
    request.set_accept_format("JSON")
    request.set_KeyId(key_alias)
    request.set_NumberOfBytes(32)
    response = json.loads(acs_client.do_action(request))
    return response["Plaintext"], response["CiphertextBlob"]


def encrypt_file(plaintext_key, encrypted_key, in_file, out_file):
    """Writes four lines of base64: encrypted data key, nonce, ciphertext, authentication tag."""
    cipher = AES.new(base64.b64decode(plaintext_key), AES.MODE_EAX)
    with open(in_file, "rb") as file:
        ciphertext, tag = cipher.encrypt_and_digest(file.read())
    with open(out_file, "w") as file:
        file.write(encrypted_key + "\n")
        for part in (cipher.nonce, ciphertext, tag):
            file.write(base64.b64encode(part).decode() + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("endpoint", "region", "access-key-id", "access-key-secret", "ca", "key"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("in_file")
    parser.add_argument("out_file")
    args = parser.parse_args()

    acs_client = client.AcsClient(args.access_key_id, args.access_key_secret, args.region, verify=args.ca)
    acs_client.add_endpoint(args.region, "Kms", args.endpoint)
    encrypt_file(*generate_data_key(acs_client, args.key), args.in_file, args.out_file)


if __name__ == "__main__":
    main()
