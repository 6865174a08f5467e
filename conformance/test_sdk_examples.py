"""The examples of docs/sdk.md, as they stand there but for the address of the server."""

import re
import shutil
import subprocess
import sys

import pytest

import programs
from serve import ROOT, environment

TEXT = (ROOT / "docs/sdk.md").read_text()
SECTIONS = {section.partition("\n")[0]: section for section in TEXT.split("\n## ")[1:]}
EXAMPLES = {
    title: example.groups()
    for title, section in SECTIONS.items()
    if (example := re.search(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))
}


@pytest.fixture(scope="module")
def work_key(old_sdk):
    """The key of the examples, under its alias."""
    key_id = old_sdk.call("CreateKey")["KeyMetadata"]["KeyId"]
    old_sdk.call("CreateAlias", KeyId=key_id, AliasName="alias/work")
    return key_id


@pytest.mark.parametrize("language, code", EXAMPLES.values(), ids=EXAMPLES)
def test_the_example_runs(server, work_key, tmp_path, language, code):
    name, run = RUN[language]
    (tmp_path / name).write_text(code.replace("127.0.0.1:8443", server.address))
    variables = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": server.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": server.access_key_secret,
        "ALIBABA_CLOUD_CA_BUNDLE": server.ca,
    }
    command, more = run(tmp_path, server.ca)
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment(tmp_path) | variables | more,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()
    # The examples in Python assert by themselves.
    assert language == "python" or done.stdout.decode() == f"{work_key} true\n"


def test_every_section_has_an_example():
    """Or one was missed above: the table of clients counts them, and the command line has none."""
    assert len(EXAMPLES) == len(re.findall(r"^\| \[", TEXT, re.MULTILINE)) - 1


def python(directory, ca):
    return [sys.executable, "-W", "ignore", "example.py"], {}


def node(directory, ca):
    needs("node")
    return ["node", "example.js"], {
        "NODE_PATH": str(programs.BUILT / "node/node_modules"),
        "NODE_EXTRA_CA_CERTS": ca,
    }


def go(directory, ca):
    needs("go")
    for pins in ("go.mod", "go.sum"):
        shutil.copy(programs.HERE / "go" / pins, directory)
    # The modules that ./test has fetched and compiled.
    caches = ("GOMODCACHE", "GOCACHE")
    told = subprocess.run(["go", "env", *caches], check=True, capture_output=True, text=True).stdout.split(
        "\n"
    )
    settings = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "SSL_CERT_FILE": ca}
    return ["go", "run", "."], settings | dict(zip(caches, told, strict=False))


def java(directory, ca):
    needs("java")
    trust = programs.trust_store(directory / "bulla.p12", ca)
    return ["java", programs.QUICK, *trust, "-cp", f"{programs.BUILT}/java/lib/*", "Example.java"], {}


def needs(name):
    if not programs.is_there(name) or shutil.which(name) is None:
        pytest.skip(f"{name} is left out: it is missing, or its packages are not installed")


RUN = {
    "python": ("example.py", python),
    "js": ("example.js", node),
    "go": ("main.go", go),
    "java": ("Example.java", java),
}
