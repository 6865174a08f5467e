"""A machine that systemd has booted: this machine, with its own processes, network and root file system.

The root is an overlay whose changes are in memory, so nothing is installed or changed here. The kernel is shared: the machine
cannot load modules, set the clock, or write to /proc/sys and /sys.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer

TOOLS = ["mount", "nsenter", "pivot_root", "setpriv", "umount", "unshare"]
SYSTEMD = Path("/lib/systemd/systemd")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NAMESPACES = ["--cgroup", "--ipc", "--mount", "--net", "--pid", "--uts"]
# Ends systemd with its parent, because it ignores SIGTERM.
ISOLATED = ["setpriv", "--pdeathsig", "KILL", "unshare", "--fork", "--kill-child", *NAMESPACES]
BOUND = "setpriv --bounding-set=-sys_module,-sys_rawio,-sys_time,-syslog"

# Joins the control group $1, which systemd then takes for the root of the tree.
JOIN = 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"'

# Makes a root in $1 from the files of this machine, and everything in it that services of this machine could share or fill.
ROOT = """
    set -e
    mount -t tmpfs tmpfs "$1"
    mkdir "$1/changes" "$1/work" "$1/root"
    mount -t overlay overlay -o "lowerdir=/,upperdir=$1/changes,workdir=$1/work" "$1/root"
    cd "$1/root"
    mount -t proc proc proc
    mount --bind proc/sys proc/sys
    mount -o remount,bind,ro proc/sys
    mount -t sysfs -o ro sysfs sys
    mount -t cgroup2 cgroup2 sys/fs/cgroup
    for folder in dev etc/systemd/system home mnt root run srv tmp var/log; do
        mount -t tmpfs -o mode=755 tmpfs $folder
    done
    chmod 1777 tmp
    mkdir dev/pts dev/shm
    chmod 1777 dev/shm
    mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
    ln -s pts/ptmx dev/ptmx
    for device in full null random tty urandom zero; do
        : >dev/$device
        mount --bind /dev/$device dev/$device
    done
    ln -s /proc/self/fd dev/fd
    for table in etc/crypttab etc/fstab; do
        : >$table
    done
    rm -rf etc/rcS.d
    : >etc/machine-id
    for unit in modprobe@ systemd-modules-load systemd-remount-fs systemd-sysctl; do
        ln -s /dev/null etc/systemd/system/$unit.service
    done
"""
ENTER = """
    pivot_root . .
    umount -l .
"""
SYSTEM = f"exec env -i container=other PATH={PATH} {BOUND} {SYSTEMD} --unit=basic.target --show-status=no"


def obstacle(*programs):
    """Returns why no machine with these programs can be booted here, or None."""
    if missing := [tool for tool in [*TOOLS, *programs] if not shutil.which(tool, path=PATH)]:
        return f"{missing[0]} is missing"
    if not SYSTEMD.exists():
        return "systemd is missing"
    if os.geteuid() != 0:
        return "only root can boot it"
    if not control_groups():
        return "no tree of control groups (version 2) is mounted"
    try:
        group = own_group("obstacle")
    except OSError as error:
        return f"no control group can be made: {error}"
    try:
        with TemporaryDirectory() as directory:
            done = subprocess.run(
                isolated(group, ROOT, directory), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
            )
    finally:
        remove_group(group)
    return f"no root file system can be made in a namespace: {done.stderr.strip()}" if done.returncode else None


def isolated(group, script, *arguments):
    """Returns the command that runs a script in a control group and namespaces of its own."""
    return ["sh", "-c", JOIN, "sh", str(group), *ISOLATED, "sh", "-c", script, "sh", *map(str, arguments)]


class BootedMachine:
    """A running systemd, without any service of this machine."""

    def __init__(self, directory: Path, prepare: str):
        """Boots in an empty `directory`. The script `prepare` runs before that: in the new root, which is not yet `/`."""
        self._group = own_group(directory.name)
        self._log = directory / "systemd.log"
        mounted = directory / "machine"
        mounted.mkdir()
        with self._log.open("wb") as log:
            self._parent = subprocess.Popen(
                isolated(self._group, ROOT + prepare + ENTER + SYSTEM, mounted),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait_for_systemd()
        except BaseException:
            self.stop()
            raise

    def _wait_for_systemd(self):
        deadline = time.monotonic() + 60
        while not (self._init and Path(f"/proc/{self._init}/root/run/systemd/private").exists()):
            is_waiting = self._parent.poll() is None and time.monotonic() < deadline
            assert is_waiting, f"systemd does not start:\n{self._log.read_text()}"
            time.sleep(0.02)
        # "degraded" where a unit of this machine cannot start in a namespace.
        state = self.run("systemctl is-system-running --wait || true").strip()
        assert state in ("running", "degraded"), f"{state}:\n{self._log.read_text()}"

    @property
    def _init(self):
        """The id of the first process of the machine."""
        try:
            return int(Path(f"/proc/{self._parent.pid}/task/{self._parent.pid}/children").read_text().split()[0])
        except (OSError, IndexError):
            return None

    def command(self, *command, user="root"):
        """Returns the command that runs `command` inside, as a user with a fresh environment."""
        is_root = user == "root"
        home = "/root" if is_root else f"/home/{user}"
        switch = [] if is_root else ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        environment = [f"PATH={PATH}", f"HOME={home}", "LANG=C.UTF-8"]
        inside = ["nsenter", "--all", f"--target={self._init}", *switch]
        return [*inside, "env", "-i", "-C", home, *environment, *command]

    def run(self, script, status=0, user="root"):
        """Runs a script of bash, and expects the exit code. Returns what it prints."""
        done = self._run(script, user)
        assert done.returncode == status, f"{script} ended with {done.returncode}: {done.stdout}"
        return done.stdout

    def _run(self, script, user="root"):
        return subprocess.run(
            self.command("bash", "-e", "-o", "pipefail", "-c", script, user=user),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )

    def wait_until(self, condition):
        """Waits until a script of bash succeeds. Returns what it prints then."""
        deadline = time.monotonic() + 120
        while True:
            done = self._run(condition)
            if done.returncode == 0:
                return done.stdout
            assert time.monotonic() < deadline, f"{condition} never succeeded; it ended with: {done.stdout}"
            time.sleep(0.1)

    def stop(self):
        """Ends all processes of the machine."""
        if self._init:
            os.kill(self._init, signal.SIGKILL)
        self._parent.kill()
        self._parent.wait()
        remove_group(self._group)


class Shell:
    """A shell on the machine, with its variables and its directory."""

    def __init__(self, machine: BootedMachine, user="root"):
        self._process = subprocess.Popen(
            machine.command("bash", user=user),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, script, is_checked=True):
        """Runs lines as if they were typed. Returns their output and the exit code of the last one.

        If `is_checked`, the first command that fails ends the lines, and the shell.
        """
        begin, end = ("set -e\n", "set +e\n") if is_checked else ("", "")
        # Commands that read must not read the lines after them.
        lines = f"{begin}{{\n{script}\n}} </dev/null\nprintf '\\n\\1%s\\n' $?\n{end}"
        self._process.stdin.write(lines)
        self._process.stdin.flush()
        output = []
        deadline = Timer(300, self._process.kill)
        deadline.start()
        try:
            for line in self._process.stdout:
                if line.startswith("\1"):
                    return "".join(output).rstrip("\n"), int(line[1:])
                output.append(line)
            return "".join(output), self._process.wait()
        finally:
            deadline.cancel()

    def close(self):
        """Ends the shell."""
        self._process.stdin.close()
        self._process.wait()


def control_groups():
    """Returns where control groups of version 2 are mounted, or None."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return next((Path(where) for _, where, kind, *_ in mounts if kind == "cgroup2"), None)


def own_group(name):
    """Makes an empty control group. Removes those of earlier runs that were killed."""
    for left in control_groups().glob("bulla-*"):
        is_running = Path("/proc", left.name.split("-")[1]).exists()
        if not is_running and "populated 0" in (left / "cgroup.events").read_text():
            remove_group(left)
    group = control_groups() / f"bulla-{os.getpid()}-{name}"
    group.mkdir()
    return group


def remove_group(group):
    """Removes a control group, with those that systemd made in it, when their processes have ended."""
    deadline = time.monotonic() + 20
    while group.exists():
        for folder, _, _ in os.walk(group, topdown=False):
            with suppress(OSError):
                os.rmdir(folder)
        assert time.monotonic() < deadline, f"processes of {group} are still running"
        time.sleep(0.02)


if __name__ == "__main__":
    print(obstacle(*sys.argv[1:]) or "")
