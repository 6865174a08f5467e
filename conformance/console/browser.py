"""The console in a browser: finds links, buttons and fields by their names, as a user does."""

import base64
import time
from urllib.parse import urlsplit

from webdriver import WebDriver

PREFIX = "/console/"


class Browser:
    """A window at the console of a server, in the state after the start of the browser, with or without script."""

    def __init__(self, driver: WebDriver, server, script=True):
        self.driver = driver
        self.server = server
        self.has_script = script
        self.driver.cdp("Network.clearBrowserCookies")
        self.driver.cdp("Emulation.clearDeviceMetricsOverride")
        self.driver.cdp("Emulation.setEmulatedMedia", media="", features=[])
        self.driver.cdp("Emulation.setScriptExecutionDisabled", value=not script)
        self.driver.ask("POST", "/url", url="about:blank")
        self.driver.ask("POST", "/se/log", type="browser")

    # The page

    def open(self, path=PREFIX):
        """Opens a page of the console."""
        self.driver.ask("POST", "/url", url=f"{self.server.url}{path}")

    @property
    def path(self):
        """The path of the page, without the query."""
        return urlsplit(self.url).path

    @property
    def url(self):
        """The whole address."""
        return self.driver.ask("GET", "/url")

    @property
    def status(self):
        """The status of the response."""
        return self.driver.execute("return performance.getEntriesByType('navigation')[0].responseStatus")

    @property
    def heading(self):
        """The title of the page."""
        (heading,) = self.driver.find("//h1")
        return heading.text

    @property
    def text(self):
        """The visible text of the page."""
        (body,) = self.driver.find("//body")
        return body.text

    @property
    def main(self):
        """The visible text of the main content."""
        (main,) = self.driver.find("//main")
        return main.text

    @property
    def problem(self):
        """The text of the alerts on the page; empty if there are none."""
        return "\n".join(element.text for element in self.driver.find("//*[@role='alert']"))

    def fact(self, name):
        """Returns the value beside a name."""
        (value,) = self.driver.find(f"//dt[normalize-space()={quoted(name)}]/following-sibling::dd[1]")
        return value.text

    def links(self):
        """Returns the addresses of all links of the page."""
        return self.driver.execute("return Array.from(document.links, link => link.getAttribute('href'))")

    def complaints(self):
        """Returns the warnings of the browser since the last call: violations of the policy, and errors of script."""
        entries = self.driver.ask("POST", "/se/log", type="browser")
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    def wait_for(self, prefix):
        """Waits until the window shows a page whose path has this prefix."""
        deadline = time.monotonic() + 20
        while not (self.path.startswith(prefix) and self._document()):
            assert time.monotonic() < deadline, f"no page {prefix}: {self.url}"
            time.sleep(0.01)

    # Actions

    def follow(self, name):
        """Follows the link with this name."""
        self._leave_by(self._one("link", f"//a[normalize-space()={quoted(name)}]"))

    def press(self, name):
        """Presses the button with this name, and waits for the next page."""
        self._leave_by(self._one("button", f"//button[normalize-space()={quoted(name)}]"))

    def press_first(self, name):
        """Presses the first of several buttons with this name."""
        self._leave_by(self.driver.find(f"//button[normalize-space()={quoted(name)}]")[0])

    def press_after(self, name):
        """Follows the link with this name to a form that needs no input, and posts the form."""
        self.follow(name)
        self.press(name)
        assert not self.problem, self.problem

    def fill(self, label, text):
        """Types into the field with this label."""
        self.field(label).type(text)

    def choose(self, label, option):
        """Chooses an option of the field with this label."""
        self._one("option", f"{labelled(label)}/option[normalize-space()={quoted(option)}]").click()

    def field(self, label):
        """Returns the field with a label, which may be followed by "(optional)"."""
        return self._one("field", labelled(label))

    def _one(self, what, xpath):
        found = self.driver.find(xpath)
        assert len(found) == 1, f"{len(found)} of {what} on {self.url}: {xpath}\n{self.text}"
        return found[0]

    def _leave_by(self, element):
        self.leave(element.click)

    def leave(self, act):
        """Calls `act`, which leads to another document, and waits for that document, because the driver does not."""
        before = self._document()
        act()
        deadline = time.monotonic() + 20
        while self._document() in (None, before):
            assert time.monotonic() < deadline, f"no page followed {before}: {self.url}\n{self.text}"
            time.sleep(0.01)

    def _document(self):
        """Returns an identifier of the current document; None while it loads."""
        roots = self.driver.find("/html[body]")
        is_there = roots and self.driver.execute("return document.readyState") == "complete"
        return roots[0].path if is_there else None

    # Signing in

    def sign_in(self, access_key=None):
        """Signs in with an access key, by default that of the account's root."""
        key = access_key or {
            "AccessKeyId": self.server.access_key_id,
            "AccessKeySecret": self.server.access_key_secret,
        }
        self.open()
        self.fill("Access key id", key["AccessKeyId"])
        self.fill("Access key secret", key["AccessKeySecret"])
        self.press("Sign in by access key")

    def sign_in_as_user(self, name, password):
        """Signs in as a RAM user."""
        self.open()
        self.fill("User name", name)
        self.fill("Password", password)
        self.press("Sign in as a user")

    @property
    def is_signed_in(self):
        """Whether the page has a session."""
        return bool(self.driver.find("//button[normalize-space()='Sign out']"))

    # Appearance

    def paint(self, theme):
        """Switches to the light or the dark theme."""
        self.driver.cdp(
            "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}]
        )

    def measure(self, width, height):
        """Sets the size of the window in CSS pixels."""
        self.driver.cdp(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    def photograph(self, file):
        """Writes the whole page to a PNG file, and creates its folder."""
        file.parent.mkdir(parents=True, exist_ok=True)
        shot = self.driver.cdp("Page.captureScreenshot", captureBeyondViewport=True, optimizeForSpeed=True)
        file.write_bytes(base64.b64decode(shot["data"]))


def labelled(label):
    """Returns the XPath of the field with a label."""
    name = quoted(label)
    return f"//*[@id=(//label[normalize-space()={name} or starts-with(normalize-space(), concat({name}, ' ('))])/@for]"


def quoted(text):
    """Returns a text as an XPath literal, which has no escapes."""
    if "'" not in text:
        return f"'{text}'"
    parts = [f"'{part}'" for part in text.split("'")]
    return "concat(" + ", \"'\", ".join(parts) + ")"
