"""An OIDC provider on this machine: a key pair, the key set with its public key, and signed tokens."""

import json
import time
from base64 import urlsafe_b64encode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

NAME = "ci"
ISSUER = "https://ci.example"
AUDIENCE = "sts.aliyuncs.com"
SUBJECT = "repo:acme/website:main"


class IdentityProvider:
    """Signs tokens, which a server with its `configuration` accepts."""

    def __init__(self, directory):
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        numbers = self._key.public_key().public_numbers()
        jwk = {"kty": "RSA", "kid": "1", "alg": "RS256", "use": "sig"} | {
            name: encoded(number.to_bytes((number.bit_length() + 7) // 8, "big"))
            for name, number in (("n", numbers.n), ("e", numbers.e))
        }
        keys = directory / "keys.json"
        keys.write_text(json.dumps({"keys": [jwk]}))
        keys.chmod(0o600)
        self.configuration = directory / "bulla.toml"
        self.configuration.write_text(
            f"[[oidc]]\nname = '{NAME}'\nissuer = '{ISSUER}'\nclient-ids = ['{AUDIENCE}']\njwks = '{keys}'\n"
        )

    def token(self, **claims):
        """Returns a token that is valid for ten minutes, with these claims replaced."""
        now = int(time.time())
        good = {"iss": ISSUER, "aud": AUDIENCE, "sub": SUBJECT, "iat": now, "nbf": now, "exp": now + 600}
        parts = ({"alg": "RS256", "typ": "JWT", "kid": "1"}, good | claims)
        signed = ".".join(encoded(json.dumps(part).encode()) for part in parts)
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{encoded(signature)}"


def encoded(content: bytes):
    """Returns Base64 in the format of JSON Web Tokens."""
    return urlsafe_b64encode(content).rstrip(b"=").decode()
