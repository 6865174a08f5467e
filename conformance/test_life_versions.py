"""The life of a key with every official client: its description, its versions, and rotation."""

import pytest

from expect import NO_KEY, refused


def test_update_key_description(kms, own_key):
    kms("UpdateKeyDescription", KeyId=own_key, Description="for sales & 销售")
    assert kms("DescribeKey", KeyId=own_key)["KeyMetadata"]["Description"] == "for sales & 销售"
    with refused("Forbidden.KeyNotFound", 404, "The specified Key is not found."):
        kms("UpdateKeyDescription", KeyId=NO_KEY, Description="nobody's")
    with refused("InvalidParameter", 400, 'The specified parameter "Description" is not valid.'):
        kms("UpdateKeyDescription", KeyId=own_key, Description="x" * 8193)


def test_key_versions(kms, own_key):
    first = kms("DescribeKey", KeyId=own_key)["KeyMetadata"]["PrimaryKeyVersion"]
    old_blob = kms("Encrypt", KeyId=own_key, Plaintext="b2xk")["CiphertextBlob"]
    version = kms("CreateKeyVersion", KeyId=own_key)["KeyVersion"]
    second = version["KeyVersionId"]
    assert (version["KeyId"], second != first) == (own_key, True)
    assert kms("DescribeKey", KeyId=own_key)["KeyMetadata"]["PrimaryKeyVersion"] == second
    assert kms("Encrypt", KeyId=own_key, Plaintext="bmV3")["KeyVersionId"] == second
    decrypted = kms("Decrypt", CiphertextBlob=old_blob)
    assert (decrypted["Plaintext"], decrypted["KeyVersionId"]) == ("b2xk", first)

    assert kms("DescribeKeyVersion", KeyId=own_key, KeyVersionId=second)["KeyVersion"] == version
    reply = kms("ListKeyVersions", KeyId=own_key, PageNumber=1, PageSize=10)
    assert [entry["KeyVersionId"] for entry in reply["KeyVersions"]] == [second, first]
    assert (reply["TotalCount"], reply["PageNumber"], reply["PageSize"]) == (2, 1, 10)
    with refused("Forbidden.KeyVersionNotFound", 404, "The specified Key version is not found."):
        kms("DescribeKeyVersion", KeyId=own_key, KeyVersionId=NO_KEY)
    for action in ("CreateKeyVersion", "ListKeyVersions"):
        with refused("Forbidden.KeyNotFound", 404, "The specified Key is not found."):
            kms(action, KeyId=NO_KEY)
    kms("DisableKey", KeyId=own_key)
    with refused("Rejected.Disabled", 409, "The request was rejected because the key state is Disabled."):
        kms("CreateKeyVersion", KeyId=own_key)


def test_rotation_policy(kms, own_key):
    kms("UpdateRotationPolicy", KeyId=own_key, EnableAutomaticRotation=True, RotationInterval="30d")
    metadata = kms("DescribeKey", KeyId=own_key)["KeyMetadata"]
    assert (metadata["AutomaticRotation"], metadata["RotationInterval"]) == ("Enabled", "2592000s")
    assert metadata["NextRotationDate"] > metadata["LastRotationDate"]
    kms("DisableKey", KeyId=own_key)
    assert kms("DescribeKey", KeyId=own_key)["KeyMetadata"]["AutomaticRotation"] == "Suspended"
    kms("EnableKey", KeyId=own_key)
    kms("UpdateRotationPolicy", KeyId=own_key, EnableAutomaticRotation=False)
    assert kms("DescribeKey", KeyId=own_key)["KeyMetadata"]["AutomaticRotation"] == "Disabled"
    for interval in ("6d", "731d", "often"):
        with refused("InvalidParameter", 400, "RotationInterval"):
            kms(
                "UpdateRotationPolicy", KeyId=own_key, EnableAutomaticRotation=True, RotationInterval=interval
            )


def test_a_key_that_rotates_from_the_start(kms):
    metadata = kms("CreateKey", EnableAutomaticRotation=True, RotationInterval="365d")["KeyMetadata"]
    assert (metadata["AutomaticRotation"], metadata["RotationInterval"]) == ("Enabled", "31536000s")


@pytest.mark.parametrize("spec", ("EC_P256", "HMAC_SHA256"))
def test_a_key_that_does_not_rotate(kms, spec):
    key_id = kms("CreateKey", KeySpec=spec)["KeyMetadata"]["KeyId"]
    with refused("Rejected.UnsupportedOperation", 400):
        kms("UpdateRotationPolicy", KeyId=key_id, EnableAutomaticRotation=True, RotationInterval="30d")
