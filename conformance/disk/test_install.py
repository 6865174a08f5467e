"""`bulla disk install-plugin` installs the token plugin where cryptsetup searches for it, below any root directory."""

import pytest
from serve import BULLA, Bulla

from machine import Machine

OPEN = ["open", "--test-passphrase", "--token-only"]


@pytest.fixture
def bulla(tmp_path):
    """The command line, without a KMS."""
    return Bulla(tmp_path, PATH="/usr/sbin:/usr/bin:/sbin:/bin")


@pytest.fixture
def bare_machine(plugin, tmp_path, volume):
    """A machine without the plugin, whose program answers with the key of the volume."""
    machine = Machine(tmp_path / "machine", plugin)
    [installed] = machine.files.rglob("*.so")
    installed.unlink()
    machine.install_script(volume.answer)
    volume.import_token()
    return machine


def test_the_plugin_is_installed_and_removed(bare_machine, volume, plugin, bulla):
    root = ["--root", bare_machine.files]
    bare_machine.cryptsetup(*OPEN, volume.image, status=None)

    assert b"is installed" in bulla("disk", "install-plugin", *root, "--plugin", plugin)
    bulla("disk", "install-plugin", *root, "--plugin", plugin)
    bare_machine.cryptsetup(*OPEN, volume.image)
    [installed] = bare_machine.files.rglob("*.so")
    assert installed.stat().st_mode & 0o7777 == 0o644

    assert b"is removed" in bulla("disk", "uninstall-plugin", *root)
    assert b"was not installed" in bulla("disk", "uninstall-plugin", *root)
    bare_machine.cryptsetup(*OPEN, volume.image, status=None)


@pytest.mark.parametrize("library", [BULLA, "/dev/null", "/missing"], ids=str)
def test_what_is_no_plugin_is_not_installed(bare_machine, bulla, library):
    bulla("disk", "install-plugin", "--root", bare_machine.files, "--plugin", library, status=1 if library == "/missing" else 2)
    assert not list(bare_machine.files.rglob("*.so"))
