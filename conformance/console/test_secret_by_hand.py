"""The life of a secret in the console, while a program reads it with the official SDK."""

import pytest

from every_client import CLIENTS
from expect import refused

NAME = "Db-password"
FIRST = "first <value> & \"the\" 'rest'"


@pytest.fixture
def browser(own_browser):
    """A window at a server without secrets, with a session of root."""
    own_browser.sign_in()
    return own_browser


@pytest.fixture
def program(browser):
    """The client that reads the secret."""
    return CLIENTS["aliyun-python-sdk-kms"](browser.server)


def test_from_the_first_value_to_the_deletion(browser, program):
    create_the_secret(browser)
    assert program("GetSecretValue", SecretName=NAME)["SecretData"] == FIRST
    browser.press_first("Show the value")
    assert FIRST in browser.main
    assert browser.url == f"{browser.server.url}/console/do/kms/GetSecretValue"

    browser.open(f"/console/secrets/{NAME}")
    browser.follow("Store a new version")
    browser.press("Generate a password and store it")
    assert not browser.problem
    generated = program("GetSecretValue", SecretName=NAME)["SecretData"]
    assert generated not in browser.text
    assert program("GetSecretValue", SecretName=NAME, VersionId="v1")["SecretData"] == FIRST
    browser.follow("Make it current")
    browser.press("Move a stage")
    assert program("GetSecretValue", SecretName=NAME)["SecretData"] == FIRST

    browser.follow("Delete the secret")
    browser.fill("Waiting period in days (7 to 30)", "7")
    browser.fill(f"Type it again to confirm: {NAME}", NAME)
    browser.press("Delete the secret")
    with refused("Rejected.ResourceInDeleteWindow", 409):
        program("GetSecretValue", SecretName=NAME)
    browser.open(f"/console/secrets/{NAME}")
    browser.press_after("Restore the secret")
    assert program("GetSecretValue", SecretName=NAME)["SecretData"] == FIRST


def create_the_secret(browser):
    """Stores the secret. A page with an error does not contain its value."""
    browser.follow("Secrets")
    browser.follow("Create a secret")
    browser.fill("Name", "not a name")
    browser.fill("Value", FIRST)
    browser.press("Create a secret")
    assert "SecretName" in browser.problem
    assert browser.field("Value").value == ""
    browser.fill("Name", NAME)
    browser.fill("Value", FIRST)
    browser.press("Create a secret")
    assert browser.path == f"/console/secrets/{NAME}"
    assert FIRST not in browser.text
    browser.server.remember(FIRST)
