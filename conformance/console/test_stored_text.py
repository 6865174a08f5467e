"""Untrusted text in every field of every form is never executed or interpreted as markup, on any page that shows it."""

import pytest

import crawl
from browser import Browser
from people_and_keys import furnish
from posting import Poster

HOSTILE = [
    '"><img src=x onerror="window.ran=1"><script>window.ran=1</script>\'',
    "javascript:window.ran=1",
    "safe\u202egnp.exe\u200b\u2066",
    "one\r\ntwo\u2028<b id=made>",
    "</textarea></title><svg onload=window.ran=1>",
]
# Valid values for parameters that the linking page does not provide.
RIGHT = {
    "AliasName": "alias/Hostile",
    "Comments": "comments",
    "Description": "described",
    "DisplayName": "Mallory",
    "EncryptionContext:name:0": "Name",
    "PendingWindowInDays": "7",
    "SecretData": "a-secret-value",
    "VersionId": "v7",
}
LOOK = """
const made = document.querySelectorAll("main img, main script, main svg[onload], #made, [onerror], a[href^=javascript]");
const text = document.body.innerText;
return { ran: window.ran ?? null, made: made.length, shown: text.includes("onerror="),
         hidden: /[\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2069]/.test(text) };
"""


@pytest.fixture
def browser(driver, start_server):
    """A window at a server of its own with resources of each kind, with a session of root."""
    server = start_server()
    server.pages, _ = furnish(server)
    browser = Browser(driver, server)
    browser.sign_in()
    return browser


def test_hostile_text_is_shown_as_text(browser):
    pages, _ = crawl.pages(browser, browser.server.pages)
    poster = Poster(browser)
    forms = {form.action: form for page in pages.values() for form in poster.forms(page)}
    assert "/console/do/kms/UpdateKeyDescription" in forms
    made = {target for form in forms.values() for target in post_hostile(poster, form)}
    assert browser.server.pages[0] in made

    found, _ = crawl.pages(browser, browser.server.pages)
    shown = 0
    for page in sorted(made | set(found.values())):
        browser.open(page)
        seen = browser.driver.execute(LOOK)
        shown += seen.pop("shown")
        assert seen == {"ran": None, "made": 0, "hidden": False}, page
    assert shown > 0, "no page shows the text: nothing was tested"


def post_hostile(poster, form):
    """Posts a form with each text in each free field, and valid other fields. Returns the pages of what was created or changed."""
    for name in form.free:
        for text in HOSTILE:
            right = {field: value or RIGHT.get(field, "") for field, value in form.values.items()}
            answer = poster.post(form.action, right | {name: text})
            assert answer.status_code in (303, 200, 400, 403, 404, 409), (form, name, answer)
            for part in ("<img", "<svg onload", "<script>", "<b id"):
                assert part not in answer.text, (form, name, answer.text)
            if answer.status_code == 303:
                yield answer.headers["Location"].partition("?")[0]
