"""`bulla disk` is killed before and after each of its writes to a header."""

import subprocess

import pytest

from serve import BULLA, environment, remote_bulla
from luks import CRYPTSETUP, PATH, RECOVERY, Volume, is_root

pytestmark = pytest.mark.skipif(
    CRYPTSETUP is None or not is_root(), reason="cryptsetup or the right to make a mount namespace is missing"
)

# Counts the writes, and kills bulla before or after one of them.
WRAPPER = """#!/bin/sh
case "$*" in *luksAddKey* | *luksKillSlot* | *"token import"* | *"token remove"*) ;; *) exec {real} "$@" ;; esac
n=$(($(cat {state}) + 1)); echo $n > {state}
[ $n = "$(cat {kill}-before)" ] && kill -9 $PPID && exit 1
{real} "$@"; status=$?
[ $n = "$(cat {kill}-after)" ] && kill -9 $PPID
[ $n = "$(cat {kill}-failing)" ] && exit 1
exit $status
"""


class Killer:
    """Runs bulla in a mount namespace in which the wrapper replaces cryptsetup."""

    def __init__(self, bulla, directory):
        self.bulla, self.directory = bulla, directory
        real, self.wrapper = directory / "real", directory / "wrapper"
        real.write_bytes(open(CRYPTSETUP, "rb").read())
        real.chmod(0o755)
        self.state, self.kill = directory / "state", directory / "kill"
        self.wrapper.write_text(WRAPPER.format(state=self.state, kill=self.kill, real=real))
        self.wrapper.chmod(0o755)

    def run(self, *arguments, at=0, when="before"):
        """Runs a command that is killed at a write, or for which the write fails. Returns the exit code."""
        self.state.write_text("0")
        for moment in ("before", "after", "failing"):
            (self.directory / f"kill-{moment}").write_text(str(at if moment == when else 0))
        script = 'mount --bind "$0" "$1" && shift && exec "$@"'
        words = ["unshare", "-m", "sh", "-c", script, self.wrapper, CRYPTSETUP, BULLA, *arguments]
        env = environment(self.bulla.home) | self.bulla.variables | {"PATH": PATH}
        done = subprocess.run(words, env=env, stdin=subprocess.DEVNULL, capture_output=True)
        return done.returncode


@pytest.fixture(scope="module")
def bulla_of(http_server, tmp_path_factory):
    return remote_bulla(http_server, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def keys(bulla_of):
    return [bulla_of("key", "create").decode().strip() for _ in range(2)]


@pytest.fixture
def killer(bulla_of, tmp_path):
    return Killer(bulla_of, tmp_path)


def moments(killer, arguments, volume, original):
    """Yields the volume after each kill of a command: before its first write, and after each write."""
    for at in range(100):
        volume.path.write_bytes(original)
        status = killer.run(*arguments, at=max(at, 1), when="after" if at else "before")
        if status == 0:
            assert at > 2, "the command was hardly ever killed"
            return
        assert status in (-9, 137), status
        yield f"after {at} writes"


def test_enroll(killer, bulla_of, keys, tmp_path):
    volume, recovery = Volume.make(tmp_path / "volume.img"), tmp_path / "recovery"
    recovery.write_bytes(RECOVERY)
    original = volume.path.read_bytes()
    enroll = ("disk", "enroll", volume.path, "-k", keys[0], "-k", keys[1], "--key-file", recovery)
    for moment in moments(killer, enroll, volume, original):
        assert volume.opens(RECOVERY, "0"), moment
        is_done = sum("pending" not in token for token in volume.tokens.values()) == 2
        bulla_of(*enroll, status=2 if is_done else 0)
        bulla_of("disk", "test", volume.path)
        assert volume.slots == ["0", "1"], moment
        tokens = list(volume.tokens.values())
        assert sorted(token["key_id"] for token in tokens) == sorted(keys), moment
        assert all(token["keyslots"] == ["1"] and "pending" not in token for token in tokens), moment


@pytest.mark.parametrize("command", ["rekey", "rewrap", "unenroll"])
def test_commands_on_an_enrolled_volume(killer, bulla_of, keys, tmp_path, command):
    volume, recovery = Volume.make(tmp_path / "volume.img"), tmp_path / "recovery"
    recovery.write_bytes(RECOVERY)
    bulla_of("disk", "enroll", volume.path, "-k", keys[0], "-k", keys[1], "--key-file", recovery)
    original = volume.path.read_bytes()
    arguments = ("disk", command, volume.path)
    for moment in moments(killer, arguments, volume, original):
        assert volume.opens(RECOVERY, "0"), moment
        if command != "unenroll":
            bulla_of("disk", "test", volume.path)
        is_done = command == "unenroll" and not any(token["keyslots"] for token in volume.tokens.values())
        bulla_of(*arguments, status=2 if is_done else 0)
        tokens = list(volume.tokens.values())
        if command == "unenroll":
            assert (tokens, volume.slots) == ([], ["0"]), moment
        else:
            assert len(volume.slots) == 2 and len(tokens) == 2, (moment, volume.slots, tokens)
            assert not any("pending" in token or "replaces" in token for token in tokens), moment
            bulla_of("disk", "test", volume.path)


@pytest.mark.parametrize("next_command", ["rewrap", "rekey"])
def test_a_rewrap_by_other_keys(killer, bulla_of, keys, tmp_path, next_command):
    volume, recovery = Volume.make(tmp_path / "volume.img"), tmp_path / "recovery"
    recovery.write_bytes(RECOVERY)
    bulla_of("disk", "enroll", volume.path, "-k", keys[0], "-k", keys[1], "--key-file", recovery)
    original = volume.path.read_bytes()
    arguments = ("disk", "rewrap", volume.path, "-k", keys[1], "-k", keys[0])
    for moment in moments(killer, arguments, volume, original):
        bulla_of("disk", "test", volume.path)
        bulla_of("disk", next_command, volume.path)
        assert {token["key_id"] for token in volume.tokens.values()} == set(keys), moment
        bulla_of("disk", "test", volume.path)
        bulla_of(*arguments)
        assert (len(volume.tokens), len(volume.slots)) == (2, 2), moment


def test_a_key_slot_that_was_made_although_cryptsetup_failed(killer, bulla_of, keys, tmp_path):
    volume, recovery = Volume.make(tmp_path / "volume.img"), tmp_path / "recovery"
    recovery.write_bytes(RECOVERY)
    enroll = ("disk", "enroll", volume.path, "-k", keys[0], "--key-file", recovery)
    assert killer.run(*enroll, at=2, when="failing") == 1
    assert volume.slots == ["0", "1"]
    bulla_of(*enroll)
    bulla_of("disk", "test", volume.path)
    assert volume.slots == ["0", "1"] and len(volume.tokens) == 1
