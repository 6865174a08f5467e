"""Parses the forms of pages, and posts them without a browser, with any value in any field."""

from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

FREE = {"text", "search", "textarea", "password"}


class Form:
    """A form of a page: its address, and its fields with their values."""

    def __init__(self, action):
        self.action = action
        self.values = {}
        self.free = []

    def __repr__(self):
        return self.action


class Forms(HTMLParser):
    """The forms of a page that are posted, without those of its header."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self._form = None
        self._choice = None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        name, value = attributes.get("name"), attributes.get("value", "")
        if tag == "form":
            is_posted = attributes.get("method") == "post"
            self._form = Form(attributes["action"]) if is_posted else None
            if is_posted and not attributes["action"].endswith("/sign-out"):
                self.found.append(self._form)
        elif self._form is None:
            return
        elif tag in ("input", "textarea") and name:
            kind = "textarea" if tag == "textarea" else attributes.get("type", "text")
            if kind not in ("checkbox", "radio", "file"):
                self._form.values[name] = value
            if kind in FREE:
                self._form.free.append(name)
        elif tag == "select":
            self._choice = name
        elif tag == "option" and self._choice:
            if self._choice not in self._form.values or "selected" in attributes:
                self._form.values[self._choice] = value

    def handle_endtag(self, tag):
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._choice = None


class Poster:
    """Sends requests with the session of a browser's window."""

    def __init__(self, browser):
        self._server = browser.server
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = self._server.ca
        self._session.headers.update({"Origin": self._server.url, "Sec-Fetch-Site": "same-origin"})
        for cookie in browser.driver.ask("GET", "/cookie"):
            self._session.cookies.set(cookie["name"], cookie["value"])

    def forms(self, address):
        """Returns the forms of a page."""
        return Forms(self._ask("GET", address).text).found

    def post(self, action, values):
        """Posts a form and returns the response."""
        return self._ask("POST", action, data=values)

    def _ask(self, method, address, **more):
        url = urljoin(self._server.url, address)
        return self._session.request(method, url, allow_redirects=False, timeout=60, **more)
