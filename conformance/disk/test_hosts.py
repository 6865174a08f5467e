"""The plugin in programs whose signals and threads differ from those of cryptsetup: see host.py."""

import json
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from host import MANNERS

HOST = Path(__file__).with_name("host.py")
KEY_SLOT = 1


@pytest.mark.parametrize("manner", MANNERS)
def test_a_host_opens_a_volume_and_stays_as_it_was(machine, volume, manner):
    volume.import_token()
    machine.install_script(volume.answer)
    with host(machine, volume, manner) as (_, report):
        assert report["opened"] == [KEY_SLOT] * 10
        assert report["logged"] == []
        assert report["after"] == report["before"]
        assert report["after"]["children"] == ""


@pytest.mark.parametrize("manner", MANNERS)
def test_a_host_stays_as_it_was_after_failures(machine, volume, manner):
    volume.import_token()
    machine.install_script("sleep 1000 & exit 3")
    with host(machine, volume, manner) as (_, report):
        assert report["opened"] == [-11] * 10  # EAGAIN
        assert len(report["logged"]) == 10
        assert report["after"] == report["before"]
        assert report["after"]["children"] == ""


def test_no_passphrase_is_left_in_the_memory_of_a_host(machine, volume):
    volume.import_token()
    machine.install_script(volume.answer)
    with host(machine, volume, "plain") as (process, report):
        assert report["opened"] == [KEY_SLOT] * 10
        assert any(volume.uuid.encode() in content for content in memory(process.pid)), "this finds nothing"
        assert not any(volume.key in content for content in memory(process.pid))


@contextmanager
def host(machine, volume, manner):
    """A host that opened the volume and waits, and its report."""
    pipe = subprocess.PIPE
    with machine.start("python3", "-B", HOST, volume.image, manner, stdin=pipe, stdout=pipe) as process:
        line = process.stdout.readline()
        assert line, f"a host that {manner} ended with {process.wait()}"
        yield process, json.loads(line)
        process.stdin.close()
        assert process.wait(timeout=60) == 0


def memory(pid):
    """Yields the readable memory of a process, mapping by mapping."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as file:
        for line in maps:
            bounds, permissions = line.split()[:2]
            begin, end = (int(bound, 16) for bound in bounds.split("-"))
            # Mappings of the kernel cannot be read.
            with suppress(OSError, OverflowError, ValueError):
                if permissions.startswith("r"):
                    file.seek(begin)
                    yield file.read(end - begin)
