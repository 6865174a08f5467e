"""The systemd unit in contrib/, checked by systemd-analyze. test_first_day.py runs it."""

import shutil
import subprocess

import pytest

from serve import BULLA, ROOT


@pytest.fixture
def unit(tmp_path):
    """The unit, with a program that exists here."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is missing")
    unit = tmp_path / "bulla.service"
    text = (ROOT / "contrib/bulla.service").read_text()
    assert text.count("/usr/local/bin/bulla ") == 1
    unit.write_text(text.replace("/usr/local/bin/bulla ", f"{BULLA} "))
    return unit


def test_the_unit_is_valid(unit):
    done = analyze("verify", unit)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout


def test_the_unit_exposes_little(unit):
    """The exposure is at most 1.5 of 10. The rest is due to the network, and to AF_UNIX for systemd."""
    done = analyze("security", "--offline=true", "--threshold=15", unit)
    assert done.returncode == 0, done.stdout


def analyze(*arguments):
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
