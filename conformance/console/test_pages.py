"""Every page in both languages and both themes: accessibility, small screens, and warnings of the browser.

Pictures for review are written to target/console, named after the page, the language and the theme.
"""

import os
from pathlib import Path

import pytest

import crawl
from browser import Browser
from people_and_keys import furnish
from serve import ROOT

PICTURES = Path(os.environ.get("BULLA_PICTURES", ROOT / "target/console"))
LANGUAGES = {"en": "en", "zh": "zh-CN"}
# What axe-core checks in the dark theme does not depend on the language.
SAME_COLOURS = [("dark", "zh")]
# Pages without a session.
DOORS = {"sign-in": "/console/sign-in"}
# Pages without a link to them.
ODD = {"no-such-page": "/console/nothing/here", "no-such-key": "/console/keys/none"}
RESOURCES = "return performance.getEntriesByType('resource').map(entry => entry.name)"
TOO_WIDE = """
const wide = document.scrollingElement.scrollWidth > innerWidth;
const outside = element => element.getBoundingClientRect().right > innerWidth + 1;
return wide ? Array.from(document.querySelectorAll('main *, header *')).filter(outside).map(e => e.outerHTML.slice(0, 80)) : [];
"""
TYPED = "return Array.from(document.querySelectorAll('main input, main textarea'), field => field.value).join(' ')"
NAMELESS = "return Array.from(document.querySelectorAll('[id]'), e => e.id).filter((id, i, all) => all.indexOf(id) !== i)"


@pytest.fixture(scope="module")
def furnished(start_server):
    """A server with resources of each kind."""
    server = start_server()
    server.pages, server.external = furnish(server)  # the pages to visit first, and a key without material
    return server


@pytest.fixture
def browser(driver, furnished):
    """A window at the furnished server, without a session."""
    return Browser(driver, furnished)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_accessible(browser, axe, language):
    for old in PICTURES.glob(f"*-{language}-*.png"):
        old.unlink()
    found = {}

    def look(name, address):
        found[name] = faults_here(browser, axe, name, language)

    browser.open(f"/console/language?to={language}")
    for name, address in DOORS.items():
        browser.complaints()
        browser.open(address)
        look(name, address)
    browser.open("/console/language?to=en")
    browser.sign_in()
    browser.open(f"/console/language?to={language}")
    browser.complaints()
    _, nowhere = crawl.pages(browser, browser.server.pages, look)
    for name, address in ODD.items():
        browser.open(address)
        look(name, address)
    assert {"overview", "keys", "keys-one", "aliases", "do-kms-CreateKey"} <= found.keys()
    found = {name: complaints for name, complaints in found.items() if complaints}
    assert not found, "\n".join(f"{name}: {line}" for name, lines in found.items() for line in lines)
    assert not nowhere, "links that lead nowhere"


def faults_here(browser, axe, name, language):
    """Writes pictures of the current page. Returns its problems, one a line."""
    browser.measure(1280, 900)
    script = browser.driver.execute
    lines = []
    if script("return document.documentElement.lang") != LANGUAGES[language]:
        lines.append("is in another language")
    lines += [f"loads {url}" for url in script(RESOURCES) if not url.startswith(browser.server.url)]
    lines += [f"has the id {id} twice" for id in script(NAMELESS)]
    for theme in ("light", "dark"):
        browser.paint(theme)
        browser.photograph(PICTURES / f"{name}-{language}-{theme}.png")
        if (theme, language) not in SAME_COLOURS:
            lines += [f"violates {violation} in {theme}" for violation in axe.violations(browser, theme)]
    browser.measure(320, 640)
    lines += [f"is too wide for a phone: {element}" for element in script(TOO_WIDE)]
    browser.photograph(PICTURES / f"{name}-{language}-phone.png")
    # The warning about the status of an error page is expected.
    refused = f"{browser.url} - Failed to load resource"
    return lines + [line for line in browser.complaints() if not line.startswith(refused)]


# Results of forms: the name of the page, the form, the input, and a part of the result.
ANSWERS = [
    ("encrypted", "kms/Encrypt?KeyId=alias/Apollo/WorkKey", {"Plaintext": "a text 文本"}, "CiphertextBlob"),
    ("data-key", "kms/GenerateDataKey?KeyId=alias/Apollo/WorkKey", {}, "CiphertextBlob"),
    ("password-made", "kms/GetRandomPassword", {}, "RandomPassword"),
    ("secret-value", "kms/GetSecretValue?SecretName=Db-password", {}, "second-value-of-it"),
    ("access-key-once", "ram/CreateAccessKey?UserName=Guest-1", {}, "BULLA"),
    ("import", "kms/GetParametersForImport?KeyId={external}", {}, "rsa_oaep_md"),
    ("refused", "kms/CreateAlias?KeyId={external}", {"AliasName": "no alias"}, "InvalidParameter"),
    ("policy-refused", "kms/SetKeyPolicy?KeyId={external}", {"Policy": '{\n "Version": "1",\n "Odd": 2\n}'}, '"Odd"'),
    ("not-confirmed", "kms/ScheduleKeyDeletion?KeyId={external}", {"PendingWindowInDays": "7", "confirmation": "x"}, "7"),
]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_answer_to_a_form_is_accessible(browser, axe, language):
    browser.open("/console/language?to=en")
    browser.sign_in()
    browser.open(f"/console/language?to={language}")
    external = browser.server.external
    found = {}
    for name, form, fields, part in ANSWERS:
        send(browser, f"/console/do/{form.format(external=external)}", fields)
        assert part in browser.main + browser.driver.execute(TYPED), (name, browser.main)
        found[name] = faults_here(browser, axe, f"answer-{name}", language)
    found = {name: complaints for name, complaints in found.items() if complaints}
    assert not found, "\n".join(f"{name}: {line}" for name, lines in found.items() for line in lines)


def send(browser, form, fields):
    """Fills in a form by the names of its parameters, which are the same in each language, and posts it."""
    browser.complaints()
    browser.paint("light")
    browser.measure(1280, 900)
    browser.open(form)
    for name, text in fields.items():
        (field,) = browser.driver.find(f"//main//*[@id='{name}']")
        field.type(text)
    button = browser.driver.find("//main//form//button")[0]
    browser.leave(button.click)
