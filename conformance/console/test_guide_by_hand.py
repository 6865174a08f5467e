"""The steps of the guide in the console, with an application that uses the official SDK."""

from base64 import b64decode

import pytest

from every_client import CLIENTS
from expect import refused

ALIAS = "alias/Apollo/WorkKey"


@pytest.fixture
def browser(own_browser):
    """A window at a server without keys, with a session of root."""
    own_browser.sign_in()
    return own_browser


@pytest.fixture
def application(browser):
    """The official SDK, as in an application."""
    return CLIENTS["aliyun-python-sdk-kms"](browser.server)


def test_from_the_first_key_to_its_deletion(browser, application):
    key_id = create_the_work_key(browser)
    data_key = application("GenerateDataKey", KeyId=ALIAS)
    assert data_key["KeyId"] == key_id

    browser.press_after("Rotate now")
    newer = application("GenerateDataKey", KeyId=ALIAS)
    assert newer["KeyVersionId"] != data_key["KeyVersionId"]
    decrypted = application("Decrypt", CiphertextBlob=data_key["CiphertextBlob"])
    assert b64decode(decrypted["Plaintext"]) == b64decode(data_key["Plaintext"])

    browser.press_after("Disable the key")
    assert browser.fact("State") == "Disabled"
    with refused("Rejected.Disabled", 409, "The request was rejected because the key state is Disabled."):
        application("GenerateDataKey", KeyId=ALIAS)
    browser.press_after("Enable the key")
    assert application("GenerateDataKey", KeyId=ALIAS)["KeyId"] == key_id

    schedule_the_deletion(browser, key_id)
    with refused("Rejected.PendingDeletion", 409):
        application("GenerateDataKey", KeyId=ALIAS)
    browser.press_after("Cancel the deletion")
    assert browser.fact("State") == "Enabled"
    assert application("GenerateDataKey", KeyId=ALIAS)["KeyId"] == key_id

    browser.press("Sign out")
    browser.open(f"/console/keys/{key_id}")
    assert browser.path == "/console/sign-in"
    assert key_id not in browser.text


def create_the_work_key(browser):
    """Creates a key with the alias of the guide. Returns its id."""
    browser.follow("Keys")
    browser.follow("Create a key")
    browser.fill("Description", "key of the guide")
    browser.press("Create a key")
    assert browser.fact("Description") == "key of the guide"
    key_id = browser.heading
    assert browser.path == f"/console/keys/{key_id}"

    browser.follow("Create an alias")
    browser.fill("Alias, beginning with alias/", "Apollo/WorkKey")
    browser.press("Create an alias")
    assert "InvalidParameter" in browser.problem or "AliasName" in browser.problem
    assert browser.field("Alias, beginning with alias/").value == "Apollo/WorkKey"
    browser.fill("Alias, beginning with alias/", ALIAS)
    browser.press("Create an alias")
    assert ALIAS in browser.main
    browser.follow("Aliases")
    assert ALIAS in browser.main
    browser.open(f"/console/keys/{key_id}")
    return key_id


def schedule_the_deletion(browser, key_id):
    """Schedules the deletion of a key, which a wrong confirmation does not."""
    days, confirmation = "Waiting period in days (7 to 366)", f"Type it again to confirm: {key_id}"
    browser.follow("Schedule the deletion")
    browser.fill(days, "7")
    browser.fill(confirmation, key_id[:-1])
    browser.press("Schedule the deletion")
    assert browser.problem
    assert browser.field(days).value == "7"
    browser.fill(confirmation, key_id)
    browser.press("Schedule the deletion")
    assert "deletion" in browser.fact("State").lower()
