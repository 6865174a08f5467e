"""A running `bulla console`: the console of an embedded KMS, and the link that it prints."""

import re
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

from serve import BULLA, environment


class OwnerConsole:
    """The command in its own home directory, until it is stopped with SIGINT."""

    def __init__(self, home: Path):
        self._stderr = home / "stderr"
        with self._stderr.open("wb") as stderr:
            self._process = subprocess.Popen(
                [BULLA, "console", "--no-open"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=environment(home),
            )
        self.started = time.monotonic()
        deadline = self.started + 30
        while "Ctrl-C" not in self.messages:
            assert time.monotonic() < deadline and self._process.poll() is None, self.messages
            time.sleep(0.02)
        self.link = re.search(r"http://\S+", self.messages)[0]
        parts = urlsplit(self.link)
        self.name, self.port = parts.hostname, parts.port
        self.url = f"http://{parts.netloc}"

    @property
    def messages(self):
        """The text that it printed to the terminal."""
        return self._stderr.read_text()

    def stop(self):
        """Stops it as Ctrl-C does, and expects success."""
        self._process.send_signal(signal.SIGINT)
        assert self._process.wait(timeout=20) == 0, self.messages
