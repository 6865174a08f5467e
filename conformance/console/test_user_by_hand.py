"""The life of a user in the console, with a policy that allows to see keys but not to change them."""

import pytest

from every_client import CLIENTS
from expect import allow, policy

FIRST, SECOND = "Correct-horse-7", "Battery-staple-8"
SEE = policy(allow(["kms:List*", "kms:Describe*"]))


@pytest.fixture
def browser(own_browser):
    """A window at a server with a key, with a session of root."""
    kms = CLIENTS["aliyun-python-sdk-kms"](own_browser.server)
    own_browser.key_id = kms("CreateKey", Description="Seen by Bob")["KeyMetadata"]["KeyId"]
    for password in (FIRST, SECOND):
        own_browser.server.remember(password)
    own_browser.sign_in()
    return own_browser


def test_a_user_who_may_see_and_not_change(browser):
    hire(browser)
    browser.press("Sign out")
    browser.sign_in_as_user("Bob-1", FIRST)
    choose_a_password(browser)
    look_around(browser)
    browser.press("Sign out")
    browser.sign_in_as_user("Bob-1", FIRST)
    assert browser.problem and not browser.is_signed_in, "the first password holds no more"
    browser.sign_in()
    dismiss(browser)
    browser.press("Sign out")
    browser.sign_in_as_user("Bob-1", SECOND)
    assert browser.problem and not browser.is_signed_in


def hire(browser):
    """Creates the policy and the user, with a password that must be changed."""
    browser.follow("Policies")
    browser.follow("Create a policy")
    browser.fill("Name", "See-keys-1")
    browser.fill("Policy (JSON)", SEE)
    browser.press("Create a policy")
    assert not browser.problem, browser.problem
    browser.follow("Users")
    browser.follow("Create a user")
    browser.fill("User name", "Bob-1")
    browser.press("Create a user")
    assert browser.path == "/console/users/Bob-1"
    browser.follow("Attach a policy")
    browser.choose("Type", "Custom")
    browser.fill("Policy", "See-keys-1")
    browser.press("Attach a policy")
    browser.follow("Set a password")
    browser.fill("Password", FIRST)
    browser.choose("The user has to choose another one at the next sign-in", "Yes")
    browser.press("Set a password")
    assert "See-keys-1" in browser.main


def choose_a_password(browser):
    """Chooses a new password at the first sign-in, before which no other page is available."""
    browser.open("/console/keys")
    assert browser.path == "/console/password"
    browser.fill("New password", SECOND)
    browser.fill("New password again", FIRST)
    browser.press("Choose a password")
    assert browser.problem
    browser.fill("New password", SECOND)
    browser.fill("New password again", SECOND)
    browser.press("Choose a password")
    assert browser.is_signed_in


def look_around(browser):
    """Sees the key, and that it may not be changed. A form that is posted nevertheless is refused."""
    browser.open(f"/console/keys/{browser.key_id}")
    assert "Seen by Bob" in browser.main
    assert "Disable the key (not allowed)" in browser.main
    assert "Users (not allowed)" in browser.text
    browser.open(f"/console/do/kms/DisableKey?KeyId={browser.key_id}")
    assert "not allowed" in browser.main
    browser.press("Disable the key")
    assert "Forbidden.NoPermission" in browser.problem
    browser.open("/console/users")
    assert "NoPermission" in browser.problem
    browser.open("/console/secrets")
    browser.open(f"/console/keys/{browser.key_id}")
    assert browser.fact("State") == "Enabled"


def dismiss(browser):
    """Removes everything from the user, and deletes the user."""
    browser.open("/console/users/Bob-1")
    browser.press_after("Detach the policy")
    browser.follow("Remove the password")
    browser.fill("Type it again to confirm: Bob-1", "Bob-1")
    browser.press("Remove the password")
    browser.follow("Delete the user")
    browser.fill("Type it again to confirm: Bob-1", "Bob-1")
    browser.press("Delete the user")
    assert browser.path == "/console/users"
    assert "Bob-1" not in browser.main
