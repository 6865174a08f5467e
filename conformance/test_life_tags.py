"""The life of a key with every official client: its tags."""

import json

from clients import REGION
from expect import NO_KEY, refused

APOLLO, BLUE = {"TagKey": "项目", "TagValue": "Apollo & co."}, {"TagKey": "stage", "TagValue": "blue"}


def test_tags_of_a_key(kms):
    key_id = kms("CreateKey", Tags=json.dumps([APOLLO]))["KeyMetadata"]["KeyId"]
    kms("TagResource", KeyId=key_id, Tags=json.dumps([BLUE]))
    tags = kms("ListResourceTags", KeyId=key_id)["Tags"]
    assert sorted(tags, key=by_tag) == [{"KeyId": key_id} | tag for tag in (BLUE, APOLLO)]
    kms("UntagResource", KeyId=key_id, TagKeys=json.dumps(["stage"]))
    assert kms("ListResourceTags", KeyId=key_id)["Tags"] == [{"KeyId": key_id} | APOLLO]
    with refused("Forbidden.KeyNotFound", 404, "The specified Key is not found."):
        kms("TagResource", KeyId=NO_KEY, Tags=json.dumps([BLUE]))
    with refused("InvalidParameter", 400, 'The specified parameter "Tags" is not valid.'):
        kms("TagResource", KeyId=key_id, Tags='[{"TagKey":"acs:mine","TagValue":""}]')


def test_tags_of_several_keys(kms, own_key):
    other_key = kms("CreateKey")["KeyMetadata"]["KeyId"]
    resources = {"RegionId": REGION, "ResourceType": "key", "ResourceId": [own_key, other_key]}
    kms(
        "TagResources",
        **resources,
        Tag=[{"Key": "项目", "Value": "Apollo & co."}, {"Key": "stage", "Value": "blue"}],
    )
    entries = kms("ListTagResources", **resources)["TagResources"]
    expected = [
        {"ResourceId": key_id, "ResourceType": "key"} | tag
        for key_id in (own_key, other_key)
        for tag in (APOLLO, BLUE)
    ]
    assert sorted(entries, key=by_tag) == sorted(expected, key=by_tag)
    blue = kms("ListTagResources", **resources, Tag=[{"Key": "stage", "Value": "green"}])["TagResources"]
    assert blue == []

    kms("UntagResources", **resources, TagKey=["stage", "nothing"])
    entries = kms("ListTagResources", **resources)["TagResources"]
    assert {entry["TagKey"] for entry in entries} == {"项目"} and len(entries) == 2
    with refused("Forbidden.KeyNotFound", 404, "The specified Key is not found."):
        kms("TagResources", **resources | {"ResourceId": [NO_KEY]}, Tag=[{"Key": "stage", "Value": "blue"}])


def by_tag(entry):
    return entry.get("ResourceId", ""), entry["TagKey"]
