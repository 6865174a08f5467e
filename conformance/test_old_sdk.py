"""aliyun-python-sdk-core 2.16.1 and aliyun-python-sdk-kms 2.16.5: signature v1, HTTPS and plain HTTP."""

import json
import re
import ssl
import urllib.error
import urllib.request
import xml.etree.ElementTree as ElementTree
from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from aliyunsdkcore.acs_exception.exceptions import ClientException, ServerException

from clients import REGION, UUID, OldSdk
from serve import remote_bulla

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
NO_KEY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def own_key(old_sdk):
    """A key that the test may change."""
    return old_sdk.call("CreateKey")["KeyMetadata"]["KeyId"]


@pytest.fixture
def alias():
    """An unused alias name."""
    return f"alias/{uuid4()}"


# Keys


def test_create_key(old_sdk):
    reply = old_sdk.call(
        "CreateKey", Description="销售 & co.", KeyUsage="ENCRYPT/DECRYPT", KeySpec="Aliyun_AES_256"
    )
    assert set(reply) == {"KeyMetadata", "RequestId"}
    metadata = reply["KeyMetadata"]
    assert UUID.fullmatch(metadata["KeyId"]) and metadata["KeyId"].islower()
    assert UUID.fullmatch(metadata["PrimaryKeyVersion"])
    assert TIME.fullmatch(metadata["CreationDate"]) and TIME.fullmatch(metadata["LastRotationDate"])
    assert metadata["Arn"] == f"acs:kms:{REGION}:{metadata['Creator']}:key/{metadata['KeyId']}"
    assert metadata["Creator"].isdigit()
    assert UUID.fullmatch(reply["RequestId"])
    fixed = {
        "AutomaticRotation": "Disabled",
        "DeleteDate": "",
        "Description": "销售 & co.",
        "KeySpec": "Aliyun_AES_256",
        "KeyState": "Enabled",
        "KeyUsage": "ENCRYPT/DECRYPT",
        "MaterialExpireTime": "",
        "Origin": "Aliyun_KMS",
        "ProtectionLevel": "SOFTWARE",
    }
    assert metadata | fixed == metadata


@pytest.mark.parametrize("name", ("KeyId", "Arn"))
def test_describe_key(old_sdk, name):
    metadata = old_sdk.call("CreateKey", Description="described")["KeyMetadata"]
    described = old_sdk.call("DescribeKey", KeyId=metadata[name])["KeyMetadata"]
    assert described | metadata == described
    assert described["DeletionProtection"] == "Disabled"


def test_list_keys(old_sdk, own_key):
    reply = old_sdk.call("ListKeys", PageNumber=1, PageSize=1)
    assert len(reply["Keys"]["Key"]) == 1
    assert (reply["PageNumber"], reply["PageSize"]) == (1, 1)
    total = reply["TotalCount"]
    assert isinstance(total, int)

    pages = [
        old_sdk.call("ListKeys", PageNumber=page, PageSize=7)["Keys"]["Key"]
        for page in range(1, total // 7 + 2)
    ]
    keys = [key for page in pages for key in page]
    assert len({key["KeyId"] for key in keys}) == len(keys) == total
    assert own_key in {key["KeyId"] for key in keys}
    assert all(key["KeyArn"].endswith(f":key/{key['KeyId']}") for key in keys)


def test_list_keys_past_the_end(old_sdk):
    reply = old_sdk.call("ListKeys", PageNumber=100_000, PageSize=100)
    assert reply["Keys"]["Key"] == []
    assert reply["TotalCount"] > 0


def test_disable_and_enable_key(old_sdk, own_key):
    blob = old_sdk.call("Encrypt", KeyId=own_key, Plaintext="c2VjcmV0")["CiphertextBlob"]
    for _ in range(2):
        assert set(old_sdk.call("DisableKey", KeyId=own_key)) == {"RequestId"}
    assert old_sdk.call("DescribeKey", KeyId=own_key)["KeyMetadata"]["KeyState"] == "Disabled"
    with refused("Rejected.Disabled", 409):
        old_sdk.call("Encrypt", KeyId=own_key, Plaintext="c2VjcmV0")
    with refused("Rejected.Disabled", 409):
        old_sdk.call("GenerateDataKey", KeyId=own_key)
    with refused("Rejected.Disabled", 409):
        old_sdk.call("Decrypt", CiphertextBlob=blob)
    for _ in range(2):
        assert set(old_sdk.call("EnableKey", KeyId=own_key)) == {"RequestId"}
    assert old_sdk.call("Decrypt", CiphertextBlob=blob)["Plaintext"] == "c2VjcmV0"


# Aliases


def test_aliases(old_sdk, own_key, alias):
    other_key = old_sdk.call("CreateKey")["KeyMetadata"]["KeyId"]
    assert set(old_sdk.call("CreateAlias", AliasName=alias, KeyId=own_key)) == {"RequestId"}
    assert old_sdk.call("DescribeKey", KeyId=alias)["KeyMetadata"]["KeyId"] == own_key

    reply = old_sdk.call("ListAliasesByKeyId", KeyId=own_key)
    [entry] = reply["Aliases"]["Alias"]
    assert entry["AliasName"] == alias and entry["KeyId"] == own_key
    assert re.fullmatch(rf"acs:kms:{REGION}:\d+:{alias}", entry["AliasArn"])
    assert (reply["TotalCount"], reply["PageNumber"], reply["PageSize"]) == (1, 1, 10)

    old_sdk.call("UpdateAlias", AliasName=alias, KeyId=other_key)
    assert old_sdk.call("ListAliasesByKeyId", KeyId=own_key)["Aliases"]["Alias"] == []
    entries = old_sdk.call("ListAliases", PageSize=100)["Aliases"]["Alias"]
    assert (alias, other_key) in {(entry["AliasName"], entry["KeyId"]) for entry in entries}

    old_sdk.call("DeleteAlias", AliasName=alias)
    with refused("Forbidden.AliasNotFound", 404):
        old_sdk.call("DescribeKey", KeyId=alias)


def test_an_alias_is_unique(old_sdk, own_key, alias):
    old_sdk.call("CreateAlias", AliasName=alias, KeyId=own_key)
    with refused("AliasAlreadyExists", 400, "AliasName Already Exists."):
        old_sdk.call("CreateAlias", AliasName=alias, KeyId=own_key)


def test_an_alias_does_not_manage(old_sdk, own_key, alias):
    old_sdk.call("CreateAlias", AliasName=alias, KeyId=own_key)
    with refused("Unsupported.Alias", 400, "Alias is not valid for this api."):
        old_sdk.call("DisableKey", KeyId=alias)


# Cryptography


@pytest.mark.parametrize("plaintext", (b"\0", b"hello", "信封".encode(), bytes(6144)), ids=len)
def test_encrypt_and_decrypt(old_sdk, key_id, plaintext):
    text = b64encode(plaintext).decode()
    encrypted = old_sdk.call("Encrypt", KeyId=key_id, Plaintext=text)
    assert set(encrypted) == {"CiphertextBlob", "KeyId", "KeyVersionId", "RequestId"}
    decrypted = old_sdk.call("Decrypt", CiphertextBlob=encrypted["CiphertextBlob"])
    assert set(decrypted) == {"Plaintext", "KeyId", "KeyVersionId", "RequestId"}
    assert decrypted["Plaintext"] == text
    assert decrypted["KeyId"] == encrypted["KeyId"] == key_id
    assert decrypted["KeyVersionId"] == encrypted["KeyVersionId"]
    assert b64decode(encrypted["CiphertextBlob"], validate=True)[:36].decode() == encrypted["KeyVersionId"]


def test_plaintext_comes_back_as_it_was(old_sdk, key_id):
    """The KMS treats a plaintext as a string, base64 or not."""
    for text in ("example", "with space + plus / slash = equals & ampersand %20 ~ * '", "信封\n🔑"):
        blob = old_sdk.call("Encrypt", KeyId=key_id, Plaintext=text)["CiphertextBlob"]
        assert old_sdk.call("Decrypt", CiphertextBlob=blob)["Plaintext"] == text


@pytest.mark.parametrize(
    "size, parameters",
    (
        (32, {}),
        (32, {"KeySpec": "AES_256"}),
        (16, {"KeySpec": "AES_128"}),
        (24, {"NumberOfBytes": 24}),
        (1, {"KeySpec": "AES_256", "NumberOfBytes": 1}),
        (1024, {"NumberOfBytes": 1024}),
    ),
)
def test_generate_data_key(old_sdk, key_id, size, parameters):
    reply = old_sdk.call("GenerateDataKey", KeyId=key_id, **parameters)
    assert set(reply) == {"CiphertextBlob", "KeyId", "KeyVersionId", "Plaintext", "RequestId"}
    assert len(b64decode(reply["Plaintext"], validate=True)) == size
    assert old_sdk.call("Decrypt", CiphertextBlob=reply["CiphertextBlob"])["Plaintext"] == reply["Plaintext"]


def test_generate_data_key_without_plaintext(old_sdk, key_id):
    reply = old_sdk.call("GenerateDataKeyWithoutPlaintext", KeyId=key_id, NumberOfBytes=32)
    assert set(reply) == {"CiphertextBlob", "KeyId", "KeyVersionId", "RequestId"}
    assert len(b64decode(old_sdk.call("Decrypt", CiphertextBlob=reply["CiphertextBlob"])["Plaintext"])) == 32


def test_encryption_context(old_sdk, key_id):
    context = '{"project": "Apollo", "部门": "销售 & co. + 1"}'
    reordered = '{"部门":"销售 & co. + 1","project":"Apollo"}'
    reply = old_sdk.call("GenerateDataKey", KeyId=key_id, EncryptionContext=context)
    blob = reply["CiphertextBlob"]
    decrypted = old_sdk.call("Decrypt", CiphertextBlob=blob, EncryptionContext=reordered)
    assert decrypted["Plaintext"] == reply["Plaintext"]
    wrong = ('{"project": "Apollo"}', '{"project": "apollo", "部门": "销售 & co. + 1"}', "{}", "")
    for other in wrong:
        with refused("InvalidParameter", 400, 'The specified parameter "CiphertextBlob" is not valid.'):
            old_sdk.call("Decrypt", CiphertextBlob=blob, EncryptionContext=other)


def test_no_context_is_an_empty_context(old_sdk, key_id):
    reply = old_sdk.call("GenerateDataKey", KeyId=key_id)
    for context in ("", "{}"):
        decrypted = old_sdk.call("Decrypt", CiphertextBlob=reply["CiphertextBlob"], EncryptionContext=context)
        assert decrypted["Plaintext"] == reply["Plaintext"]


@pytest.mark.parametrize(
    "context", ("[]", '"a"', '{"a": 1}', '{"a": null}', '{"a": {"b": "c"}}', '{"a": "1", "a": "2"}', "{")
)
def test_malformed_contexts(old_sdk, key_id, context):
    with refused("InvalidParameter", 400, 'The specified parameter "EncryptionContext" is not valid.'):
        old_sdk.call("GenerateDataKey", KeyId=key_id, EncryptionContext=context)


def test_a_damaged_blob_looks_like_a_wrong_context(old_sdk, key_id):
    blob = bytearray(b64decode(old_sdk.call("GenerateDataKey", KeyId=key_id)["CiphertextBlob"]))
    blob[-1] ^= 1
    with refused("InvalidParameter", 400, 'The specified parameter "CiphertextBlob" is not valid.'):
        old_sdk.call("Decrypt", CiphertextBlob=b64encode(blob).decode())


def test_describe_regions(old_sdk):
    assert {"RegionId": REGION} in old_sdk.call("DescribeRegions")["Regions"]["Region"]


# Secrets


def test_secrets(old_sdk, server):
    """This SDK sends SecretData in the query, into which the longest value just fits."""
    name, data = f"db/{uuid4()}", "密钥 & co. + *~'()" + "s" * 30_700
    largest = data.encode()[:30_720].decode()
    server.remember(largest)
    created = old_sdk.call("CreateSecret", SecretName=name, VersionId="v1", SecretData=largest)
    assert created["Arn"].endswith(f":secret/{name}")
    assert old_sdk.call("GetSecretValue", SecretName=name)["SecretData"] == largest
    with refused("InvalidParameter", 400, 'The specified parameter "SecretData" is not valid.'):
        old_sdk.call("PutSecretValue", SecretName=name, VersionId="v2", SecretData=largest + "s")
    put = {"SecretName": name, "VersionId": "v2", "SecretData": "hunter2", "VersionStages": '["next"]'}
    assert old_sdk.call("PutSecretValue", **put)["VersionStages"] == {"VersionStage": ["next"]}
    root = xml(old_sdk, "GetSecretValue", SecretName=name, VersionStage="next")
    assert root.tag == "GetSecretValueResponse"
    assert root.find("SecretData").text == "hunter2"
    assert [stage.text for stage in root.findall("VersionStages/VersionStage")] == ["next"]
    old_sdk.call("DeleteSecret", SecretName=name, ForceDeleteWithoutRecovery="true")
    with refused("Forbidden.ResourceNotFound", 404, "Resource not found."):
        old_sdk.call("GetSecretValue", SecretName=name)


# Methods, formats and generic requests


@pytest.mark.parametrize("method", ("GET", "POST"))
def test_method(old_sdk, key_id, method):
    request = old_sdk.request("GenerateDataKey", KeyId=key_id)
    request.set_method(method)
    assert old_sdk.send(request)["KeyId"] == key_id


@pytest.mark.parametrize("method", ("GET", "POST"))
def test_common_request(old_sdk, key_id, method):
    request = old_sdk.common_request("DescribeKey", method)
    request.add_query_param("KeyId", key_id)
    assert old_sdk.send(request)["KeyMetadata"]["KeyId"] == key_id


def test_common_request_with_form_body(old_sdk, key_id):
    """The signature covers query and body. The reply is the same as for a query alone."""
    request = old_sdk.common_request("Encrypt")
    request.add_query_param("KeyId", key_id)
    request.add_body_params("Plaintext", "a b+c/d=&*~ 信封")
    blob = old_sdk.send(request)["CiphertextBlob"]
    assert old_sdk.call("Decrypt", CiphertextBlob=blob)["Plaintext"] == "a b+c/d=&*~ 信封"


def test_without_accept_format(old_sdk, key_id):
    """The SDK then sends `None` as the format."""
    reply = json.loads(old_sdk.send_as_it_is(old_sdk.request("DescribeKey", KeyId=key_id)))
    assert reply["KeyMetadata"]["KeyId"] == key_id


def test_xml(old_sdk, own_key, alias):
    old_sdk.call("CreateAlias", AliasName=alias, KeyId=own_key)
    root = xml(old_sdk, "ListAliasesByKeyId", KeyId=own_key)
    assert root.tag == "ListAliasesByKeyIdResponse"
    assert [element.text for element in root.findall("./Aliases/Alias/AliasName")] == [alias]
    assert root.findtext("TotalCount") == "1"
    assert UUID.fullmatch(root.findtext("RequestId"))


def test_xml_error(old_sdk):
    root = xml(old_sdk, "DescribeKey", KeyId=NO_KEY)
    assert root.tag == "Error"
    assert root.findtext("Code") == "Forbidden.KeyNotFound"
    assert root.findtext("Message") == "The specified Key is not found."
    assert UUID.fullmatch(root.findtext("RequestId"))


def test_plain_http(start_server, tmp_path):
    server = start_server("--http")
    assert server.scheme == "http"
    old_sdk = OldSdk(server)
    key_id = old_sdk.call("CreateKey")["KeyMetadata"]["KeyId"]
    reply = old_sdk.call("GenerateDataKey", KeyId=key_id)
    assert old_sdk.call("Decrypt", CiphertextBlob=reply["CiphertextBlob"])["Plaintext"] == reply["Plaintext"]
    assert remote_bulla(server, tmp_path).kms("ListKeys")["TotalCount"] == 1


def test_many_clients_at_once(server, key_id):
    def ask_for_data_keys(_):
        old_sdk = OldSdk(server)
        for _ in range(20):
            reply = old_sdk.call("GenerateDataKey", KeyId=key_id)
            decrypted = old_sdk.call("Decrypt", CiphertextBlob=reply["CiphertextBlob"])
            assert decrypted["Plaintext"] == reply["Plaintext"]
            yield reply["Plaintext"]

    with ThreadPoolExecutor(max_workers=8) as threads:
        data_keys = [
            key for keys in threads.map(lambda n: list(ask_for_data_keys(n)), range(8)) for key in keys
        ]
    assert len(set(data_keys)) == 8 * 20


def test_a_restart_changes_nothing(start_server):
    server = start_server()
    before = OldSdk(server)
    key_id = before.call("CreateKey", Description="durable")["KeyMetadata"]["KeyId"]
    reply = before.call("GenerateDataKey", KeyId=key_id)
    ca = Path(server.ca).read_bytes()
    server.restart()
    after = OldSdk(server)
    assert Path(server.ca).read_bytes() == ca
    assert after.call("DescribeKey", KeyId=key_id)["KeyMetadata"]["Description"] == "durable"
    assert after.call("Decrypt", CiphertextBlob=reply["CiphertextBlob"])["Plaintext"] == reply["Plaintext"]


# Refusals


def test_unknown_key(old_sdk):
    with refused("Forbidden.KeyNotFound", 404, "The specified Key is not found."):
        old_sdk.call("GenerateDataKey", KeyId=NO_KEY)


def test_unknown_alias(old_sdk, alias):
    with refused("Forbidden.AliasNotFound", 404, "The specified Alias is not found."):
        old_sdk.call("GenerateDataKey", KeyId=alias)


def test_unknown_key_version(old_sdk):
    blob = b64encode(NO_KEY.encode() + bytes(80)).decode()
    with refused("Forbidden.KeyVersionNotFound", 404, "The specified Key version is not found."):
        old_sdk.call("Decrypt", CiphertextBlob=blob)


def test_missing_parameter(old_sdk):
    with refused("MissingKeyId", 400, "KeyId is mandatory for this action."):
        old_sdk.call("GenerateDataKey")


@pytest.mark.parametrize("size", (0, 1025, "many"))
def test_invalid_parameter(old_sdk, key_id, size):
    with refused("InvalidParameter", 400, 'The specified parameter "NumberOfBytes" is not valid.'):
        old_sdk.call("GenerateDataKey", KeyId=key_id, NumberOfBytes=size)


def test_wrong_secret(server):
    """The SDK compares the string to sign in the message with its own, and then reports the secret as invalid."""
    with refused("InvalidAccessKeySecret", 400):
        OldSdk(server, access_key_secret="wrong").call("ListKeys")


def test_unknown_access_key(server):
    message = "The Access Key ID provided does not exist in our records."
    with refused("InvalidAccessKeyId.NotFound", 404, message):
        OldSdk(server, access_key_id="LTAInobody").call("ListKeys")


@pytest.mark.parametrize("action", ("NoSuchAction", "createKey", "DescribeInstances"))
def test_unknown_action(old_sdk, action):
    message = "Specified api is not found, please check your url and method."
    with refused("InvalidAction.NotFound", 404, message):
        old_sdk.send(old_sdk.common_request(action))


def test_unknown_version(old_sdk):
    request = old_sdk.common_request("ListKeys")
    request.set_version("2016-01-21")
    with refused("InvalidVersion", 400, "Specified parameter Version is not valid."):
        old_sdk.send(request)


@pytest.mark.parametrize("method", ("GET", "POST"))
def test_unsigned_request(server, method):
    request = urllib.request.Request(f"{server.url}/?Action=ListKeys&Version=2016-01-20", method=method)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, context=ssl.create_default_context(cafile=server.ca))
    assert caught.value.code == 400
    assert caught.value.headers["Content-Type"] == "application/json;charset=utf-8"
    body = json.load(caught.value)
    assert (body["Code"], body["Message"]) == (
        "MissingAccessKeyId",
        "AccessKeyId is mandatory for this action.",
    )
    assert body["RequestId"] == caught.value.headers["x-acs-request-id"]
    assert body["HostId"]


def test_a_request_sent_twice(server, old_sdk):
    """A replay of a signed request, which a listener on the network could send, is refused."""
    request = old_sdk.request("ListKeys")
    request.set_accept_format("JSON")
    url = request.get_url(REGION, server.access_key_id, server.access_key_secret)
    request = urllib.request.Request(server.url + url, method="POST")
    context = ssl.create_default_context(cafile=server.ca)
    assert json.load(urllib.request.urlopen(request, context=context))["TotalCount"] > 0
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, context=context)
    body = json.load(caught.value)
    assert (caught.value.code, body["Code"]) == (400, "SignatureNonceUsed")


def test_an_unknown_authority_is_not_trusted(server):
    """Without the server's CA, the client refuses the connection."""
    old_sdk = OldSdk(server)
    old_sdk.client.set_verify(None)
    with pytest.raises(ClientException, match="SDK.HttpError.*CERTIFICATE_VERIFY_FAILED"):
        old_sdk.call("ListKeys")


@contextmanager
def refused(code, status, message=None):
    with pytest.raises(ServerException) as caught:
        yield
    error = caught.value
    assert (error.error_code, error.http_status) == (code, status)
    assert message is None or error.message == message
    assert UUID.fullmatch(error.request_id)


def xml(old_sdk, action, **parameters):
    request = old_sdk.request(action, **parameters)
    request.set_accept_format("XML")
    return ElementTree.fromstring(old_sdk.send_as_it_is(request))
