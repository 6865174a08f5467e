"""Attacks that need a real browser: frames, forms and requests of other sites, cookies, the back button."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from browser import Browser
from every_client import CLIENTS

COOKIE = "__Host-bulla-session"
# Only the host determines the site: the first is another site than the console's, the second another origin of the same site.
OTHERS = {"another site": "localhost", "another port": "127.0.0.1"}
ASK = """
const [url, method, done] = arguments;
fetch(url, { method, credentials: "include", body: method === "POST" ? new URLSearchParams("token=x") : undefined })
  .then(answer => answer.text(), error => "refused: " + error).then(done);
"""


@pytest.fixture
def browser(browser):
    """A window with a session of root."""
    browser.sign_in()
    assert browser.is_signed_in
    return browser


class Attacker:
    """A web server of another site, with one page."""

    def __init__(self, host):
        attacker = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(attacker.page.encode())

            def log_message(self, *_):
                pass

        self.page = ""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.url = f"http://{host}:{self._server.server_port}/"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def show(self, browser, page):
        """Opens the page in the window of the victim."""
        self.page = page
        browser.driver.ask("POST", "/url", url=self.url)

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(params=OTHERS.values(), ids=OTHERS)
def attacker(request):
    """A web server of another site."""
    attacker = Attacker(request.param)
    yield attacker
    attacker.stop()


def keys(server):
    """Returns the number of keys."""
    return CLIENTS["aliyun-python-sdk-kms"](server)("ListKeys")["TotalCount"]


def test_the_cookie_of_the_session_is_out_of_reach(browser):
    (cookie,) = [each for each in browser.driver.cdp("Network.getAllCookies")["cookies"] if "session" in each["name"]]
    expected = {
        "name": COOKIE,
        "domain": "127.0.0.1",
        "path": "/",
        "secure": True,
        "httpOnly": True,
        "sameSite": "Strict",
        "session": True,
    }
    assert cookie | expected == cookie
    assert browser.driver.execute("return document.cookie") == ""
    assert browser.driver.execute("return [localStorage.length, sessionStorage.length]") == [0, 0]


def test_no_site_puts_the_console_into_a_frame(browser, attacker):
    browser.complaints()
    attacker.show(browser, f"<iframe src='{browser.server.url}/console/keys'></iframe>")
    complaints = "\n".join(browser.complaints())
    assert "frame-ancestors 'none'" in complaints or "X-Frame-Options" in complaints, complaints
    browser.driver.ask("POST", "/frame", id=0)
    assert "Keys" not in browser.text
    browser.driver.ask("POST", "/frame", id=None)


def test_a_form_of_another_origin_changes_nothing(browser, attacker):
    before = keys(browser.server)
    action = f"{browser.server.url}/console/keys"
    attacker.show(browser, f"<form method=post action='{action}'><input name=token value=x><button>Win</button></form>")
    browser.press("Win")
    assert browser.status == 403, browser.text
    assert keys(browser.server) == before
    browser.open("/console/keys")
    assert browser.is_signed_in


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_script_of_another_origin_reads_and_changes_nothing(browser, attacker, method):
    before = keys(browser.server)
    attacker.show(browser, "<title>evil</title>")
    for path in ("/console/keys", "/?Action=ListKeys"):
        url = f"{browser.server.url}{path}"
        answer = browser.driver.ask("POST", "/execute/async", script=ASK, args=[url, method])
        assert answer.startswith("refused: "), answer
    assert keys(browser.server) == before


def test_a_page_of_another_site_opens_no_window_that_it_can_reach(browser, attacker):
    attacker.show(browser, "<title>evil</title>")
    url = f"{browser.server.url}/console/keys"
    browser.driver.execute("window.opened = window.open(arguments[0])", url)
    (own, other) = browser.driver.ask("GET", "/window/handles")
    try:
        browser.driver.ask("POST", "/window", handle=other)
        browser.wait_for("/console/")
        assert browser.driver.execute("return window.opener") is None
    finally:
        browser.driver.ask("DELETE", "/window")
        browser.driver.ask("POST", "/window", handle=own)


def test_the_back_button_shows_nothing_after_signing_out(browser):
    browser.open("/console/keys")
    browser.follow("Create a key")
    browser.press("Sign out")
    for _ in range(2):
        browser.driver.ask("POST", "/back")
        assert not browser.is_signed_in
        assert browser.path == "/console/sign-in"


def test_a_restart_ends_every_session(driver, start_server):
    server = start_server()
    browser = Browser(driver, server)
    browser.sign_in()
    cookies = driver.ask("GET", "/cookie")
    server.restart()
    browser.open("/console/keys")
    assert browser.path == "/console/sign-in"
    assert any(cookie["name"] == COOKIE for cookie in cookies)


def test_the_policy_of_a_page_lets_no_other_script_run(browser):
    browser.complaints()
    browser.driver.execute(
        "const made = document.createElement('script'); made.textContent = 'window.ran = 1'; document.body.append(made);"
        "const image = document.createElement('img'); image.src = 'http://localhost:9/x'; document.body.append(image);"
        "document.body.setAttribute('onclick', 'window.ran = 1'); document.body.click();"
    )
    assert browser.driver.execute("return window.ran ?? null") is None
    complaints = "\n".join(browser.complaints())
    assert complaints.count("Content Security Policy") >= 3, complaints
