"""The life of a key with every official client: the same expectations for all of them."""

from base64 import b64decode, b64encode
from uuid import uuid4

import pytest

from every_client import CLIENTS, Lacks
from expect import NO_KEY, every, refused


@pytest.fixture(
    scope="session",
    params=[(name, scheme) for name in CLIENTS for scheme in ("https", "http")],
    ids=lambda parameter: " over ".join(parameter),
)
def kms(request, server, http_server, program):
    """Every client over HTTPS and over HTTP."""
    name, scheme = request.param
    return CLIENTS[name]({"https": server, "http": http_server}[scheme], program)


@pytest.fixture
def alias():
    """An unused alias name."""
    return f"alias/{uuid4()}"


# Keys


def test_create_key(kms):
    text = "销售 & co. + *~'()!"
    reply = kms("CreateKey", Description=text, KeyUsage="ENCRYPT/DECRYPT", Origin="Aliyun_KMS")
    metadata = reply["KeyMetadata"]
    expected = {
        "Description": text,
        "KeySpec": "Aliyun_AES_256",
        "KeyState": "Enabled",
        "KeyUsage": "ENCRYPT/DECRYPT",
        "Origin": "Aliyun_KMS",
        "ProtectionLevel": "SOFTWARE",
    }
    assert metadata | expected == metadata
    for name in (metadata["KeyId"], metadata["Arn"]):
        described = kms("DescribeKey", KeyId=name)["KeyMetadata"]
        assert described | expected == described
        assert described["KeyId"] == metadata["KeyId"]
    with refused("Forbidden.KeyNotFound", 404, "The specified Key is not found."):
        kms("DescribeKey", KeyId=NO_KEY)


def test_list_keys(kms, own_key):
    assert own_key in {key["KeyId"] for key in every(kms, "ListKeys", "Keys")}
    reply = kms("ListKeys", PageNumber=1, PageSize=1)
    assert (reply["PageNumber"], reply["PageSize"], len(reply["Keys"])) == (1, 1, 1)
    assert kms("ListKeys", PageNumber=100_000)["Keys"] == []
    with refused("InvalidParameter", 400, 'The specified parameter "PageSize" is not valid.'):
        kms("ListKeys", PageSize=1000)


def test_disable_and_enable_key(kms, own_key):
    blob = kms("Encrypt", KeyId=own_key, Plaintext="c2VjcmV0")["CiphertextBlob"]
    kms("DisableKey", KeyId=own_key)
    assert kms("DescribeKey", KeyId=own_key)["KeyMetadata"]["KeyState"] == "Disabled"
    for action, parameters in (
        ("Encrypt", {"KeyId": own_key, "Plaintext": "c2VjcmV0"}),
        ("Decrypt", {"CiphertextBlob": blob}),
        ("GenerateDataKey", {"KeyId": own_key}),
    ):
        with refused("Rejected.Disabled", 409, "The request was rejected because the key state is Disabled."):
            kms(action, **parameters)
    kms("EnableKey", KeyId=own_key)
    assert kms("Decrypt", CiphertextBlob=blob)["Plaintext"] == "c2VjcmV0"


# Aliases


def test_aliases(kms, own_key, alias):
    other_key = kms("CreateKey")["KeyMetadata"]["KeyId"]
    kms("CreateAlias", AliasName=alias, KeyId=own_key)
    with refused("AliasAlreadyExists", 400, "AliasName Already Exists."):
        kms("CreateAlias", AliasName=alias, KeyId=other_key)
    entries = every(kms, "ListAliases", "Aliases")
    assert (alias, own_key) in {(entry["AliasName"], entry["KeyId"]) for entry in entries}
    [entry] = kms("ListAliasesByKeyId", KeyId=own_key)["Aliases"]
    assert entry["AliasArn"].endswith(f":{alias}")

    kms("UpdateAlias", AliasName=alias, KeyId=other_key)
    assert kms("ListAliasesByKeyId", KeyId=own_key)["Aliases"] == []
    assert kms("GenerateDataKey", KeyId=alias)["KeyId"] == other_key

    kms("DeleteAlias", AliasName=alias)
    with refused("Forbidden.AliasNotFound", 404, "The specified Alias is not found."):
        kms("GenerateDataKey", KeyId=alias)


# Cryptography


def test_encrypt(kms, own_key):
    plaintext = b64encode("信封加密 + & % ~".encode()).decode()
    encrypted = kms("Encrypt", KeyId=own_key, Plaintext=plaintext)
    assert encrypted["KeyId"] == own_key
    assert b64decode(encrypted["CiphertextBlob"])[:36].decode() == encrypted["KeyVersionId"]
    decrypted = kms("Decrypt", CiphertextBlob=encrypted["CiphertextBlob"])
    assert decrypted | {"Plaintext": plaintext, "KeyVersionId": encrypted["KeyVersionId"]} == decrypted
    with refused("Forbidden.KeyVersionNotFound", 404, "The specified Key version is not found."):
        kms("Decrypt", CiphertextBlob=b64encode(NO_KEY.encode() + bytes(80)).decode())


def test_data_key(kms, own_key):
    data_key = kms("GenerateDataKey", KeyId=own_key, NumberOfBytes=24)
    assert len(b64decode(data_key["Plaintext"], validate=True)) == 24
    assert kms("Decrypt", CiphertextBlob=data_key["CiphertextBlob"])["Plaintext"] == data_key["Plaintext"]
    wrapped = kms("GenerateDataKeyWithoutPlaintext", KeyId=own_key, KeySpec="AES_128")["CiphertextBlob"]
    assert len(b64decode(kms("Decrypt", CiphertextBlob=wrapped)["Plaintext"])) == 16
    with refused("InvalidParameter", 400, 'The specified parameter "NumberOfBytes" is not valid.'):
        kms("GenerateDataKey", KeyId=own_key, NumberOfBytes=1025)
    with refused("MissingKeyId", 400, "KeyId is mandatory for this action."):
        kms("GenerateDataKey")


def test_encryption_context(kms, own_key):
    context = {"project": "Apollo", "部门": "销售 & co. + *~'()!", "a.b": ""}
    data_key = kms("GenerateDataKey", KeyId=own_key, EncryptionContext=context)
    blob = data_key["CiphertextBlob"]
    reordered = dict(reversed(context.items()))
    decrypted = kms("Decrypt", CiphertextBlob=blob, EncryptionContext=reordered)
    assert decrypted["Plaintext"] == data_key["Plaintext"]
    for wrong in ({}, {"EncryptionContext": context | {"project": "Gemini"}}):
        with refused("InvalidParameter", 400, 'The specified parameter "CiphertextBlob" is not valid.'):
            kms("Decrypt", CiphertextBlob=blob, **wrong)


def test_describe_regions(kms):
    assert "cn-hangzhou" in {region["RegionId"] for region in kms("DescribeRegions")["Regions"]}


# Requests without types


def test_a_request_without_types(kms, own_key):
    assert kms.common("DescribeKey", {"KeyId": own_key})["KeyMetadata"]["KeyId"] == own_key
    with refused("Forbidden.KeyNotFound", 404, "The specified Key is not found."):
        kms.common("DescribeKey", {"KeyId": NO_KEY})
    with refused("InvalidAction.NotFound", 404, "Specified api is not found"):
        kms.common("NoSuchAction", {})


def test_what_a_client_lacks(kms):
    """Each entry of `lacking` is true. Each call checks whether the list is complete."""
    for name in kms.lacks:
        action, _, parameter = name.partition(".")
        with pytest.raises(Lacks, match=f"^{name}$"):
            kms.typed(action, {parameter: "anything"} if parameter else {})
