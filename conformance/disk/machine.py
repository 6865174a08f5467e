"""A machine with the token plugin and a program /usr/bin/bulla: this one, with a private view of /usr, /etc and /boot.

The files are laid over them in a mount namespace that ends with the command, so nothing is installed, and no root is
needed where users may make namespaces of their own.
"""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

# Users have no /usr/sbin on theirs.
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
    """Runs commands that see the plugin, bulla or a script in its place, and the files of other folders, if there are."""

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
        """Makes `program` /usr/bin/bulla."""
        (self._files / "usr/bin/bulla").symlink_to(program)

    @property
    def files(self):
        """What is laid over the folders of this machine."""
        return self._files

    def install_script(self, script: str):
        """Makes a shell script /usr/bin/bulla. It has its request in the file $request, and the token's number in $token."""
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
        """Writes the file /etc/bulla/NAME, which root alone can read."""
        file = self._files / "etc/bulla" / name
        file.write_text(text)
        file.chmod(0o600)

    @property
    def requests(self):
        """Every request that the script got on this machine, as text."""
        return [file.read_text() for file in self._requests.iterdir()]

    def start(self, *command, **options):
        """Starts a command, with the options of subprocess.Popen."""
        layers = " ".join(map(str, [self._files, *self._others]))
        inside = ["sh", "-c", LAY_OVER, "sh", layers, *command]
        return subprocess.Popen([*NAMESPACE, *inside], env={"PATH": PATH, "LC_ALL": "C"}, **options)

    def run(self, *command, stdin=b"", status=0):
        """Runs a command and expects the exit code; gives what it wrote to stdout and stderr."""
        pipe = subprocess.PIPE
        with self.start(*command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT) as process:
            output = process.communicate(stdin, timeout=120)[0].decode()
        shown = " ".join(map(str, command))
        is_expected = process.returncode == status if status is not None else process.returncode != 0
        assert is_expected, f"{shown} ended with {process.returncode}: {output}"
        return output

    def cryptsetup(self, *arguments, stdin=b"", status=0):
        """Runs cryptsetup as `run` does; a status of None is any failure."""
        return self.run("cryptsetup", *arguments, stdin=stdin, status=status)


@cache
def plugin_folder():
    """Where libcryptsetup looks for plugins; no option moves it."""
    usage = subprocess.run(
        ["cryptsetup", "--help"], env={"PATH": PATH, "LC_ALL": "C"}, capture_output=True, text=True, check=True
    )
    return re.search(r"^LUKS2 external token plugin path: (.*)\.$", usage.stdout, re.MULTILINE)[1]
