"""A user searches the audit trail, and reads the limits and their use, with and without script."""

import pytest

from every_client import CLIENTS, Refused

CALLER = "Caller: name, id, ARN or access key id"
RESOURCE = "Key, secret or other resource: id, name or ARN"
ACTION = "Action or event"
CODE = "Error code or HTTP status"
HOSTILE = 'alias/"><img src=x onerror=window.ran=1>\u202e'
LINES = "//div[@class='trail']/details"


@pytest.fixture
def browser(own_browser):
    """A window at a server that has answered some requests, with a session of root."""
    kms = CLIENTS["aliyun-python-sdk-kms"](own_browser.server)
    own_browser.key_id = kms("CreateKey")["KeyMetadata"]["KeyId"]
    for name in ["alias/Missing-1", HOSTILE]:
        with pytest.raises(Refused):
            kms("DescribeKey", KeyId=name)
    for _ in range(60):
        kms("DescribeKey", KeyId=own_browser.key_id)
    own_browser.sign_in()
    return own_browser


def lines(browser):
    """Returns the summaries of the lines."""
    return [line.text for line in browser.driver.find(f"{LINES}/summary")]


def test_a_denied_request_is_found_and_opened(browser, axe, script):
    browser.follow("Audit trail")
    assert "takes lines" in browser.main and browser.fact("Newest seal")
    browser.fill(CODE, "Forbidden.AliasNotFound")
    browser.fill(RESOURCE, "alias/Missing-1")
    browser.press("Search")
    (line,) = lines(browser)
    assert "root" in line and "DescribeKey" in line and "alias/Missing-1" in line and "404" in line
    assert '"request_id"' not in browser.main
    browser.driver.find(f"{LINES}/summary")[0].click()
    assert '"request_id"' in browser.main and '"prev"' in browser.main
    for theme in ["light", "dark"]:
        assert not script or not axe.violations(browser, theme)
    browser.follow("Clear the search")
    assert len(lines(browser)) == 50


def test_older_lines_follow_and_the_search_is_kept(browser):
    browser.open("/console/audit")
    browser.fill(ACTION, "describekey")
    browser.fill(RESOURCE, browser.key_id)
    browser.press("Search")
    assert len(lines(browser)) == 50
    browser.follow("Older lines")
    older = lines(browser)
    assert len(older) == 10 and all("DescribeKey" in line for line in older)
    assert "The trail begins here" in browser.main
    browser.follow("Newest lines")
    assert len(lines(browser)) == 50
    browser.fill(CALLER, "nobody")
    browser.press("Search")
    assert "No line matches" in browser.main


def test_text_in_a_line_stays_text(browser):
    browser.open("/console/audit?action=DescribeKey&code=404")
    for summary in browser.driver.find(f"{LINES}/summary"):
        summary.click()
    assert "onerror=window.ran=1" in browser.main and "U+202E" in browser.main
    assert not browser.driver.find("//main//img")
    assert browser.driver.execute("return window.ran ?? null") is None


def test_limits_are_read(browser, axe, script):
    browser.follow("Limits")
    assert "keys-per-creator" in browser.main and "Refused since the start" in browser.main
    assert not script or not axe.violations(browser, "light")
    assert not browser.driver.find("//main//form")
