"""The life of a key with every official client: imported material."""

import os
import time
from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_der_public_key

from expect import refused

OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


@pytest.fixture
def external(kms):
    """A key without material."""
    metadata = kms("CreateKey", Origin="EXTERNAL")["KeyMetadata"]
    assert (metadata["Origin"], metadata["KeyState"]) == ("EXTERNAL", "PendingImport")
    return metadata["KeyId"]


def test_import_and_delete_key_material(kms, external):
    pending = "The request was rejected because the key state is PendingImport."
    with refused("Rejected.PendingImport", 409, pending):
        kms("GenerateDataKey", KeyId=external)
    parameters = parameters_for_import(kms, external)
    material = os.urandom(32)
    expiry = int(time.time()) + 86400
    import_material(kms, parameters, material, KeyMaterialExpireUnix=expiry)
    metadata = kms("DescribeKey", KeyId=external)["KeyMetadata"]
    assert metadata["KeyState"] == "Enabled"
    assert metadata["MaterialExpireTime"] == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(expiry))
    blob = kms("Encrypt", KeyId=external, Plaintext="aW1wb3J0ZWQ=")["CiphertextBlob"]

    kms("DeleteKeyMaterial", KeyId=external)
    assert kms("DescribeKey", KeyId=external)["KeyMetadata"]["KeyState"] == "PendingImport"
    with refused("Rejected.PendingImport", 409, pending):
        kms("Decrypt", CiphertextBlob=blob)
    with refused("InvalidKeyMaterial", 400, "key material is invalid"):
        import_material(kms, parameters, os.urandom(32), KeyMaterialExpireUnix=0)
    import_material(kms, parameters, material, KeyMaterialExpireUnix=0)
    assert kms("DescribeKey", KeyId=external)["KeyMetadata"]["MaterialExpireTime"] == ""
    assert kms("Decrypt", CiphertextBlob=blob)["Plaintext"] == "aW1wb3J0ZWQ="


def test_refused_imports(kms, external, own_key):
    parameters = parameters_for_import(kms, external)
    with refused("InvalidKeyMaterial", 400, "key material is invalid"):
        import_material(kms, parameters, os.urandom(31), KeyMaterialExpireUnix=0)
    token = b64encode(os.urandom(64)).decode()
    with refused("InvalidImportToken", 400, "import token is invalid"):
        import_material(kms, parameters | {"ImportToken": token}, os.urandom(32), KeyMaterialExpireUnix=0)
    with refused("Unsupported.Origin", 400, "This key origin is not valid for this api."):
        parameters_for_import(kms, own_key)
    with refused("Unsupported.Origin", 400, "This key origin is not valid for this api."):
        kms("DeleteKeyMaterial", KeyId=own_key)


def parameters_for_import(kms, key_id):
    return kms(
        "GetParametersForImport",
        KeyId=key_id,
        WrappingKeySpec="RSA_2048",
        WrappingAlgorithm="RSAES_OAEP_SHA_256",
    )


def import_material(kms, parameters, material, **expiry):
    public_key = load_der_public_key(b64decode(parameters["PublicKey"], validate=True))
    assert public_key.key_size == 2048
    kms(
        "ImportKeyMaterial",
        KeyId=parameters["KeyId"],
        EncryptedKeyMaterial=b64encode(public_key.encrypt(material, OAEP)).decode(),
        ImportToken=parameters["ImportToken"],
        **expiry,
    )
