"""The life of a key with every official client: key pairs, whose public keys PyPI cryptography uses too."""

import os
from base64 import b64decode, b64encode

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from expect import NO_KEY, refused

SHA256, SHA1 = hashes.SHA256(), hashes.SHA1()
DIGESTED = utils.Prehashed(SHA256)
OAEP = {
    "RSAES_OAEP_SHA_256": padding.OAEP(padding.MGF1(SHA256), SHA256, None),
    "RSAES_OAEP_SHA_1": padding.OAEP(padding.MGF1(SHA1), SHA1, None),
}
SIGNATURES = {
    "RSA_PSS_SHA_256": (padding.PSS(padding.MGF1(SHA256), SHA256.digest_size), DIGESTED),
    "RSA_PKCS1_SHA_256": (padding.PKCS1v15(), DIGESTED),
    "ECDSA_SHA_256": (ec.ECDSA(DIGESTED),),
}
SM2_CURVE = "1.2.156.10197.1.301"
PAIRS = {
    "RSA_2048": ("RSA_PSS_SHA_256", "RSA_PKCS1_SHA_256"),
    "RSA_3072": ("RSA_PSS_SHA_256", "RSA_PKCS1_SHA_256"),
    "EC_P256": ("ECDSA_SHA_256",),
    "EC_P256K": ("ECDSA_SHA_256",),
    "EC_SM2": ("SM2DSA",),
}


def test_asymmetric_encrypt(kms):
    pair = create(kms, KeySpec="RSA_2048", KeyUsage="ENCRYPT/DECRYPT")
    public_key = load_public_key(kms("GetPublicKey", **pair)["PublicKey"])
    plaintext = b64encode("信封加密".encode()).decode()
    for algorithm, oaep in OAEP.items():
        encrypted = kms("AsymmetricEncrypt", **pair, Algorithm=algorithm, Plaintext=plaintext)
        assert encrypted | pair == encrypted
        by_others = b64encode(public_key.encrypt(b64decode(plaintext), oaep)).decode()
        for ciphertext in (encrypted["CiphertextBlob"], by_others):
            decrypted = kms("AsymmetricDecrypt", **pair, Algorithm=algorithm, CiphertextBlob=ciphertext)
            assert decrypted | pair | {"Plaintext": plaintext} == decrypted
    damaged = b64encode(os.urandom(256)).decode()
    with refused("InvalidParameter", 400, 'The specified parameter "CiphertextBlob" is not valid.'):
        kms("AsymmetricDecrypt", **pair, Algorithm="RSAES_OAEP_SHA_256", CiphertextBlob=damaged)
    with refused("InvalidParameter", 400, 'The specified parameter "Algorithm" is not valid.'):
        kms("AsymmetricEncrypt", **pair, Algorithm="SM2PKE", Plaintext=plaintext)


def test_sm2_encrypt(kms):
    pair = create(kms, KeySpec="EC_SM2", KeyUsage="ENCRYPT/DECRYPT")
    encrypted = kms("AsymmetricEncrypt", **pair, Algorithm="SM2PKE", Plaintext="c20y")
    ciphertext = encrypted["CiphertextBlob"]
    decrypted = kms("AsymmetricDecrypt", **pair, Algorithm="SM2PKE", CiphertextBlob=ciphertext)
    assert decrypted["Plaintext"] == "c20y"


@pytest.mark.parametrize("spec", PAIRS)
def test_asymmetric_sign(kms, spec):
    pair = create(kms, KeySpec=spec, KeyUsage="SIGN/VERIFY")
    public_key = load_public_key(kms("GetPublicKey", **pair)["PublicKey"])
    digest, other = (b64encode(os.urandom(32)).decode() for _ in range(2))
    for algorithm in PAIRS[spec]:
        signed = kms("AsymmetricSign", **pair, Algorithm=algorithm, Digest=digest)
        assert signed | pair == signed
        if spec != "EC_SM2":
            public_key.verify(b64decode(signed["Value"]), b64decode(digest), *SIGNATURES[algorithm])
        for sent, value in ((digest, True), (other, False)):
            verified = kms(
                "AsymmetricVerify", **pair, Algorithm=algorithm, Digest=sent, Value=signed["Value"]
            )
            assert verified["Value"] is value
    with refused("InvalidParameter", 400, 'The specified parameter "Digest" is not valid.'):
        kms("AsymmetricSign", **pair, Algorithm=PAIRS[spec][0], Digest="c2hvcnQ=")
    with refused("Forbidden.KeyVersionNotFound", 404, "The specified Key version is not found."):
        kms("GetPublicKey", KeyId=pair["KeyId"], KeyVersionId=NO_KEY)


def test_a_version_of_a_key_pair_has_its_own_public_key(kms):
    pair = create(kms, KeySpec="EC_P256", KeyUsage="SIGN/VERIFY")
    second = kms("CreateKeyVersion", KeyId=pair["KeyId"])["KeyVersion"]["KeyVersionId"]
    one = kms("GetPublicKey", **pair)["PublicKey"]
    two = kms("GetPublicKey", **pair | {"KeyVersionId": second})["PublicKey"]
    assert one != two


def test_a_symmetric_key_is_no_pair(kms, own_key):
    version = kms("DescribeKey", KeyId=own_key)["KeyMetadata"]["PrimaryKeyVersion"]
    with refused("UnsupportedOperation", 400, "This action is not supported."):
        kms("GetPublicKey", KeyId=own_key, KeyVersionId=version)


def create(kms, **parameters):
    """Creates a key pair. Returns the parameters that name it: key and version."""
    key_id = kms("CreateKey", **parameters)["KeyMetadata"]["KeyId"]
    [version] = kms("ListKeyVersions", KeyId=key_id)["KeyVersions"]
    return {"KeyId": key_id, "KeyVersionId": version["KeyVersionId"]}


def load_public_key(text):
    """Returns the key; None for SM2, which cryptography does not support."""
    assert text.startswith("-----BEGIN PUBLIC KEY-----\n") and text.endswith("\n-----END PUBLIC KEY-----\n")
    try:
        return load_pem_public_key(text.encode())
    except UnsupportedAlgorithm as error:
        assert SM2_CURVE in str(error)
        return None
