"""Programs that make calls with official clients in other languages. Each runs once, and gets calls as lines of JSON."""

import json
import os
import select
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from serve import ROOT, environment

HERE = Path(__file__).parent
# One compiler is enough for a Java program that runs for seconds.
QUICK = "-XX:TieredStopAtLevel=1"
BUILT = Path(os.environ.get("BULLA_CONFORMANCE", ROOT / "target/conformance"))


class Program:
    """A running program that answers a line of JSON with a line of JSON."""

    def __init__(self, command, home: Path, **variables: str):
        self._stderr = home / "stderr"
        with self._stderr.open("wb") as stderr:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment(home) | variables,
            )

    def ask(self, **question):
        """Sends a line, and returns the answer of the program, which must come within a minute."""
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
        # There is one answer to each question, so no part of it is buffered already.
        ready, _, _ = select.select([self._process.stdout], [], [], 60)
        line = self._process.stdout.readline() if ready else b""
        assert line, f"no answer to {question.get('action')}: {self._stderr.read_text(errors='replace')}"
        return json.loads(line)

    def stop(self):
        """Ends the program by closing its standard input."""
        self._process.stdin.close()
        try:
            status = self._process.wait(timeout=20)
        finally:
            self._process.kill()
        assert status == 0, f"ended with {status}: {self._stderr.read_text(errors='replace')}"


def python(home: Path, ca: str, **variables: str):
    """Starts the program for the Python credentials library. The Python clients need no program."""
    return Program([sys.executable, "-B", HERE / "find_credentials.py"], home, SSL_CERT_FILE=ca, **variables)


def node(home: Path, ca: str, **variables: str):
    """Starts the program for the Node.js clients, which read the trusted authority at their start."""
    variables |= {"NODE_PATH": str(BUILT / "node/node_modules"), "NODE_EXTRA_CA_CERTS": ca}
    return Program(["node", HERE / "node/call.js"], home, **variables)


def go(home: Path, ca: str, **variables: str):
    """Starts the program for the Go clients. Calls name the authority for the SDK; SSL_CERT_FILE is for the credentials library."""
    return Program([BUILT / "go/call"], home, SSL_CERT_FILE=ca, **variables)


def java(home: Path, ca: str):
    """Starts the program for the Java client, which trusts the authorities in a trust store."""
    classes = f"{BUILT}/java/classes:{BUILT}/java/lib/*"
    return Program(["java", QUICK, *trust_store(home / "ca.p12", ca), "-cp", classes, "Call"], home)


def trust_store(path: Path, ca: str):
    """Creates a trust store with an authority. Returns the flags with which Java uses it."""
    password = "changeit"
    authority = ("-importcert", "-noprompt", "-alias", "bulla", "-file", ca)
    command = ("keytool", *authority, "-keystore", path, "-storepass", password)
    subprocess.run(command, check=True, capture_output=True)
    return f"-Djavax.net.ssl.trustStore={path}", f"-Djavax.net.ssl.trustStorePassword={password}"


PROGRAMS = {"python": python, "node": node, "go": go, "java": java}
NEEDS = {
    "python": (sys.executable, HERE),
    "node": ("node", BUILT / "node/node_modules"),
    "go": (BUILT / "go/call", BUILT / "go/call"),
    "java": ("java", BUILT / "java/classes"),
}


def is_there(name):
    """Whether the program can run. ./test builds it, and prints what it skips."""
    command, built = NEEDS[name]
    return shutil.which(command) is not None and built.exists()
