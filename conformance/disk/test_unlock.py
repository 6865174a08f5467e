"""cryptsetup, the token plugin, `bulla disk unlock` and a KMS together open a volume."""

import json
import os
import select
import signal
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from serve import BULLA

from volume import Volume

OPEN = ["open", "--test-passphrase"]
TOKEN_ONLY = [*OPEN, "--token-only"]


@pytest.fixture
def own_key(old_sdk):
    """A key that the test may disable."""
    return old_sdk.call("CreateKey")["KeyMetadata"]["KeyId"]


@pytest.fixture
def enrolled(volume, bulla, own_key):
    """A volume that `own_key` opens."""
    file = volume.image.with_name("passphrase")
    file.write_bytes(volume.recovery)
    bulla("disk", "enroll", volume.image, "-k", own_key, "--key-file", file)
    return volume


@pytest.fixture
def configured(machine, server, enrolled, own_key):
    """A machine whose configuration lists the volume."""
    return configure(machine, server, enrolled.uuid, own_key)


def configure(machine, server, uuid, key, kms=None, timeout=20):
    if not (machine.files / "usr/bin/bulla").exists():
        machine.install_bulla(BULLA)
    machine.configure("disk-secret", server.access_key_secret)
    machine.configure(
        "disk.toml",
        f"""
            kms = "{kms or server.url}"
            ca = "{server.ca}"
            access_key_id = "{server.access_key_id}"
            access_key_secret_file = "/etc/bulla/disk-secret"
            timeout = {timeout}
            [[volume]]
            uuid = "{uuid}"
            keys = ["{key}"]
        """,
    )
    return machine


def test_the_kms_opens_an_enrolled_volume(configured, enrolled, own_key):
    configured.cryptsetup(*TOKEN_ONLY, enrolled.image)
    output = configured.cryptsetup("luksDump", enrolled.image)
    assert f"  0: bulla\n\tKey id:     {own_key}\n" in output


def test_a_disabled_key_leaves_the_passphrase(configured, enrolled, own_key, old_sdk):
    old_sdk.call("DisableKey", KeyId=own_key)
    output = configured.cryptsetup(*TOKEN_ONLY, enrolled.image, status=None)
    assert "409 Rejected.Disabled" in output
    configured.cryptsetup(*OPEN, enrolled.image, stdin=enrolled.recovery)
    old_sdk.call("EnableKey", KeyId=own_key)
    configured.cryptsetup(*TOKEN_ONLY, enrolled.image)


@pytest.mark.parametrize("listed", ["volume", "key", "nothing"])
def test_what_a_machine_does_not_list_makes_no_connection(machine, server, enrolled, own_key, key_id, listed):
    other = "00000000-0000-4000-8000-000000000000"
    configure(
        machine,
        server,
        uuid=enrolled.uuid if listed == "volume" else other,
        key=own_key if listed == "key" else key_id,
    )
    before = server.complete_log()
    output = machine.cryptsetup(*TOKEN_ONLY, enrolled.image, status=None)
    assert "/etc/bulla/disk.toml" in output
    assert server.complete_log() == before
    machine.cryptsetup(*OPEN, enrolled.image, stdin=enrolled.recovery)


@pytest.mark.parametrize("names_its_version", [False, True])
def test_a_listed_name_for_the_key_of_another_user(machine, server, enrolled, own_key, key_id, names_its_version):
    """The header names the listed key, but another key wrapped its blob, which a wrong version id shows without the KMS."""
    configure(machine, server, enrolled.uuid, key_id)
    token = enrolled.metadata["tokens"]["0"] | {"key_id": key_id}
    if not names_its_version:
        token["key_version_id"] = "00000000-0000-4000-8000-000000000000"
    replaced = ["token", "import", "--token-replace", "--token-id", "0", "--json-file", "-", enrolled.image]
    enrolled.cryptsetup(*replaced, stdin=json.dumps(token).encode())
    before = server.complete_log()
    output = machine.cryptsetup(*TOKEN_ONLY, enrolled.image, status=None)
    if names_its_version:
        assert f"the token names {key_id}, and {own_key} wrapped its key" in output
    else:
        assert f"the token names {key_id}, and has no wrapped key of it" in output
        assert server.complete_log() == before


def test_a_kms_that_is_away_leaves_the_passphrase(machine, server, enrolled, own_key):
    configure(machine, server, enrolled.uuid, own_key, kms="https://127.0.0.1:1")
    machine.cryptsetup(*TOKEN_ONLY, enrolled.image, status=None)
    machine.cryptsetup(*OPEN, enrolled.image, stdin=enrolled.recovery)


def test_a_secret_that_no_tpm_gives_leaves_the_passphrase(machine, server, enrolled, own_key):
    """No TPM of this machine sealed the secret. test_boot.py tests with one that did."""
    configure(machine, server, enrolled.uuid, own_key)
    machine.configure("disk-secret.tpm2", "c2VhbGVk\n")
    machine.cryptsetup(*TOKEN_ONLY, enrolled.image)  # the plain secret is there
    configure(machine, server, enrolled.uuid, own_key, timeout=1)  # it waits for a TPM
    (machine.files / "etc/bulla/disk-secret").unlink()
    output = machine.cryptsetup(*TOKEN_ONLY, enrolled.image, status=None)
    assert "bulla: /etc/bulla/disk-secret.tpm2 is not unsealed: " in output
    assert "run `bulla disk install-boot`" in output
    machine.cryptsetup(*OPEN, enrolled.image, stdin=enrolled.recovery)


@pytest.mark.parametrize("stop", [signal.SIGHUP, signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_host_that_is_stopped_leaves_no_process(machine, server, enrolled, own_key, stop):
    """The KMS accepts the connection and never answers. cryptsetup catches SIGINT and SIGTERM, and acts after the plugin returns."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        configure(machine, server, enrolled.uuid, own_key, kms=f"https://127.0.0.1:{silent.getsockname()[1]}", timeout=60)
        with machine.start("cryptsetup", *TOKEN_ONLY, enrolled.image, stdin=subprocess.DEVNULL) as host:
            silent.settimeout(60)
            with silent.accept()[0]:
                (unlock,) = children(host.pid)
                assert b"unlock" in Path(f"/proc/{unlock}/cmdline").read_bytes()
                with pidfd(unlock) as ended:
                    host.send_signal(stop)
                    assert select.select([ended], [], [], 30)[0], "bulla disk unlock still runs"
            assert not select.select([silent], [], [], 0)[0], "bulla disk unlock has tried again"


def children(pid):
    """Returns the processes that a process started."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]


@contextmanager
def pidfd(pid):
    """A descriptor that becomes readable when the process has exited."""
    descriptor = os.pidfd_open(pid)
    yield descriptor
    os.close(descriptor)


def test_a_machine_without_configuration_leaves_the_passphrase(machine, enrolled):
    machine.install_bulla(BULLA)
    output = machine.cryptsetup(*OPEN, enrolled.image, stdin=enrolled.recovery)
    assert "/etc/bulla/disk.toml" in output


def test_a_token_of_the_keyring_is_not_taken_for_the_kms(enrolled, bulla):
    """With such a token, cryptsetup opens the volume with a key in the kernel's keyring, regardless of any other key."""
    bulla("disk", "test", enrolled.image)
    enrolled.replace_key_slot_of_token(0)
    bulla("disk", "test", enrolled.image, status=4)
    enrolled.add_keyring_token()
    enrolled.cryptsetup("open", "--test-passphrase", "--token-only", enrolled.image)
    bulla("disk", "test", enrolled.image, status=4)


@contextmanager
def machine_user(bulla, server, directory, document):
    """Creates a machine's user and policy as in docs/access.md. Returns the server with the user's credentials."""
    policy = directory / "policy.json"
    policy.write_text(json.dumps(document))
    assert json.loads(bulla("policy", "check", "--json", policy)) == {"Statements": 1, "Findings": []}
    bulla("user", "create", "disk-web1")
    bulla("policy", "create", "disk-web1", policy)
    bulla("user", "attach", "disk-web1", "disk-web1")
    key = json.loads(bulla("access-key", "create", "--user", "disk-web1", "-o", "-", "--json"))
    server.remember(key["AccessKeySecret"])
    yield server.called_with(key)
    bulla("access-key", "delete", key["AccessKeyId"], "--user", "disk-web1")
    bulla("user", "detach", "disk-web1", "disk-web1")
    bulla("policy", "delete", "disk-web1")
    bulla("user", "delete", "disk-web1")


def disk_policy(uuid, key, network="127.0.0.0/8"):
    condition = {"StringEquals": {"kms:EncryptionContext:bulla:volume": uuid}, "IpAddress": {"acs:SourceIp": network}}
    resource = f"acs:kms:*:*:key/{key}"
    statement = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": resource, "Condition": condition}
    return {"Version": "1", "Statement": [statement]}


def test_the_access_key_of_a_machine_opens_its_own_volume_only(machine, server, enrolled, own_key, bulla, tmp_path):
    (tmp_path / "other").mkdir()
    other = Volume.formatted(tmp_path / "other")
    bulla("disk", "enroll", other.image, "-k", own_key, "--key-file", enrolled.image.with_name("passphrase"))
    with machine_user(bulla, server, tmp_path, disk_policy(enrolled.uuid, own_key)) as user:
        configure(machine, user, enrolled.uuid, own_key)
        machine.cryptsetup(*TOKEN_ONLY, enrolled.image)
        configure(machine, user, other.uuid, own_key)  # a thief can add any volume
        output = machine.cryptsetup(*TOKEN_ONLY, other.image, status=None)
        assert "no policy of the caller allows kms:Decrypt" in output


def test_the_access_key_of_a_machine_opens_nothing_from_another_network(machine, server, enrolled, own_key, bulla, tmp_path):
    document = disk_policy(enrolled.uuid, own_key, network="10.1.0.0/16")
    with machine_user(bulla, server, tmp_path, document) as user:
        configure(machine, user, enrolled.uuid, own_key)
        output = machine.cryptsetup(*TOKEN_ONLY, enrolled.image, status=None)
        assert "no policy of the caller allows kms:Decrypt" in output
