"""What the tests of the console share: Chromium, and a server whose console it opens."""

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
    """Without a browser these tests are left out; ./test names the tool that is missing. What waits for time to pass is last."""
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
    """Whether a test waits for time to pass, which other tests may use meanwhile."""
    return "old_console" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session", autouse=True)
def old_console(request, tmp_path_factory):
    """A `bulla console` whose link nobody has used, started before the first test; none if no test asks for it."""
    if not any(map(waits, request.session.items)):
        yield None
        return
    console = OwnerConsole(tmp_path_factory.mktemp("old-console"))
    yield console
    console.stop()


@pytest.fixture(params=[True, False], ids=["with script", "without script"])
def script(request):
    """Whether the pages' script runs: what people do works in either case."""
    return request.param


@pytest.fixture
def browser(driver, server):
    """A window on the shared server, without a session."""
    return Browser(driver, server)


@pytest.fixture
def own_browser(driver, start_server, script):
    """A window on a server of its own, with and without script."""
    return Browser(driver, start_server(), script)


@pytest.fixture(scope="session")
def axe():
    """axe-core, which finds what keeps people from reading or using a page."""
    return Axe(os.environ.get("BULLA_CONFORMANCE", ROOT / "target/conformance"))
