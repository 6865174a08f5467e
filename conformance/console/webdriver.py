"""A client for chromedriver: the WebDriver protocol of the W3C, and the DevTools protocol. It needs no package."""

import json
import os
import re
import subprocess
from http.client import HTTPConnection
from pathlib import Path

from serve import environment

# The member that identifies an element in the JSON of the protocol.
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
    # Its sandbox does not start as root.
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
        # Reads up to the line with the port, after which the driver writes nothing to standard output.
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
            # The server has its own certificate authority.
            "acceptInsecureCerts": True,
            # No page of the console opens a dialog; if one does, the next step fails.
            "unhandledPromptBehavior": "ignore",
        }
        session = self.ask("POST", "/session", capabilities={"alwaysMatch": capabilities})
        self._session = f"/session/{session['sessionId']}"

    def ask(self, method, path, **parameters):
        """Sends a command of the protocol, whose path is below that of the session."""
        body = json.dumps(parameters) if method == "POST" else None
        self._connection.request(method, self._session + path, body, {"Content-Type": "application/json"})
        value = json.loads(self._connection.getresponse().read())["value"]
        if isinstance(value, dict) and "error" in value:
            raise WebDriverError(value)
        return value

    def cdp(self, command, **parameters):
        """Sends a command of the DevTools protocol."""
        return self.ask("POST", "/goog/cdp/execute", cmd=command, params=parameters)

    def find(self, xpath):
        """Returns the elements of an XPath."""
        found = self.ask("POST", "/elements", using="xpath", value=xpath)
        return [Element(self, element[ELEMENT]) for element in found]

    @property
    def focused(self):
        """The focused element."""
        return Element(self, self.ask("GET", "/element/active")[ELEMENT])

    def press(self, *keys):
        """Presses keys together: all are down before the first is released."""
        down = [{"type": "keyDown", "value": key} for key in keys]
        up = [{"type": "keyUp", "value": key} for key in reversed(keys)]
        self.ask("POST", "/actions", actions=[{"type": "key", "id": "keyboard", "actions": down + up}])

    def execute(self, script, *arguments):
        """Returns the result of a function with this body. The policy of the page does not apply to it."""
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
    """An element of the current page."""

    def __init__(self, driver: WebDriver, reference: str):
        self._driver = driver
        self.path = f"/element/{reference}"

    def click(self):
        """Scrolls the element into view and clicks on its middle, which must not be covered."""
        self._driver.ask("POST", f"{self.path}/click")

    def type(self, text):
        """Replaces its content by typing."""
        self._driver.ask("POST", f"{self.path}/clear")
        self._driver.ask("POST", f"{self.path}/value", text=text)

    @property
    def label(self):
        """Its accessible name."""
        return self._driver.ask("GET", f"{self.path}/computedlabel")

    @property
    def value(self):
        """The current value of a field."""
        return self._driver.ask("GET", f"{self.path}/property/value")

    @property
    def text(self):
        """Its visible text."""
        return self._driver.ask("GET", f"{self.path}/text")
