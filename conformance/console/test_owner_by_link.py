"""The console of an embedded KMS in a browser: the link in the terminal works once, and within a minute."""

import time

import pytest

from browser import Browser
from owner import OwnerConsole

USED_TWICE = "the link was used a second time"


@pytest.fixture
def console(tmp_path):
    """A running `bulla console`."""
    console = OwnerConsole(tmp_path)
    yield console
    console.stop()


def test_the_link_opens_the_console_once(driver, console, script):
    browser = Browser(driver, console, script)
    enter(browser, script)
    browser.wait_for("/console/")
    assert browser.heading == "Overview"
    assert "owner of this store" in browser.text
    assert console.link.split("link=")[1] not in browser.url
    (cookie,) = driver.cdp("Network.getAllCookies")["cookies"]
    expected = {"name": f"bulla-session-{console.port}", "domain": console.name, "httpOnly": True, "sameSite": "Strict"}
    assert cookie | expected == cookie

    browser.follow("Keys")
    browser.follow("Create a key")
    browser.press("Create a key")
    assert browser.fact("State") == "Enabled"
    assert browser.complaints() == []
    assert USED_TWICE not in console.messages

    # Another browser, without the cookie.
    driver.cdp("Network.clearBrowserCookies")
    enter(browser, script)
    assert "This link was used before" in browser.main
    assert not browser.is_signed_in
    assert USED_TWICE in console.messages
    driver.cdp("Network.setCookie", name=cookie["name"], value=cookie["value"], url=console.url, httpOnly=True)
    browser.open("/console/keys")
    assert not browser.is_signed_in


def enter(browser, script):
    """Opens the link. Without script its page has a button."""
    browser.driver.ask("POST", "/url", url=browser.server.link)
    if not script:
        browser.press("Open the console")
    deadline = time.monotonic() + 20
    while "link=" in browser.url or not browser.driver.find("//h1"):
        assert time.monotonic() < deadline, browser.text


def test_a_link_is_dead_after_a_minute(driver, old_console, script):
    time.sleep(max(0, old_console.started + 61 - time.monotonic()))
    browser = Browser(driver, old_console, script)
    enter(browser, script)
    assert not browser.is_signed_in
    browser.open("/console/keys")
    assert not browser.is_signed_in
    assert USED_TWICE not in old_console.messages
