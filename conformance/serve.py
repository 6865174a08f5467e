"""A real `bulla serve` for the tests, with a port, a directory and a log of its own."""

import copy
import json
import os
import re
import signal
import subprocess
import time
from base64 import b64decode
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BULLA = Path(os.environ.get("BULLA_BIN", ROOT / "target/debug/bulla")).resolve()


class Server:
    """A running server, with its first access key and its address."""

    def __init__(self, directory: Path, *options: str, listen="127.0.0.1:0"):
        self.directory = directory
        self.listen = listen
        self.data = directory / "data"
        self.options = options
        self.secrets = set()
        self.security_token = None
        self._start()

    def _start(self):
        command = [BULLA, "serve", "--data", self.data, "--listen", self.listen, *self.options]
        with self._stdout.open("wb") as stdout, self._stderr.open("ab") as stderr:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env=environment(self.directory),
            )
        self.url = self._wait_for_url()
        self.scheme, self.address = self.url.split("://")
        access_key = json.loads((self.data / "root-access-key.json").read_text())
        self.access_key_id = access_key["AccessKeyId"]
        self.access_key_secret = access_key["AccessKeySecret"]
        self.remember(self.access_key_secret)

    def _wait_for_url(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if line := re.search(
                r"^bulla: listening on (https?://\S+)$", self._stdout.read_text(), re.MULTILINE
            ):
                return line[1]
            if self._process.poll() is not None:
                raise AssertionError(f"bulla serve ended with {self._process.returncode}:\n{self.log}")
            time.sleep(0.02)
        self._process.kill()
        raise AssertionError(f"bulla serve did not say where it listens within 30 s:\n{self.log}")

    def stop(self):
        """Stops the server as an operator does, and checks its exit code, and that no file contains a secret in plaintext."""
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise AssertionError(f"bulla serve still runs 20 s after SIGTERM:\n{self.log}") from None
        assert status == 0, f"bulla serve ended with {status} after SIGTERM:\n{self.log}"
        for file in [self._stderr, *self.data.rglob("*")]:
            if file.is_file() and file.name != "root-access-key.json":
                content = file.read_bytes()
                assert not any(secret.encode() in content for secret in self.secrets), (
                    f"{file} holds a secret"
                )

    def restart(self):
        """Stops the server and starts it again on the same data, on another port."""
        self.stop()
        self._start()

    def remember(self, secret: str):
        """Adds a text that must not appear in the log, neither as it is nor in hexadecimal."""
        forms = [secret]
        with suppress(ValueError):
            forms.append(b64decode(secret, validate=True).hex())
        # A shorter one could appear by chance.
        self.secrets.update(form for form in forms if len(form) >= 16)

    def called_with(self, credentials):
        """Returns the server with the credentials of a reply: an access key or a session."""
        called = copy.copy(self)
        called.access_key_id = credentials["AccessKeyId"]
        called.access_key_secret = credentials["AccessKeySecret"]
        called.security_token = credentials.get("SecurityToken")
        return called

    @property
    def ca(self):
        """The path of the server's own certificate authority."""
        return str(self.data / "tls/ca.pem")

    @property
    def host_port(self):
        """The host and the port, separately."""
        host, port = self.address.rsplit(":", 1)
        return host, int(port)

    @property
    def log(self):
        """Everything that the server has written to stderr."""
        return self._stderr.read_text(errors="replace")

    def complete_log(self):
        """Returns the log with the lines of all requests before this call, but without its own ones. Lines are written in order."""
        marker = remote_bulla(self, self.directory).kms("DescribeRegions")["RequestId"]
        deadline = time.monotonic() + 30
        while marker not in self.log:
            assert time.monotonic() < deadline, self.log
            time.sleep(0.01)
        return "".join(line for line in self.log.splitlines(True) if "DescribeRegions" not in line)

    @property
    def _stdout(self):
        return self.directory / "stdout"

    @property
    def _stderr(self):
        return self.directory / "stderr"


class Bulla:
    """The command line tool, run by a user with this home directory."""

    def __init__(self, home: Path, **variables: str):
        self.home = home
        self.variables = variables

    def __call__(self, *arguments, status=0, **variables):
        """Runs `bulla ARGUMENTS` with more environment variables, and expects the exit code. Returns its stdout."""
        done = subprocess.run(
            [BULLA, *arguments],
            env=environment(self.home) | self.variables | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=300,
        )
        shown = " ".join(map(str, arguments))
        assert done.returncode == status, (
            f"bulla {shown} ended with {done.returncode}: {done.stderr.decode()}"
        )
        return done.stdout

    def kms(self, action, **parameters):
        """Runs `bulla kms ACTION --Name Value…` and returns the parsed reply."""
        flags = [word for name, value in parameters.items() for word in (f"--{name}", value)]
        return json.loads(self("kms", action, *flags))


def remote_bulla(server, home):
    """Returns `bulla` in `home` with `server` as its KMS."""
    bulla = Bulla(
        home,
        BULLA_KMS=server.url,
        ALIBABA_CLOUD_ACCESS_KEY_ID=server.access_key_id,
        ALIBABA_CLOUD_ACCESS_KEY_SECRET=server.access_key_secret,
    )
    if server.scheme == "https":
        bulla.variables["ALIBABA_CLOUD_CA_BUNDLE"] = server.ca
    return bulla


def environment(home: Path):
    """Returns an environment without the credentials, proxies and settings of the developer or CI system."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
