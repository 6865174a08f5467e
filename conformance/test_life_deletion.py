"""The life of a key with every official client: its deletion, scheduled and cancelled."""

from expect import NO_KEY, refused


def test_schedule_and_cancel_deletion(kms, own_key):
    kms("ScheduleKeyDeletion", KeyId=own_key, PendingWindowInDays=7)
    metadata = kms("DescribeKey", KeyId=own_key)["KeyMetadata"]
    assert metadata["KeyState"] == "PendingDeletion"
    assert metadata["DeleteDate"] > metadata["CreationDate"]
    pending = "The request was rejected because the key state is PendingDeletion."
    with refused("Rejected.PendingDeletion", 409, pending):
        kms("GenerateDataKey", KeyId=own_key)
    with refused("Rejected.PendingDeletion", 409, pending):
        kms("UpdateKeyDescription", KeyId=own_key, Description="too late")
    with refused("Rejected.StateModifiedFailed", 409, "Keystate modified failed."):
        kms("EnableKey", KeyId=own_key)
    assert own_key in keys_in_state(kms, "PendingDeletion")

    kms("CancelKeyDeletion", KeyId=own_key)
    metadata = kms("DescribeKey", KeyId=own_key)["KeyMetadata"]
    assert (metadata["KeyState"], metadata["DeleteDate"]) == ("Enabled", "")
    assert kms("GenerateDataKey", KeyId=own_key)["KeyId"] == own_key
    with refused("Rejected.StateModifiedFailed", 409, "Keystate modified failed."):
        kms("CancelKeyDeletion", KeyId=own_key)


def test_the_window_of_a_deletion(kms, own_key):
    for days in (6, 367):
        with refused("InvalidParameter", 400, 'The specified parameter "PendingWindowInDays" is not valid.'):
            kms("ScheduleKeyDeletion", KeyId=own_key, PendingWindowInDays=days)
    with refused("Forbidden.KeyNotFound", 404, "The specified Key is not found."):
        kms("ScheduleKeyDeletion", KeyId=NO_KEY, PendingWindowInDays=7)
    kms("ScheduleKeyDeletion", KeyId=own_key, PendingWindowInDays=366)


def test_deletion_protection(kms):
    metadata = kms("CreateKey")["KeyMetadata"]
    key_id, arn = metadata["KeyId"], metadata["Arn"]
    kms(
        "SetDeletionProtection",
        ProtectedResourceArn=arn,
        EnableDeletionProtection=True,
        DeletionProtectionDescription="in use",
    )
    described = kms("DescribeKey", KeyId=key_id)["KeyMetadata"]
    assert described["DeletionProtection"] == "Enabled"
    assert described["DeletionProtectionDescription"] == "in use"
    with refused("Rejected.DeletionProtected", 409):
        kms("ScheduleKeyDeletion", KeyId=key_id, PendingWindowInDays=7)

    kms("SetDeletionProtection", ProtectedResourceArn=arn, EnableDeletionProtection=False)
    assert kms("DescribeKey", KeyId=key_id)["KeyMetadata"]["DeletionProtection"] == "Disabled"
    kms("ScheduleKeyDeletion", KeyId=key_id, PendingWindowInDays=7)
    with refused("Forbidden.KeyNotFound", 404, "The specified Key is not found."):
        unknown = arn.replace(key_id, NO_KEY)
        kms("SetDeletionProtection", ProtectedResourceArn=unknown, EnableDeletionProtection=True)


def keys_in_state(kms, state):
    filters = f'[{{"Key":"KeyState","Values":["{state}"]}}]'
    return {key["KeyId"] for key in kms("ListKeys", PageSize=100, Filters=filters)["Keys"]}
