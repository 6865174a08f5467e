"""The examples on the page of a key, unchanged: in each language, for each kind of key."""

import re
import subprocess

import pytest

from browser import Browser
from example_program import run
from every_client import CLIENTS
from serve import BULLA, environment

# The kinds of keys, by spec and usage. The examples of other kinds differ from these only in the name of the algorithm.
KEYS = {
    "data keys": {"KeySpec": "Aliyun_AES_256"},
    "RSA encryption": {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT/DECRYPT"},
    "SM2 encryption": {"KeySpec": "EC_SM2", "KeyUsage": "ENCRYPT/DECRYPT"},
    "RSA signatures": {"KeySpec": "RSA_2048", "KeyUsage": "SIGN/VERIFY"},
    "SM2 signatures": {"KeySpec": "EC_SM2", "KeyUsage": "SIGN/VERIFY"},
    "MACs": {"KeySpec": "HMAC_SHA256", "KeyUsage": "SIGN/VERIFY"},
}
LANGUAGES = {"Python": "python", "Java": "java", "Go": "go", "Node.js": "js"}
SHOWN = """
const shown = Array.from(document.querySelectorAll('details:has(> pre)'));
return Object.fromEntries(shown.map(part => [part.querySelector('summary').textContent, part.querySelector('pre').textContent]));
"""


@pytest.fixture(scope="module", params=KEYS.values(), ids=KEYS)
def lines(request, driver, server):
    """The examples for a key of each kind, by language."""
    key_id = CLIENTS["aliyun-python-sdk-kms"](server)("CreateKey", **request.param)["KeyMetadata"]["KeyId"]
    browser = Browser(driver, server)
    browser.sign_in()
    browser.open(f"/console/keys/{key_id}")
    return browser.driver.execute(SHOWN)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_lines_run(server, lines, tmp_path, language):
    code = lines[language]
    arguments = [digest(code, tmp_path)] if "os.Args[1]" in code else []
    output = run(server, tmp_path, LANGUAGES[language], code, *arguments)
    # The examples in Python contain their own assertions.
    assert output == ("" if language == "Python" else "true\n")


def test_the_commands_run(server, lines, tmp_path):
    own, cloud = lines["Command line"].split("\n# or with the command line of the cloud\n")
    (tmp_path / "FILE").write_text("message")
    (tmp_path / "bulla").symlink_to(BULLA.resolve())
    variables = environment(tmp_path)
    variables |= {
        "PATH": f"{tmp_path}:{variables['PATH']}",
        "ALIBABA_CLOUD_ACCESS_KEY_ID": server.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": server.access_key_secret,
        "ALIBABA_CLOUD_CA_BUNDLE": server.ca,
    }
    script = "set -eu -o pipefail\n" + own
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=variables, capture_output=True, timeout=60)
    assert done.returncode == 0, (script, done.stderr.decode())
    assert "Verify" not in own or re.search(r'"Value": ?true', done.stdout.decode())
    # The command line of the cloud accepts the same calls.
    others = ("export", "bulla encrypt", "bulla decrypt")
    calls = [line for line in own.splitlines() if not line.startswith(others)]
    at = f" --endpoint {server.address} --region cn-hangzhou"
    assert cloud.replace(at, "").replace("aliyun kms", "bulla kms").splitlines() == calls


def digest(code, directory):
    """Returns the output of the command in the comment of the example, which prints a digest."""
    (directory / "FILE").write_text("message")
    (line,) = [line for line in code.splitlines() if "printed by: " in line]
    command = line.partition("printed by: ")[2]
    return subprocess.run(["bash", "-c", command], cwd=directory, check=True, capture_output=True, text=True).stdout
