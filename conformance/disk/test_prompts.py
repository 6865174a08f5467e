"""`bulla disk` asks for passphrases at a terminal."""

import os
import pty
import signal
import termios

import pytest

from luks import CRYPTSETUP, RECOVERY, Volume
from serve import BULLA, environment, remote_bulla

pytestmark = pytest.mark.skipif(CRYPTSETUP is None, reason="cryptsetup is missing")


class Prompt:
    """A command in a session of its own, with its terminal."""

    def __init__(self, bulla, *arguments):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execve(BULLA, [BULLA, *map(str, arguments)], environment(bulla.home) | bulla.variables)
        self.output = b""

    def wait_for(self, text):
        while text not in self.output:
            self.output += os.read(self.terminal, 1024)

    def type(self, keys):
        os.write(self.terminal, keys)

    @property
    def shows(self):
        """Whether the terminal echoes input, a setting that remains for the next program."""
        return bool(termios.tcgetattr(self.terminal)[3] & termios.ECHO)

    def end(self):
        """Returns the exit code; negative for a signal."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture
def prompt(http_server, tmp_path):
    """`bulla disk enroll` at the prompt for the passphrase."""
    bulla = remote_bulla(http_server, tmp_path / "home")
    volume = Volume.make(tmp_path / "volume.img")
    key = bulla("key", "create").decode().strip()
    prompt = Prompt(bulla, "disk", "enroll", volume.path, "-k", key)
    prompt.volume = volume
    prompt.wait_for(b"Passphrase of")
    while prompt.shows:
        pass
    yield prompt
    os.close(prompt.terminal)


def test_a_passphrase_is_typed_unseen(prompt):
    prompt.type(RECOVERY + b"\n")
    prompt.wait_for(b"key slot 1 is opened by")
    assert prompt.shows and prompt.end() == 0
    assert RECOVERY not in prompt.output and len(prompt.volume.tokens) == 1


@pytest.mark.parametrize("stop", [b"\x03", signal.SIGTERM, signal.SIGHUP], ids=str)
def test_a_prompt_that_is_interrupted_leaves_a_terminal_that_shows(prompt, stop):
    prompt.type(b"secret")
    prompt.type(stop) if isinstance(stop, bytes) else os.kill(prompt.pid, stop)
    assert prompt.end() == 130
    assert prompt.shows and prompt.volume.tokens == {}


def test_keys_that_stop_or_abort_a_program_do_not_at_a_prompt(prompt):
    prompt.type(b"\x1a\x1csecret\n")
    prompt.wait_for(b"no key slot")
    assert prompt.shows and prompt.end() == 1
