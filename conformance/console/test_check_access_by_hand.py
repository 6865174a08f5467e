"""An administrator checks the access of a user from the user's page, with and without script."""

import pytest

from every_client import CLIENTS
from expect import allow, policy

RESOURCE = (
    "Resource: a key id, alias/NAME, secret/NAME, user/NAME, group/NAME, role/NAME, policy/NAME, system/NAME or an ARN"
)
ADDRESS = "Address that the request comes from"
ONLY_INSIDE = policy(allow(["kms:Decrypt"], Condition={"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}}))


@pytest.fixture
def browser(own_browser):
    """A window at a server with a key and a user, with a session of root."""
    kms = CLIENTS["aliyun-python-sdk-kms"](own_browser.server)
    own_browser.key_id = kms("CreateKey")["KeyMetadata"]["KeyId"]
    own_browser.sign_in()
    for action, fields in [
        ("CreateUser", {"User name": "Bob-1"}),
        ("CreatePolicy", {"Name": "Inside-1", "Policy (JSON)": ONLY_INSIDE}),
    ]:
        own_browser.open(f"/console/do/ram/{action}")
        for label, text in fields.items():
            own_browser.fill(label, text)
        own_browser.press({"CreateUser": "Create a user", "CreatePolicy": "Create a policy"}[action])
    own_browser.open("/console/do/ram/AttachPolicyToUser?UserName=Bob-1&PolicyType=Custom&PolicyName=Inside-1")
    own_browser.press("Attach a policy")
    return own_browser


def test_a_question_is_sent_from_the_page_of_a_user(browser, axe, script):
    browser.open("/console/users/Bob-1")
    browser.follow("Check what it may do")
    browser.fill("Action, such as kms:Decrypt", "kms:Decrypt")
    browser.fill(RESOURCE, browser.key_id)
    browser.press("Check")
    assert "Denied, unless an omitted value changes it" in browser.main
    assert "acs:SourceIp" in browser.main and "Inside-1" in browser.main
    assert not script or not axe.violations(browser, "light")
    browser.driver.find("//summary")[0].click()
    browser.fill(ADDRESS, "10.1.2.3")
    browser.press("Check")
    assert browser.driver.find("//h2[.='Allowed']")
    assert "Statement[0], line" in browser.main
    assert not script or not axe.violations(browser, "dark")
    browser.fill(ADDRESS, "nowhere")
    browser.press("Check")
    assert "192.0.2.1" in browser.problem
    assert not browser.driver.find("//h2")
    browser.fill(ADDRESS, "10.1.2.3")
    browser.press("Check")
    browser.driver.find("//main//a[.='Inside-1']")[0].click()
    browser.wait_for("/console/policies/")
    assert browser.path == "/console/policies/Custom/Inside-1"
