"""Fixtures of the console's tests: Chromium, and servers whose consoles it opens."""

import os
import shutil

import pytest

from axe import Axe
from browser import Browser
from owner import OwnerConsole
from serve import ROOT
from webdriver import WebDriver

TOOLS = ("chromium", "chromedriver")


def pytest_collection_modifyitems(items):
    """Skips these tests without a browser; ./test prints which tool is missing. Moves tests that wait for time to the end."""
    items.sort(key=waits)
    if all(map(shutil.which, TOOLS)):
        return
    left_out = pytest.mark.skip(reason="chromium or chromedriver is missing")
    for item in items:
        if "driver" in getattr(item, "fixturenames", ()):
            item.add_marker(left_out)


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    """One browser for all tests."""
    driver = WebDriver(tmp_path_factory.mktemp("browser"))
    yield driver
    driver.stop()


def waits(item):
    """Whether a test waits for time to pass, during which other tests can run."""
    return "old_console" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session", autouse=True)
def old_console(request, tmp_path_factory):
    """A `bulla console` with an unused link, started before the first test; None if no test uses it."""
    if not any(map(waits, request.session.items)):
        yield None
        return
    console = OwnerConsole(tmp_path_factory.mktemp("old-console"))
    yield console
    console.stop()


@pytest.fixture(params=[True, False], ids=["with script", "without script"])
def script(request):
    """Whether scripts run in the browser. Users can do everything in both cases."""
    return request.param


@pytest.fixture
def browser(driver, server):
    """A window at the shared server, without a session."""
    return Browser(driver, server)


@pytest.fixture
def own_browser(driver, start_server, script):
    """A window at a server of its own, with and without script."""
    return Browser(driver, start_server(), script)


@pytest.fixture(scope="session")
def axe():
    """axe-core, which checks the accessibility of a page."""
    return Axe(os.environ.get("BULLA_CONFORMANCE", ROOT / "target/conformance"))
