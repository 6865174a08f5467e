"""Runs an example of a document or a page, unchanged, as a program."""

import shutil
import subprocess
import sys

import pytest

import programs
from serve import environment


def run(server, directory, language, code, *arguments):
    """Runs an example, which must succeed, and returns its output. It has the root's access key, and trusts the server."""
    name, prepare = RUN[language]
    (directory / name).write_text(code)
    variables = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": server.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": server.access_key_secret,
        "ALIBABA_CLOUD_CA_BUNDLE": server.ca,
    }
    command, more = prepare(directory, server.ca)
    done = subprocess.run(
        [*command, *arguments],
        cwd=directory,
        env=environment(directory) | variables | more,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


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
    # The modules that ./test fetched and compiled.
    caches = ("GOMODCACHE", "GOCACHE")
    directories = subprocess.run(["go", "env", *caches], check=True, capture_output=True, text=True).stdout.split(
        "\n"
    )
    settings = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "SSL_CERT_FILE": ca}
    return ["go", "run", "."], settings | dict(zip(caches, directories, strict=False))


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
