"""The token plugin in the real libcryptsetup, with a script in place of `bulla disk unlock`."""

import json

import pytest
from volume import TOKEN

OPEN = ["open", "--test-passphrase"]

# Failures of bulla instead of an answer with the key, and a part of the message to the user.
FAILURES = {
    "another key": ("printf 'bulla 1 3\\nabc'", ""),
    "a failure": ("echo 'the KMS is not available' >&2; exit 3", "the KMS is not available\n"),
    "a failure after the answer": ("{answer}; exit 3", "it failed with exit code 3"),
    "a killed program": ("{answer}; kill -9 $$", "signal 9 ended it"),
    "no answer": ("", "it gave no whole answer"),
    "a part of an answer": ("printf 'bulla 1 64\\nabc'", "it gave no whole answer"),
    "a bare passphrase": ("printf {key}", "its answer is malformed"),
    "an endless answer": ("yes", "its answer is malformed"),
    "a forged message": ("printf '\\033[2Jno\\n' >&2; exit 1", "\ufffd[2Jno\n"),
}
LATE = {
    "a program that hangs": "exec sleep 1000",
    "a program that hangs after the answer": "{answer}; exec sleep 1000",
    "a program that ignores signals": "trap '' TERM HUP; while :; do sleep 1; done",
    "a program that talks without end": "exec yes >&2",
}


def script_of(text, volume):
    return text.replace("{answer}", volume.answer).replace("{key}", volume.key.decode())


def test_a_volume_opens_by_its_token(machine, volume):
    volume.import_token()
    machine.install_script(volume.answer)
    machine.cryptsetup(*OPEN, "--token-only", volume.image)
    (request,) = map(json.loads, machine.requests)
    assert request == {"version": 1, "uuid": volume.uuid, "token": 0, "metadata": volume.metadata}


def test_a_process_that_bulla_leaves_behind_delays_nothing(machine, volume):
    volume.import_token()
    machine.install_script(f"sleep 1000 & {volume.answer}")
    machine.cryptsetup(*OPEN, "--token-only", volume.image)


def test_messages_reach_the_user(machine, volume):
    volume.import_token()
    machine.install_script(f"echo 'waiting for the network' >&2; {volume.answer}")
    assert machine.cryptsetup(*OPEN, "--token-only", volume.image) == "waiting for the network\n"


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_leaves_the_passphrase(machine, volume, failure):
    volume.import_token()
    script, message = FAILURES[failure]
    machine.install_script(script_of(script, volume))
    passphrase_still_opens(machine, volume, message)
    assert len(machine.requests) == 3


@pytest.mark.parametrize("failure", LATE)
def test_a_program_that_is_late_leaves_the_passphrase(brief_machine, volume, failure):
    volume.import_token()
    brief_machine.install_script(script_of(LATE[failure], volume))
    passphrase_still_opens(brief_machine, volume, "it was killed after 1 s without an answer")


def test_a_machine_without_bulla_leaves_the_passphrase(machine, volume):
    volume.import_token()
    passphrase_still_opens(machine, volume, "/usr/bin/bulla: it cannot be started: No such file or directory")


def passphrase_still_opens(machine, volume, message):
    """Checks that the token does not open the volume, and that cryptsetup then prompts for the passphrase and checks it."""
    output = machine.cryptsetup(*OPEN, "--token-only", volume.image, status=None)
    assert message in output
    output = machine.cryptsetup(*OPEN, volume.image, stdin=volume.recovery)
    assert message in output
    machine.cryptsetup(*OPEN, volume.image, stdin=b"another", status=2)


def test_a_token_that_fails_leaves_the_next_one(machine, volume):
    volume.import_token(0)
    volume.import_token(1)
    machine.install_script(f"[ $token = 1 ] || exit 3; {volume.answer}")
    output = machine.cryptsetup(*OPEN, "--token-only", volume.image)
    assert output == "bulla: token 0 is not used: /usr/bin/bulla: it failed with exit code 3\n"
    assert sorted(json.loads(request)["token"] for request in machine.requests) == [0, 1]


def test_a_pin_of_another_token_runs_no_program(machine, volume):
    volume.import_token()
    machine.install_script("exit 3")
    machine.run("python3", "-c", OPEN_WITH_PIN, volume.image, status=0)
    assert machine.requests == []


OPEN_WITH_PIN = """
import sys
from ctypes import CDLL, byref, c_void_p
library, cd = CDLL("libcryptsetup.so.12"), c_void_p()
assert library.crypt_init(byref(cd), sys.argv[1].encode()) == 0 and library.crypt_load(cd, b"LUKS2", None) == 0
assert library.crypt_activate_by_token_pin(cd, None, b"bulla", -1, b"1234", 4, None, 0) == -2
"""


@pytest.mark.parametrize("members", [{"version": 2}, {"version": "1"}, {"key_id": ""}, {"context": []}, {"wrapped_key": 1}], ids=str)
def test_a_malformed_token_is_neither_imported_nor_used(machine, volume, members):
    token = json.dumps(TOKEN | members).encode()
    importing = ["token", "import", "--json-file", "-", volume.image]
    output = machine.cryptsetup(*importing, stdin=token, status=None)
    assert "bulla: a token is not used: " in output
    volume.import_token(**members)  # without the plugin, nothing is checked
    machine.install_script(volume.answer)
    output = machine.cryptsetup(*OPEN, "--token-only", volume.image, status=None)
    assert "bulla: a token is not used: " in output
    assert machine.requests == []


@pytest.mark.parametrize("members", [{}, {"later": [{"a": None}]}, {"keyslots": [], "pending": "1"}, {"context": {}}], ids=str)
def test_a_token_of_any_stage_is_imported(machine, volume, members):
    token = json.dumps(TOKEN | members).encode()
    machine.cryptsetup("token", "import", "--json-file", "-", volume.image, stdin=token)
    assert volume.metadata["tokens"]["0"] == TOKEN | members


def test_a_token_without_a_key_slot_runs_no_program(machine, volume):
    volume.import_token(keyslots=[], pending="1")
    machine.install_script(volume.answer)
    machine.cryptsetup(*OPEN, "--token-only", volume.image, status=None)
    assert machine.requests == []


def test_a_dump_shows_the_token(machine, volume):
    volume.import_token(key_id="key-1\x1b[2J\n")
    output = machine.cryptsetup("luksDump", volume.image)
    expected = (
        "Tokens:\n"
        "  0: bulla\n"
        "\tKey id:     key-1\ufffd[2J\ufffd\n"
        "\tVersion:    2ab1a983-7072-4bbc-a582-584b5bd8c1a2\n"
        "\tKMS:        https://kms.example:8443\n"
        "\tContext:    machine=web-1\n"
        "\t            team=a b\n"
        "\tKeyslot:    1\n"
    )
    assert expected in output
