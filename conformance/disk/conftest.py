"""Fixtures of the tests of disks: the token plugin, volumes in image files, and machines with both."""

import os
import shutil
import subprocess

import pytest

from machine import PATH, Machine
from serve import ROOT
from volume import Volume


def pytest_collection_modifyitems(items):
    """Skips these tests without cryptsetup; ./test prints what is missing."""
    if shutil.which("cryptsetup", path=PATH):
        return
    left_out = pytest.mark.skip(reason="cryptsetup is missing")
    for item in items:
        if "volume" in getattr(item, "fixturenames", ()):
            item.add_marker(left_out)


@pytest.fixture(scope="session")
def plugin(tmp_path_factory):
    """The token plugin, built as for users."""
    return build_plugin(tmp_path_factory.mktemp("plugin"))


@pytest.fixture(scope="session")
def brief_plugin(tmp_path_factory):
    """The token plugin with a time limit of one second."""
    return build_plugin(tmp_path_factory.mktemp("plugin"), BULLA_TIME_LIMIT_SECONDS="1")


def build_plugin(directory, **variables):
    environment = {name: value for name, value in os.environ.items() if name != "BULLA_PROGRAM"}
    subprocess.run([ROOT / "build-token-plugin", directory], env=environment | variables, check=True)
    return directory / "libcryptsetup-token-bulla.so"


@pytest.fixture
def machine(plugin, tmp_path):
    """A machine with the plugin."""
    return Machine(tmp_path / "machine", plugin)


@pytest.fixture
def brief_machine(brief_plugin, tmp_path):
    """A machine whose plugin has a time limit of one second."""
    return Machine(tmp_path / "brief-machine", brief_plugin)


@pytest.fixture(scope="session")
def formatted(tmp_path_factory):
    """A volume that no test changes."""
    return Volume.formatted(tmp_path_factory.mktemp("volume"))


@pytest.fixture
def volume(formatted, tmp_path):
    """A volume in an image file."""
    return formatted.copied(tmp_path)
