"""The errors of @alicloud/pop-core 1.8.0 and @alicloud/kms20160120 1.2.0, and the encryption context of each.

test_life.py uses them for the life of a key.
"""

import json

import pytest

from every_client import CLIENTS, Refused

NAMES = [name for name in CLIENTS if name.startswith("@alicloud/")]


@pytest.fixture(params=NAMES)
def make(request, server, program):
    """Creates a client with settings other than those of the account's root."""
    return lambda **settings: CLIENTS[request.param](server, program, **settings)


def test_the_encryption_context_is_the_same_for_all(make, old_sdk, key_id):
    """One client sends JSON, the other EncryptionContext.name=value."""
    context = {"project": "Apollo", "a.b": "销售 & co. + *~'()!"}
    data_key = make()("GenerateDataKey", KeyId=key_id, EncryptionContext=context)
    by_old_sdk = old_sdk.call(
        "Decrypt", CiphertextBlob=data_key["CiphertextBlob"], EncryptionContext=json.dumps(context)
    )
    assert by_old_sdk["Plaintext"] == data_key["Plaintext"]


def test_wrong_secret(make):
    with pytest.raises(Refused, match="server string to sign is:") as caught:
        make(accessKeySecret="wrong")("ListKeys")
    assert (caught.value.status, caught.value.code) == (400, "SignatureDoesNotMatch")


def test_unknown_access_key(make):
    with pytest.raises(Refused, match="The Access Key ID provided does not exist in our records.") as caught:
        make(accessKeyId="LTAInobody")("ListKeys")
    assert (caught.value.status, caught.value.code) == (404, "InvalidAccessKeyId.NotFound")
