"""The life of a secret with every official client, from its first version to its deletion."""

import json
from uuid import uuid4

import pytest

from expect import every, refused


@pytest.fixture
def name():
    """An unused name for a secret."""
    return f"app/{uuid4()}"


@pytest.fixture
def secret(kms, name):
    """A secret with one version."""
    created = kms(
        "CreateSecret",
        SecretName=name,
        VersionId="v1",
        SecretData="pässword & co. of v1",
        Description="for the database",
        Tags=json.dumps([{"TagKey": "stage", "TagValue": "blue"}]),
    )
    assert (created["SecretName"], created["VersionId"]) == (name, "v1")
    assert created["Arn"].endswith(f":secret/{name}")
    return name


def test_get_secret_value(kms, secret):
    value = kms("GetSecretValue", SecretName=secret)
    expected = {
        "SecretName": secret,
        "VersionId": "v1",
        "SecretData": "pässword & co. of v1",
        "SecretDataType": "text",
        "VersionStages": ["ACSCurrent"],
    }
    assert value | expected == value
    not_found = "Forbidden.ResourceNotFound", 404
    with refused(*not_found):
        kms("GetSecretValue", SecretName="app/nothing")
    with refused(*not_found):
        kms("GetSecretValue", SecretName=secret, VersionId="v2")
    with refused("Rejected.ResourceExist", 409):
        kms("CreateSecret", SecretName=secret, VersionId="v1", SecretData="another")


def test_versions_of_a_secret(kms, secret):
    put = kms("PutSecretValue", SecretName=secret, VersionId="v2", SecretData="AAEC", SecretDataType="binary")
    assert (put["VersionId"], put["VersionStages"]) == ("v2", ["ACSCurrent"])
    assert kms("GetSecretValue", SecretName=secret)["VersionId"] == "v2"
    assert kms("GetSecretValue", SecretName=secret, VersionStage="ACSPrevious")["VersionId"] == "v1"
    assert kms("GetSecretValue", SecretName=secret, VersionId="v2")["SecretDataType"] == "binary"
    assert stages(kms, secret) == {"v1": ["ACSPrevious"], "v2": ["ACSCurrent"]}
    with refused("Rejected.ResourceExist", 409):
        kms("PutSecretValue", SecretName=secret, VersionId="v2", SecretData="another")


def test_a_version_that_is_put_again(kms, secret):
    """As terraform does for every secret with stages: if the value is the same, nothing changes."""
    kms("PutSecretValue", SecretName=secret, VersionId="v2", SecretData="of v2")
    again = {"SecretDataType": "binary", "VersionStages": '{"VersionStage":["blue"]}'}
    put = kms("PutSecretValue", SecretName=secret, VersionId="v2", SecretData="of v2", **again)
    assert put["VersionStages"] == ["ACSCurrent"]
    assert kms("GetSecretValue", SecretName=secret)["SecretDataType"] == "text"


def test_the_longest_secret_in_chinese(kms, secret):
    """Some clients send it in the query, where it takes 92 KB."""
    data = "密" * 10_240
    kms("PutSecretValue", SecretName=secret, VersionId="v2", SecretData=data)
    assert kms("GetSecretValue", SecretName=secret)["SecretData"] == data
    with refused("InvalidParameter", 400, 'The specified parameter "SecretData" is not valid.'):
        kms("PutSecretValue", SecretName=secret, VersionId="v3", SecretData=data + "m")


def test_stages_of_a_secret(kms, secret):
    kms("PutSecretValue", SecretName=secret, VersionId="v2", SecretData="of v2")
    kms("UpdateSecretVersionStage", SecretName=secret, VersionStage="blue", MoveToVersion="v1")
    assert kms("GetSecretValue", SecretName=secret, VersionStage="blue")["VersionId"] == "v1"
    assert {name: set(of) for name, of in stages(kms, secret).items()} == {
        "v1": {"ACSPrevious", "blue"},
        "v2": {"ACSCurrent"},
    }
    kms("UpdateSecretVersionStage", SecretName=secret, VersionStage="blue", RemoveFromVersion="v1")
    with refused("Forbidden.ResourceNotFound", 404):
        kms("GetSecretValue", SecretName=secret, VersionStage="blue")


def test_describe_secret(kms, secret):
    described = kms("DescribeSecret", SecretName=secret, FetchTags="true")
    assert (described["SecretName"], described["Description"]) == (secret, "for the database")
    assert tags(described) == [("stage", "blue")]
    kms("UpdateSecret", SecretName=secret, Description="for nobody 无")
    assert kms("DescribeSecret", SecretName=secret)["Description"] == "for nobody 无"
    assert secret in {entry["SecretName"] for entry in every(kms, "ListSecrets", "SecretList")}
    kms("UntagResource", SecretName=secret, TagKeys='["stage"]')
    kms("TagResource", SecretName=secret, Tags='[{"TagKey":"stage","TagValue":"green"}]')
    assert tags(kms("DescribeSecret", SecretName=secret, FetchTags="true")) == [("stage", "green")]
    with refused("Forbidden.ResourceNotFound", 404):
        kms("UpdateSecret", SecretName="app/nothing", Description="")


def test_delete_and_restore_secret(kms, secret):
    deleted = kms("DeleteSecret", SecretName=secret, RecoveryWindowInDays="7")
    assert deleted["SecretName"] == secret
    assert kms("DescribeSecret", SecretName=secret)["PlannedDeleteTime"] == deleted["PlannedDeleteTime"]
    with refused("Rejected.ResourceInDeleteWindow", 409):
        kms("GetSecretValue", SecretName=secret)
    assert kms("RestoreSecret", SecretName=secret)["SecretName"] == secret
    assert kms("GetSecretValue", SecretName=secret)["SecretData"] == "pässword & co. of v1"
    kms("DeleteSecret", SecretName=secret, ForceDeleteWithoutRecovery="true")
    for action in ("GetSecretValue", "RestoreSecret"):
        with refused("Forbidden.ResourceNotFound", 404):
            kms(action, SecretName=secret)


def tags(described):
    return [(tag["TagKey"], tag["TagValue"]) for tag in described["Tags"]]


def stages(kms, secret):
    """Returns the stages of each version."""
    reply = kms("ListSecretVersionIds", SecretName=secret)
    assert reply["SecretName"] == secret
    return {entry["VersionId"]: entry["VersionStages"] for entry in reply["VersionIds"]}
