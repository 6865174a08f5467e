"""The command lines on the page of a result make the same request of the same KMS, for every text that a form takes."""

import json
import string
import subprocess
from base64 import b64decode

import pytest

from browser import Browser
from owner import OwnerConsole
from serve import BULLA, environment

CONTEXT = {"@name": "it's $HOME `id` \u202e\\ \"-\""}
COMMANDS = """
const heading = Array.from(document.querySelectorAll('h2')).find(title => title.textContent === 'Equivalent commands');
return Array.from(document.querySelectorAll('pre')).filter(
  part => heading.compareDocumentPosition(part) & Node.DOCUMENT_POSITION_FOLLOWING).map(part => part.textContent);
"""
ARGUMENTS = """#!/usr/bin/env python3
import json, sys
print(json.dumps(sys.argv[1:]))
"""


@pytest.fixture
def browser(browser):
    """A window at the shared server, with a session of root and a key."""
    browser.sign_in()
    return with_key(browser)


@pytest.fixture
def owners_browser(driver, tmp_path_factory):
    """A window at the console of an embedded store, with a key."""
    console = OwnerConsole(tmp_path_factory.mktemp("owner"))
    browser = Browser(driver, console)
    driver.ask("POST", "/url", url=console.link)
    browser.wait_for("/console/")
    yield with_key(browser)
    console.stop()


def test_the_commands_for_a_server(browser, tmp_path):
    check_decrypt(browser, tmp_path)
    check_password(browser, tmp_path)
    own, cloud = commands(browser)
    assert own.startswith(f"export BULLA_KMS={browser.server.url}\n")
    at = ["--endpoint", browser.server.address, "--region", "cn-hangzhou"]
    assert json.loads(run(browser, tmp_path, cloud)) == ["kms", "GetRandomPassword", "--ExcludeCharacters=@-a", *at]


def test_the_commands_for_an_embedded_store(owners_browser, tmp_path):
    """They run in another home directory, whose own store has no such key."""
    check_decrypt(owners_browser, tmp_path)
    check_password(owners_browser, tmp_path)
    assert len(commands(owners_browser)) == 1, "the command line of the cloud reaches no embedded store"


def with_key(browser):
    browser.open("/console/do/kms/CreateKey")
    browser.press("Create a key")
    browser.key_id = browser.path.rpartition("/")[2]
    return browser


def check_decrypt(browser, home):
    """Runs the command for a decryption, whose encryption context must be exact."""
    browser.open(f"/console/do/kms/Encrypt?KeyId={browser.key_id}")
    browser.fill("Text", "a text")
    fill_context(browser)
    browser.press("Encrypt a text")
    (reply,) = browser.driver.find("//h2[normalize-space()='Reply']/following-sibling::pre[1]")
    blob = json.loads(reply.text)["CiphertextBlob"]
    browser.open("/console/do/kms/Decrypt")
    browser.fill("Ciphertext, as Base64", blob)
    fill_context(browser)
    browser.press("Decrypt")
    assert b64decode(json.loads(run(browser, home, commands(browser)[0]))["Plaintext"]) == b"a text"


def fill_context(browser):
    ((name, value),) = CONTEXT.items()
    for part, text in (("name", name), ("value", value)):
        (field,) = browser.driver.find(f"//input[@name='EncryptionContext:{part}:0']")
        field.type(text)


def check_password(browser, home):
    """Runs the commands for passwords without characters that `bulla` reads as standard input, or as the name of a file."""
    for characters in ("-", "@-a"):
        browser.open("/console/do/kms/GetRandomPassword")
        browser.fill("Excluded characters", characters)
        browser.press("Generate a random password")
        reply = run(browser, home, commands(browser)[0], "".join(sorted(string.ascii_letters)))
        password = json.loads(reply)["RandomPassword"]
        assert not set(password) & set(characters)
        assert set(password) & set(string.ascii_letters), "standard input is no parameter"


def commands(browser):
    """The commands that the page shows: for `bulla`, and for the command line of the cloud."""
    return browser.driver.execute(COMMANDS)


def run(browser, home, script, text=""):
    """Runs a command as it is shown, and returns its output. `aliyun` is a program that prints its arguments."""
    programs = home / "programs"
    if not programs.exists():
        programs.mkdir()
        (programs / "bulla").symlink_to(BULLA)
        (programs / "aliyun").write_text(ARGUMENTS)
        (programs / "aliyun").chmod(0o755)
    variables = environment(home)
    variables["PATH"] = f"{programs}:{variables['PATH']}"
    if hasattr(browser.server, "access_key_id"):
        variables["ALIBABA_CLOUD_ACCESS_KEY_ID"] = browser.server.access_key_id
        variables["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] = browser.server.access_key_secret
        variables["ALIBABA_CLOUD_CA_BUNDLE"] = browser.server.ca
    done = subprocess.run(
        ["bash", "-c", script], cwd=home, env=variables, input=text, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, (script, done.stderr)
    return done.stdout
