"""Chromium through its driver: the W3C protocol of WebDriver, and the DevTools protocol beside it. No package needed."""

import json
import os
import re
import subprocess
from http.client import HTTPConnection
from pathlib import Path

from serve import environment

# How the protocol marks an element in its JSON.
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
OPTIONS = [
    "--headless=new",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    "--no-first-run",
    # Its own sandbox refuses to be started by root.
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]


class WebDriverError(Exception):
    """An error of the protocol, such as "no such element"."""

    def __init__(self, value):
        super().__init__(f"{value['error']}: {value['message'].splitlines()[0]}")
        self.kind = value["error"]


class WebDriver:
    """A driver and one browser window."""

    def __init__(self, home: Path):
        self._log = (home / "chromedriver").open("w+")
        self._process = subprocess.Popen(
            ["chromedriver", "--port=0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment(home),
            text=True,
        )
        # Reads up to the line that tells the port; the driver writes nothing to standard output after it.
        started = next(
            (found for line in self._process.stdout if (found := re.search(r"successfully on port (\d+)", line))),
            None,
        )
        assert started, "chromedriver did not start"
        self._connection = HTTPConnection("127.0.0.1", int(started[1]), timeout=60)
        self._session = ""
        chromium = {"args": [*OPTIONS, f"--user-data-dir={home / 'profile'}"]}
        capabilities = {
            "browserName": "chrome",
            "goog:chromeOptions": chromium,
            "goog:loggingPrefs": {"browser": "ALL"},
            # The certificate is of an authority that the server has made for itself.
            "acceptInsecureCerts": True,
            # A dialog that a page opens stays, and fails the next step: no page of ours opens one.
            "unhandledPromptBehavior": "ignore",
        }
        session = self.ask("POST", "/session", capabilities={"alwaysMatch": capabilities})
        self._session = f"/session/{session['sessionId']}"

    def ask(self, method, path, **parameters):
        """One command of the protocol, its path below that of the session."""
        body = json.dumps(parameters) if method == "POST" else None
        self._connection.request(method, self._session + path, body, {"Content-Type": "application/json"})
        value = json.loads(self._connection.getresponse().read())["value"]
        if isinstance(value, dict) and "error" in value:
            raise WebDriverError(value)
        return value

    def cdp(self, command, **parameters):
        """One command of the DevTools protocol."""
        return self.ask("POST", "/goog/cdp/execute", cmd=command, params=parameters)

    def find(self, xpath):
        """The elements that an XPath names."""
        found = self.ask("POST", "/elements", using="xpath", value=xpath)
        return [Element(self, element[ELEMENT]) for element in found]

    @property
    def focused(self):
        """The element that has the focus."""
        return Element(self, self.ask("GET", "/element/active")[ELEMENT])

    def press(self, *keys):
        """Presses keys, all of them down before the first one comes up."""
        down = [{"type": "keyDown", "value": key} for key in keys]
        up = [{"type": "keyUp", "value": key} for key in reversed(keys)]
        self.ask("POST", "/actions", actions=[{"type": "key", "id": "keyboard", "actions": down + up}])

    def execute(self, script, *arguments):
        """What a function with this body returns. The policy of the page does not bind it."""
        return self.ask("POST", "/execute/sync", script=script, args=list(arguments))

    def stop(self):
        """Ends the browser and the driver."""
        try:
            self.ask("DELETE", "")
        finally:
            self._process.terminate()
            self._process.wait(timeout=20)
            self._process.stdout.close()
            self._log.close()


class Element:
    """An element of the page that the window shows."""

    def __init__(self, driver: WebDriver, reference: str):
        self._driver = driver
        self.path = f"/element/{reference}"

    def click(self):
        """Scrolls it into view and clicks on its middle, where nothing may cover it."""
        self._driver.ask("POST", f"{self.path}/click")

    def type(self, text):
        """Replaces what it holds by what a keyboard writes."""
        self._driver.ask("POST", f"{self.path}/clear")
        self._driver.ask("POST", f"{self.path}/value", text=text)

    @property
    def label(self):
        """What assistive technology calls it."""
        return self._driver.ask("GET", f"{self.path}/computedlabel")

    @property
    def value(self):
        """What a field holds now."""
        return self._driver.ask("GET", f"{self.path}/property/value")

    @property
    def text(self):
        """What a reader sees of it."""
        return self._driver.ask("GET", f"{self.path}/text")
