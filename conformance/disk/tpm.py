"""A software TPM 2.0 for virtual machines: swtpm, with its state in a folder."""

import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from machine import PATH


class Tpm:
    """A TPM. Its seeds and counters are in the folder, and each start resets its registers."""

    @staticmethod
    def is_there():
        """Whether this machine has swtpm, and the programs that unseal in the guest."""
        programs = [shutil.which(program, path=PATH) for program in ["swtpm", "systemd-creds"]]
        return all(programs) and any(Path("/usr/lib").glob("*/libtss2-esys.so.0"))

    def __init__(self, directory: Path):
        self._state = directory / "tpm"
        self._state.mkdir()

    def copied(self, directory: Path):
        """Returns a copy of the TPM in its current state. Changes of the copy do not affect this one."""
        copy = Tpm(directory)
        shutil.copytree(self._state, copy._state, dirs_exist_ok=True)
        return copy

    @contextmanager
    def started(self):
        """Starts the TPM. Yields the path of its socket, which QEMU can use once."""
        with tempfile.TemporaryDirectory() as directory:  # paths of sockets are short
            socket = Path(directory) / "socket"
            state, control = f"dir={self._state}", f"type=unixio,path={socket}"
            command = ["swtpm", "socket", "--tpm2", "--tpmstate", state, "--ctrl", control, "--terminate"]
            with subprocess.Popen(command, env={"PATH": PATH}) as process:
                try:
                    wait_for(socket, process)
                    yield socket
                finally:
                    process.terminate()  # swtpm has exited already if QEMU used it


def wait_for(socket, process):
    """Waits until the program listens."""
    deadline = time.monotonic() + 30
    while not socket.exists():
        assert process.poll() is None and time.monotonic() < deadline, "swtpm does not start"
        time.sleep(0.02)
