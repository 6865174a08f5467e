"""The command `openssl`, as an independent implementation of the standards with key pairs of its own."""

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat import asn1

# The flags of `openssl pkeyutl` for the padding of an algorithm.
PADDINGS = {
    "RSAES_PKCS1_V1_5": "-pkeyopt rsa_padding_mode:pkcs1",
    "RSAES_OAEP_SHA_1": "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha1",
    "RSAES_OAEP_SHA_256": "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256",
    "SM2PKE": "",
}
# The flags of `openssl dgst` for the hash and padding of an algorithm.
SIGNATURES = {
    "RSA_PSS_SHA_256": "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32",
    "RSA_PKCS1_SHA_256": "-sha256",
    "ECDSA_SHA_256": "-sha256",
    "SM2DSA": "-sm3 -sigopt distid:1234567812345678",
}
# The flags of `openssl genpkey` for a key pair of a spec.
KEYS = {
    "RSA_2048": "-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
    "EC_SM2": "-algorithm EC -pkeyopt ec_paramgen_curve:SM2",
}


class OpenSsl:
    """`openssl` in a directory of its own."""

    def __init__(self, directory: Path):
        if not shutil.which("openssl"):
            pytest.fail("these tests need the command openssl: apt-get install openssl")
        self.directory = directory

    def __call__(self, line, **files):
        """Runs `openssl LINE`, which names these files and must succeed. Returns its stdout."""
        done = self._run(line, files)
        assert done.returncode == 0, f"openssl {line}: {done.stderr.decode()}"
        return done.stdout

    def verifies(self, algorithm, public_key, message, signature):
        """Whether the signature is valid. Any other failure of openssl fails the test."""
        line = f"dgst {SIGNATURES[algorithm]} -verify public -signature signature message"
        done = self._run(line, {"public": public_key, "message": message, "signature": signature})
        expected = {0: b"Verified OK\n", 1: b"Verification failure\n"}
        assert done.stdout == expected.get(done.returncode), f"openssl {line}: {done.stderr.decode()}"
        return done.returncode == 0

    def encrypt(self, algorithm, public_key, plaintext):
        """Encrypts for a public key in PEM or DER. An SM2 ciphertext is in DER."""
        line = f"pkeyutl -encrypt -pubin -inkey public -in plaintext {PADDINGS[algorithm]}"
        return self(line, public=public_key, plaintext=plaintext)

    def decrypt(self, algorithm, private_key, ciphertext):
        """Decrypts a ciphertext, which is in DER for SM2."""
        line = f"pkeyutl -decrypt -inkey private -in ciphertext {PADDINGS[algorithm]}"
        return self(line, private=private_key, ciphertext=ciphertext)

    def key_pair(self, spec):
        """Returns a new private key in PEM, and its public key in DER."""
        private_key = self(f"genpkey {KEYS[spec]}")
        return private_key, self("pkey -in private -pubout -outform DER", private=private_key)

    def _run(self, line, files):
        for name, content in files.items():
            (self.directory / name).write_bytes(content)
        return subprocess.run(
            ["openssl", *line.split()],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
        )


@asn1.sequence
class Sm2Cipher:
    """An SM2 ciphertext in the format of openssl (GB/T 35276): the coordinates of the point C1, C3, C2."""

    x: int
    y: int
    hash: bytes
    text: bytes


def sm2_der(ciphertext):
    """Converts from C1 ‖ C3 ‖ C2, bulla's format, with 65 bytes for the point and 32 for C3."""
    assert ciphertext[0] == 4, "C1 is not uncompressed"
    x, y = (int.from_bytes(ciphertext[at : at + 32]) for at in (1, 33))
    return asn1.encode_der(Sm2Cipher(x=x, y=y, hash=ciphertext[65:97], text=ciphertext[97:]))


def sm2_plain(der):
    """Converts from DER to bulla's format."""
    cipher = asn1.decode_der(Sm2Cipher, der)
    return b"\4" + cipher.x.to_bytes(32) + cipher.y.to_bytes(32) + cipher.hash + cipher.text
