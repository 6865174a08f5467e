"""`bulla disk open` checks the mapping. Scripts replace cryptsetup and dmsetup, so no device-mapper is needed.

An attacker's disk can return another header in each run of cryptsetup.
"""

import shutil

import pytest
from luks import CRYPTSETUP, RECOVERY, Volume
from serve import BULLA, remote_bulla

pytestmark = pytest.mark.skipif(CRYPTSETUP is None, reason="cryptsetup is missing")

# Does nothing for mappings, and runs the real cryptsetup for everything else.
CRYPTSETUP_SCRIPT = """#!/bin/sh
echo "$*" >>{calls}
case "$*" in
    *--test-passphrase*) ;;
    "--batch-mode open "* | "--batch-mode close "*) exec cat >/dev/null ;;
esac
exec {real} "$@"
"""
DMSETUP_SCRIPT = """#!/bin/sh
case $1 in
    info) cat {uuid} ;;
    table) cat {table} ;;
esac
"""
TABLE = "0 32768 crypt aes-xts-plain64 :64:logon:cryptsetup:x-d0 0 7:99 32768"

EXCHANGED = {
    "no cipher": ({"aes-xts-plain64": "cipher_null-ecb", ":64:logon:cryptsetup:x-d0": "-"}, '"cipher_null-ecb" with 0 bits'),
    "a shorter key": ({":64:": ":32:"}, "with 256 bits"),
    "another mode": ({"aes-xts-plain64": "aes-cbc-essiv:sha256"}, '"aes-cbc-essiv:sha256"'),
    "no encryption": ({TABLE: "0 32768 linear 7:99 32768"}, "not one segment of encrypted data"),
    "two segments": ({TABLE: f"{TABLE}\n{TABLE}"}, "not one segment of encrypted data"),
    "another device": ({"7:99": "7:98"}, 'the device "7:98"'),
    "another volume": ({"CRYPT-LUKS2-": "CRYPT-LUKS2-0"}, "the UUID"),
}


class Mapper:
    """A machine whose cryptsetup maps nothing, and whose dmsetup prints what the test chooses."""

    def __init__(self, machine, bulla, volume, directory):
        self.machine, self.bulla, self.volume = machine, bulla, volume
        self.files = {name: directory / name for name in ["calls", "real", "uuid", "table"]}
        shutil.copy(CRYPTSETUP, self.files["real"])
        scripts = machine.files / "usr/sbin"
        scripts.mkdir()
        for name, script in {"cryptsetup": CRYPTSETUP_SCRIPT, "dmsetup": DMSETUP_SCRIPT}.items():
            (scripts / name).write_text(script.format(**self.files))
            (scripts / name).chmod(0o755)
        self.devices = directory / "devices"
        for numbers, image in {"7:99": volume.path, "7:98": self.files["real"]}.items():
            (self.devices / numbers / "loop").mkdir(parents=True)
            (self.devices / numbers / "loop/backing_file").write_text(f"{image}\n")

    def open(self, changes, status):
        """Opens the volume, with `changes` in the output of dmsetup. Returns the output of bulla."""
        uuid = f"CRYPT-LUKS2-{self.volume.uuid.replace('-', '')}-vault\n"
        for name, text in {"uuid": uuid, "table": TABLE + "\n"}.items():
            for old, new in changes.items():
                text = text.replace(old, new)
            self.files[name].write_text(text)
        variables = [f"{name}={value}" for name, value in self.bulla.variables.items()]
        words = ["env", f"HOME={self.bulla.home}", *variables, BULLA, "disk", "open", self.volume.path, "vault"]
        bound = ["sh", "-c", 'mount --bind "$0" /sys/dev/block && exec "$@"', self.devices]
        return self.machine.run(*bound, *words, status=status)

    @property
    def is_closed(self):
        """Whether the mapping was removed."""
        return self.files["calls"].read_text().splitlines()[-1] == "--batch-mode close -- vault"


@pytest.fixture(scope="module")
def bulla_of(http_server, tmp_path_factory):
    return remote_bulla(http_server, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def enrolled(bulla_of, tmp_path_factory):
    """A volume that no test changes."""
    volume = Volume.make(tmp_path_factory.mktemp("volume") / "volume.img")
    recovery = volume.path.with_name("recovery")
    recovery.write_bytes(RECOVERY)
    key = bulla_of("key", "create").decode().strip()
    bulla_of("disk", "enroll", volume.path, "-k", key, "--key-file", recovery)
    return volume


@pytest.fixture
def mapper(machine, bulla_of, enrolled, tmp_path):
    return Mapper(machine, bulla_of, enrolled, tmp_path)


def test_a_mapping_of_the_old_header_stays_open(mapper):
    assert "is open as /dev/mapper/vault" in mapper.open({}, status=0)
    assert not mapper.is_closed


@pytest.mark.parametrize("exchanged", EXCHANGED)
def test_what_the_header_did_not_say_is_closed(mapper, exchanged):
    changes, message = EXCHANGED[exchanged]
    output = mapper.open(changes, status=4)
    assert message in output and "do not trust it" in output
    assert mapper.is_closed


def test_a_mapping_that_cannot_be_checked_is_closed(mapper):
    (mapper.machine.files / "usr/sbin/dmsetup").write_text("#!/bin/sh\necho 'No such device' >&2; exit 1\n")
    assert "dmsetup does not show what was mapped: No such device" in mapper.open({}, status=1)
    assert mapper.is_closed
