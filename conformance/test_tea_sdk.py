"""alibabacloud_kms20160120 3.3.1 over HTTPS: signature v3 with SHA-256 (its default) and SM3, v4, and v1."""

from base64 import b64decode, b64encode
from contextlib import contextmanager
from uuid import uuid4

import pytest
from alibabacloud_kms20160120 import models
from alibabacloud_tea_openapi.exceptions import ClientException
from Tea.exceptions import UnretryableException

from clients import UUID, TeaSdk

SIGNATURES = {
    "v3": {},
    "v3 with SM3": {"signature_algorithm": "ACS3-HMAC-SM3"},
    "v4": {"signature_version": "v4"},
    "v1": {"signature_algorithm": "v2"},
}
every_signature = pytest.mark.parametrize("signature", SIGNATURES.values(), ids=SIGNATURES)


@pytest.fixture(params=(*SIGNATURES, "v3, https in the endpoint", "v4 without a region"))
def sdk(request, server):
    """The client with each signature and endpoint, so that all tests run with each."""
    match request.param:
        case "v3, https in the endpoint":
            return TeaSdk(server, endpoint=server.url)
        case "v4 without a region":  # the SDK then signs for the region "center"
            return TeaSdk(server, region_id=None, **SIGNATURES["v4"])
        case signature:
            return TeaSdk(server, **SIGNATURES[signature])


def test_create_key(sdk):
    body = sdk.call(
        "CreateKey",
        description="销售 & co. + *~'()",
        key_usage="ENCRYPT/DECRYPT",
        protection_level="SOFTWARE",
    )
    metadata = body.key_metadata
    assert UUID.fullmatch(metadata.key_id) and UUID.fullmatch(body.request_id)
    assert metadata.description == "销售 & co. + *~'()"
    assert (metadata.key_state, metadata.key_spec, metadata.origin) == (
        "Enabled",
        "Aliyun_AES_256",
        "Aliyun_KMS",
    )
    assert sdk.call("DescribeKey", key_id=metadata.arn).key_metadata.key_id == metadata.key_id


def test_list_keys(sdk, key_id):
    body = sdk.call("ListKeys", page_number=1, page_size=100)
    assert key_id in [key.key_id for key in body.keys.key]
    assert (body.page_number, body.page_size) == (1, 100)
    assert body.total_count >= len(body.keys.key) >= 1


def test_list_keys_with_filters(sdk, tea_sdk):
    disabled = tea_sdk.call("CreateKey").key_metadata.key_id
    tea_sdk.call("DisableKey", key_id=disabled)
    body = sdk.call("ListKeys", page_size=100, filters='[{"Key":"KeyState","Values":["Disabled"]}]')
    keys = [key.key_id for key in body.keys.key]
    assert disabled in keys
    assert all(tea_sdk.call("DescribeKey", key_id=key).key_metadata.key_state == "Disabled" for key in keys)


def test_aliases(sdk):
    key_id = sdk.call("CreateKey").key_metadata.key_id
    alias = f"alias/{uuid4()}"
    assert UUID.fullmatch(sdk.call("CreateAlias", key_id=key_id, alias_name=alias).request_id)
    assert sdk.call("GenerateDataKey", key_id=alias).key_id == key_id
    entries = sdk.call("ListAliasesByKeyId", key_id=key_id).aliases.alias
    assert [(entry.alias_name, entry.key_id) for entry in entries] == [(alias, key_id)]
    sdk.call("DeleteAlias", alias_name=alias)
    with refused("Forbidden.AliasNotFound", 404):
        sdk.call("GenerateDataKey", key_id=alias)


def test_data_key(sdk, key_id):
    data_key = sdk.call("GenerateDataKey", key_id=key_id, number_of_bytes=32)
    assert len(b64decode(data_key.plaintext, validate=True)) == 32
    decrypted = sdk.call("Decrypt", ciphertext_blob=data_key.ciphertext_blob)
    assert (decrypted.plaintext, decrypted.key_id) == (data_key.plaintext, key_id)
    assert decrypted.key_version_id == data_key.key_version_id


def test_data_key_without_plaintext(sdk, key_id):
    reply = sdk.call("GenerateDataKeyWithoutPlaintext", key_id=key_id, key_spec="AES_128")
    assert len(b64decode(sdk.call("Decrypt", ciphertext_blob=reply.ciphertext_blob).plaintext)) == 16


def test_encrypt(sdk, key_id):
    plaintext = b64encode("信封加密".encode()).decode()
    encrypted = sdk.call("Encrypt", key_id=key_id, plaintext=plaintext)
    assert b64decode(encrypted.ciphertext_blob)[:36].decode() == encrypted.key_version_id
    assert sdk.call("Decrypt", ciphertext_blob=encrypted.ciphertext_blob).plaintext == plaintext


def test_encryption_context(sdk, key_id):
    """The SDK takes a mapping and sends it as JSON, in its order."""
    context = {"project": "Apollo", "部门": "销售 & co. + *~"}
    reordered = dict(reversed(context.items()))
    data_key = sdk.call("GenerateDataKey", key_id=key_id, encryption_context=context)
    decrypted = sdk.call("Decrypt", ciphertext_blob=data_key.ciphertext_blob, encryption_context=reordered)
    assert decrypted.plaintext == data_key.plaintext
    for wrong in (None, {}, {"project": "Apollo"}, context | {"project": "Gemini"}):
        with refused("InvalidParameter", 400, 'The specified parameter "CiphertextBlob" is not valid.'):
            sdk.call("Decrypt", ciphertext_blob=data_key.ciphertext_blob, encryption_context=wrong)


def test_secrets(sdk, server):
    """The SDK sends SecretData in the body and everything else in the query."""
    name, data = f"db/{uuid4()}", f"密钥 & co. + *~'() {uuid4()}"
    server.remember(data)
    created = sdk.call("CreateSecret", secret_name=name, version_id="v1", secret_data=data, description="d")
    assert (created.secret_name, created.version_id, created.secret_type) == (name, "v1", "Generic")
    value = sdk.call("GetSecretValue", secret_name=created.arn)
    assert (value.secret_data, value.secret_data_type) == (data, "text")
    assert value.version_stages.version_stage == ["ACSCurrent"]
    put = sdk.call("PutSecretValue", secret_name=name, version_id="v2", secret_data=data[::-1])
    assert put.version_stages.version_stage == ["ACSCurrent"]
    with refused("Rejected.ResourceExist", 409, "The resource already exists."):
        sdk.call("PutSecretValue", secret_name=name, version_id="v2", secret_data=data)
    sdk.call("UpdateSecretVersionStage", secret_name=name, version_stage="ACSCurrent", move_to_version="v1")
    versions = sdk.call("ListSecretVersionIds", secret_name=name).version_ids.version_id
    assert [(version.version_id, version.version_stages.version_stage) for version in versions] == [
        ("v2", ["ACSPrevious"]),
        ("v1", ["ACSCurrent"]),
    ]
    wanted = models.BatchGetSecretValueRequestSecretsList
    batch = sdk.call(
        "BatchGetSecretValue",
        secrets_list=[wanted(secret_name=name, version_stage="ACSPrevious"), wanted(secret_name="nothing")],
    )
    assert [value.secret_data for value in batch.secret_values] == [data[::-1]]
    assert [(error.secret_name, error.code, error.http_status) for error in batch.errors] == [
        ("nothing", "Forbidden.ResourceNotFound", 404)
    ]


def test_secrets_are_listed_and_restored(sdk):
    name = str(uuid4())
    tags = '[{"TagKey":"team","TagValue":"sales"}]'
    sdk.call("CreateSecret", secret_name=name, version_id="v1", secret_data="hunter2", tags=tags)
    sdk.call("UpdateSecret", secret_name=name, description="销售")
    described = sdk.call("DescribeSecret", secret_name=name, fetch_tags="true")
    assert (described.description, described.encryption_key_id) == ("销售", None)
    assert [(tag.tag_key, tag.tag_value) for tag in described.tags.tag] == [("team", "sales")]
    listed = sdk.call("ListSecrets", filters=f'[{{"Key":"SecretName","Values":["{name}"]}}]')
    assert [secret.secret_name for secret in listed.secret_list.secret] == [name]
    deleted = sdk.call("DeleteSecret", secret_name=name, recovery_window_in_days="7")
    assert sdk.call("DescribeSecret", secret_name=name).planned_delete_time == deleted.planned_delete_time
    with refused("Rejected.ResourceInDeleteWindow", 409, "The secret is planned to be deleted."):
        sdk.call("GetSecretValue", secret_name=name)
    sdk.call("RestoreSecret", secret_name=name)
    assert sdk.call("GetSecretValue", secret_name=name).secret_data == "hunter2"
    sdk.call("DeleteSecret", secret_name=name, force_delete_without_recovery="true")
    with refused("Forbidden.ResourceNotFound", 404):
        sdk.call("DescribeSecret", secret_name=name)
    extended = models.UpdateSecretRequestExtendedConfig(custom_data={"a": "b"})
    with refused("UnsupportedOperation", 400):
        sdk.call("UpdateSecret", secret_name=name, extended_config=extended)


def test_describe_regions(sdk):
    body = sdk.client.describe_regions().body
    assert "cn-hangzhou" in [region.region_id for region in body.regions.region]


def test_both_sdks_share_keys_and_blobs(tea_sdk, old_sdk, key_id):
    context = '{"project":"Apollo"}'
    blob = old_sdk.call("Encrypt", KeyId=key_id, Plaintext="c2hhcmVk", EncryptionContext=context)[
        "CiphertextBlob"
    ]
    assert (
        tea_sdk.call("Decrypt", ciphertext_blob=blob, encryption_context={"project": "Apollo"}).plaintext
        == "c2hhcmVk"
    )


# Refusals


def test_unknown_key(sdk):
    with refused("Forbidden.KeyNotFound", 404, "The specified Key is not found."):
        sdk.call("GenerateDataKey", key_id="00000000-0000-0000-0000-000000000000")


def test_disabled_key(sdk):
    key_id = sdk.call("CreateKey").key_metadata.key_id
    sdk.call("DisableKey", key_id=key_id)
    with refused("Rejected.Disabled", 409, "The request was rejected because the key state is Disabled."):
        sdk.call("GenerateDataKey", key_id=key_id)


def test_missing_parameter(sdk):
    with refused("MissingKeyId", 400, "KeyId is mandatory for this action."):
        sdk.call("GenerateDataKey")


def test_invalid_parameter(sdk, key_id):
    with refused("InvalidParameter", 400, 'The specified parameter "NumberOfBytes" is not valid.'):
        sdk.call("GenerateDataKey", key_id=key_id, number_of_bytes=1025)


@every_signature
def test_wrong_secret(server, signature):
    with refused("SignatureDoesNotMatch", 400, "server string to sign is:"):
        TeaSdk(server, access_key_secret="wrong", **signature).call("ListKeys")


@every_signature
def test_unknown_access_key(server, signature):
    message = "The Access Key ID provided does not exist in our records."
    with refused("InvalidAccessKeyId.NotFound", 404, message):
        TeaSdk(server, access_key_id="LTAInobody", **signature).call("ListKeys")


def test_a_field_in_the_body(sdk, key_id):
    """The SDK sends Recipient in a form body. bulla supports no enclaves, and returns an error after verifying the signature."""
    with refused("UnsupportedOperation", 400):
        sdk.call("GenerateDataKey", key_id=key_id, recipient="密 &=+*~")


def test_an_action_that_is_not_there_yet(tea_sdk):
    """An operation of the SDK that bulla does not support returns an error; it is not silently accepted."""
    with refused("InvalidAction.NotFound", 404):
        tea_sdk.call("ListKmsInstances")


def test_an_unknown_authority_is_not_trusted(start_server):
    """Without the server's CA, the client refuses the connection. It needs another server, because the SDK shares connections."""
    with pytest.raises(UnretryableException, match="CERTIFICATE_VERIFY_FAILED"):
        TeaSdk(start_server(), ca=None).call("ListKeys")


@contextmanager
def refused(code, status, message=""):
    """Expects an error response, whose text the SDK wraps into its own; for v4 in another kind of exception."""
    with pytest.raises((ClientException, UnretryableException)) as caught:
        yield
    error = caught.value
    if isinstance(error, ClientException):
        found = (error.code, error.status_code, error.request_id)
    else:
        found = (error.code, error.statusCode, error.data["RequestId"])
    assert found[:2] == (code, status)
    assert message in error.message
    assert UUID.fullmatch(found[2])
