"""The life of a key with every official client: other cryptographic operations, and the service itself."""

from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from expect import refused

OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


@pytest.fixture(scope="module")
def receiver():
    """The receiver of an exported data key: a private key, and the parameters with its public key."""
    private_key = rsa.generate_private_key(65537, 2048)
    spki = private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    wrapping = {
        "PublicKeyBlob": b64encode(spki).decode(),
        "WrappingAlgorithm": "RSAES_OAEP_SHA_256",
        "WrappingKeySpec": "RSA_2048",
    }
    return private_key, wrapping


def test_re_encrypt(kms, own_key):
    other_key = kms("CreateKey")["KeyMetadata"]["KeyId"]
    source, destination = {"project": "Apollo"}, {"项目": "双子座"}
    blob = kms("Encrypt", KeyId=own_key, Plaintext="bW92ZWQ=", EncryptionContext=source)["CiphertextBlob"]
    moved = kms(
        "ReEncrypt",
        CiphertextBlob=blob,
        DestinationKeyId=other_key,
        SourceEncryptionContext=source,
        DestinationEncryptionContext=destination,
    )
    assert moved["KeyId"] == other_key
    decrypted = kms("Decrypt", CiphertextBlob=moved["CiphertextBlob"], EncryptionContext=destination)
    assert (decrypted["Plaintext"], decrypted["KeyVersionId"]) == ("bW92ZWQ=", moved["KeyVersionId"])
    with refused("InvalidParameter", 400, 'The specified parameter "CiphertextBlob" is not valid.'):
        kms("ReEncrypt", CiphertextBlob=blob, DestinationKeyId=other_key)


def test_export_data_key(kms, own_key, receiver):
    private_key, wrapping = receiver
    context = {"project": "Apollo"}
    data_key = kms("GenerateDataKey", KeyId=own_key, EncryptionContext=context)
    blob = data_key["CiphertextBlob"]
    exported = kms("ExportDataKey", CiphertextBlob=blob, EncryptionContext=context, **wrapping)
    assert (exported["KeyId"], exported["KeyVersionId"]) == (own_key, data_key["KeyVersionId"])
    opened = private_key.decrypt(b64decode(exported["ExportedDataKey"]), OAEP)
    assert b64encode(opened).decode() == data_key["Plaintext"]
    with refused("InvalidParameter", 400, 'The specified parameter "CiphertextBlob" is not valid.'):
        kms("ExportDataKey", CiphertextBlob=blob, **wrapping)


def test_generate_and_export_data_key(kms, own_key, receiver):
    private_key, wrapping = receiver
    reply = kms("GenerateAndExportDataKey", KeyId=own_key, NumberOfBytes=24, **wrapping)
    opened = private_key.decrypt(b64decode(reply["ExportedDataKey"]), OAEP)
    assert len(opened) == 24
    plaintext = kms("Decrypt", CiphertextBlob=reply["CiphertextBlob"])["Plaintext"]
    assert b64encode(opened).decode() == plaintext
    with refused("InvalidParameter", 400, 'The specified parameter "PublicKeyBlob" is not valid.'):
        kms("GenerateAndExportDataKey", KeyId=own_key, **wrapping | {"PublicKeyBlob": "bm8ga2V5"})


@pytest.mark.parametrize("spec, algorithm", (("HMAC_SHA256", "HMAC_SHA_256"), ("HMAC_SM3", "HMAC_SM3")))
def test_mac(kms, spec, algorithm):
    key_id = kms("CreateKey", KeySpec=spec)["KeyMetadata"]["KeyId"]
    message, other = (b64encode(text.encode()).decode() for text in ("信封加密", "something else"))
    made = kms("GenerateMac", KeyId=key_id, Message=message, Algorithm=algorithm)
    assert (made["KeyId"], made["Algorithm"]) == (key_id, algorithm)
    assert len(b64decode(made["Mac"], validate=True)) == 32
    for sent, value in ((message, True), (other, False)):
        verified = kms("VerifyMac", KeyId=key_id, Message=sent, Algorithm=algorithm, Mac=made["Mac"])
        assert verified["Value"] is value
    with refused("InvalidParameter", 400, 'The specified parameter "Algorithm" is not valid.'):
        kms("GenerateMac", KeyId=key_id, Message=message, Algorithm="HMAC_SHA_512")


def test_dry_run(kms, own_key):
    """A dry run always returns an error, whose code is the result."""
    with refused("DryRunOperationError", 400):
        kms("Encrypt", KeyId=own_key, Plaintext="ZHJ5", DryRun="true")


def test_the_service(kms):
    assert kms("DescribeAccountKmsStatus")["AccountStatus"] == "Enabled"


def test_random_password(kms):
    password = kms("GetRandomPassword", PasswordLength="40", ExcludePunctuation="true")["RandomPassword"]
    assert len(password) == 40 and password.isalnum()
    with refused("InvalidParameter", 400, 'The specified parameter "PasswordLength" is not valid.'):
        kms("GetRandomPassword", PasswordLength="7")
