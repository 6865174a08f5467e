"""A machine with the token plugin and a program /usr/bin/bulla: this machine, with a private view of /usr, /etc and /boot.

An overlay in a mount namespace adds the files for one command, so nothing is installed, and root is not needed where users
may create namespaces.
"""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

# /usr/sbin is not on the PATH of users.
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"

NAMESPACE = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
LAY_OVER = """
    for folder in usr etc boot; do
        layers=
        for layer in $1; do
            [ ! -d "$layer/$folder" ] || layers=$layers$layer/$folder:
        done
        [ -z "$layers" ] || mount -t overlay overlay -o "lowerdir=$layers/$folder" "/$folder" || exit
    done
    shift
    exec "$@"
"""


class Machine:
    """Runs commands that see the plugin, bulla or a script in its place, and the files of optional other folders."""

    def __init__(self, directory: Path, plugin: Path, *others: Path):
        self._files = directory / "files"
        self._others = others
        self._requests = directory / "requests"
        for folder in [self._requests, self._files / "usr/bin", self._files / "etc/bulla"]:
            folder.mkdir(parents=True)
        folder = self._files / Path(plugin_folder()).resolve().relative_to("/")
        folder.mkdir(parents=True)
        shutil.copy(plugin, folder)

    def install_bulla(self, program: Path):
        """Installs `program` as /usr/bin/bulla."""
        (self._files / "usr/bin/bulla").symlink_to(program)

    @property
    def files(self):
        """The folder with the added files."""
        return self._files

    def install_script(self, script: str):
        """Installs a shell script as /usr/bin/bulla. $request is the file with its request, $token the number of the token."""
        program = self._files / "usr/bin/bulla"
        program.write_text(f"""#!/bin/sh
            [ "$*" = 'disk unlock' ] || {{ echo "called with: $*" >&2; exit 2; }}
            request=$(mktemp -p {self._requests})
            cat >$request
            token=$(grep -o '"token":[0-9]*' $request | head -n 1 | cut -d : -f 2)
            {script}
        """)
        program.chmod(0o755)

    def configure(self, name: str, text: str):
        """Writes the file /etc/bulla/NAME, which only root can read."""
        file = self._files / "etc/bulla" / name
        file.write_text(text)
        file.chmod(0o600)

    @property
    def requests(self):
        """The texts of all requests that the script got on this machine."""
        return [file.read_text() for file in self._requests.iterdir()]

    def start(self, *command, **options):
        """Starts a command, with the options of subprocess.Popen."""
        layers = " ".join(map(str, [self._files, *self._others]))
        inside = ["sh", "-c", LAY_OVER, "sh", layers, *command]
        return subprocess.Popen([*NAMESPACE, *inside], env={"PATH": PATH, "LC_ALL": "C"}, **options)

    def run(self, *command, stdin=b"", status=0):
        """Runs a command and expects the exit code. Returns its stdout and stderr."""
        pipe = subprocess.PIPE
        with self.start(*command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT) as process:
            output = process.communicate(stdin, timeout=120)[0].decode()
        shown = " ".join(map(str, command))
        is_expected = process.returncode == status if status is not None else process.returncode != 0
        assert is_expected, f"{shown} ended with {process.returncode}: {output}"
        return output

    def cryptsetup(self, *arguments, stdin=b"", status=0):
        """Runs cryptsetup as `run` does. A status of None means any failure."""
        return self.run("cryptsetup", *arguments, stdin=stdin, status=status)


@cache
def plugin_folder():
    """Returns the folder in which libcryptsetup searches for plugins, which no option changes."""
    usage = subprocess.run(
        ["cryptsetup", "--help"], env={"PATH": PATH, "LC_ALL": "C"}, capture_output=True, text=True, check=True
    )
    return re.search(r"^LUKS2 external token plugin path: (.*)\.$", usage.stdout, re.MULTILINE)[1]
