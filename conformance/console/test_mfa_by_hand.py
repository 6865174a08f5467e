"""A user who must have a second factor sets up an MFA device, signs in with codes, and removes the device."""

import base64
import hashlib
import hmac
import re
import time

import pytest

from every_client import FAMILIES
from person import Person
from test_pages import faults_here

PASSWORD = "Correct-horse-7"


class Authenticator:
    """An authenticator app (RFC 6238). The server accepts the codes of the previous, current and next step, each once."""

    def __init__(self, seed):
        self.key = base64.b32decode(seed)

    def code(self, step):
        """Returns the code of a step."""
        digest = hmac.digest(self.key, step.to_bytes(8, "big"), hashlib.sha1)
        place = digest[-1] & 15
        return f"{(int.from_bytes(digest[place : place + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"


@pytest.fixture
def browser(own_browser):
    """A window at a server with a user who has all permissions and must have a device."""
    root = Person(FAMILIES["aliyun-python-sdk"], own_browser.server, None)
    own_browser.server.remember(PASSWORD)
    root.ram("CreateUser", UserName="Carol-1")
    root.ram("CreateLoginProfile", UserName="Carol-1", Password=PASSWORD, MFABindRequired="true")
    root.ram("AttachPolicyToUser", PolicyType="System", PolicyName="AdministratorAccess", UserName="Carol-1")
    own_browser.root = root
    return own_browser


def test_a_device_is_set_up_used_and_removed(browser, axe):
    browser.sign_in_as_user("Carol-1", PASSWORD)
    browser.open("/console/keys")
    assert browser.path == "/console/device", "no other page is shown before"
    browser.press("Set up a device")
    look(browser, axe, "device")
    app = Authenticator(re.search(r"\b[A-Z2-7]{32}\b", browser.main)[0])
    browser.fill("First code", app.code(current_step() - 1))
    browser.fill("Next code", "000000")
    browser.press("Bind the device")
    assert browser.problem and not browser.is_signed_in
    app = Authenticator(re.search(r"\b[A-Z2-7]{32}\b", browser.main)[0])
    step = steady_step()
    browser.fill("First code", app.code(step - 1))
    browser.fill("Next code", app.code(step))
    browser.press("Bind the device")
    assert browser.is_signed_in, browser.problem
    browser.press("Sign out")

    browser.sign_in_as_user("Carol-1", PASSWORD)
    assert not browser.is_signed_in
    look(browser, axe, "code")
    browser.fill("Code of your authenticator app", app.code(step))
    browser.press("Sign in")
    assert browser.problem and not browser.is_signed_in, "that code was used to bind the device"
    browser.fill("Code of your authenticator app", app.code(step + 1))
    browser.press("Sign in")
    assert browser.is_signed_in, browser.problem
    info = browser.root.ram("GetUserMFAInfo", UserName="Carol-1")
    assert info["MFADevice"]["SerialNumber"].startswith("acs:ram::")
    browser.open("/console/users/Carol-1")
    assert "Carol-1" in browser.main and "MFA" in browser.main

    # Root unbinds the device, which ends the session.
    browser.root.ram("UnbindMFADevice", UserName="Carol-1")
    browser.open("/console/keys")
    assert not browser.is_signed_in


def current_step():
    return int(time.time()) // 30


def steady_step():
    """Returns the current step; waits for the next one if it is about to end."""
    left = 30 - time.time() % 30
    if left < 12:
        time.sleep(left + 0.5)
    return current_step()


def look(browser, axe, name):
    """Checks the page in both themes with axe-core, which needs script, and writes pictures of it."""
    if browser.has_script:
        browser.complaints()
        assert not faults_here(browser, axe, f"{name}-by-hand", "en")
