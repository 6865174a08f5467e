"""`bulla disk` on image files, with the real cryptsetup and a real server."""

import json
import os
import shutil
import socket
import subprocess
from base64 import b64decode

import pytest

from serve import BULLA, environment, remote_bulla
from luks import CRYPTSETUP, PATH, RECOVERY, Volume

pytestmark = pytest.mark.skipif(CRYPTSETUP is None, reason="cryptsetup is missing")


@pytest.fixture(scope="module")
def key(bulla_of):
    """A key that no test disables."""
    return bulla_of("key", "create", "--alias", "alias/disks").decode().strip()


@pytest.fixture(scope="module")
def bulla_of(http_server, tmp_path_factory):
    return remote_bulla(http_server, tmp_path_factory.mktemp("home"))


@pytest.fixture
def recovery(tmp_path):
    path = tmp_path / "recovery"
    path.write_bytes(RECOVERY)
    return path


@pytest.fixture
def volume(tmp_path):
    return Volume.make(tmp_path / "volume.img")


@pytest.fixture
def enrolled(volume, key, bulla_of, recovery):
    """A volume that a key of the KMS opens."""
    bulla_of("disk", "enroll", volume.path, "-k", key, "-c", "machine=web-1", "--key-file", recovery)
    return volume


def refusal(bulla, *arguments, status):
    """Runs a command that must fail. Returns its message."""
    done = subprocess.run(
        [BULLA, *arguments],
        env=environment(bulla.home) | bulla.variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == status, f"{arguments}: {done.returncode} {done.stderr.decode()}"
    return done.stderr.decode()


def only_token(volume):
    (token,) = volume.tokens.values()
    return token


def test_the_life_of_a_volume(tmp_path, key, bulla_of):
    volume, notes = Volume(tmp_path / "new.img"), tmp_path / "notes"
    volume.path.write_bytes(bytes(32 << 20))
    bulla_of("disk", "format", volume.path, "-k", "alias/disks", "--yes", "--recovery-file", notes)
    assert (notes.stat().st_mode & 0o777, len(notes.read_bytes())) == (0o600, 39)
    assert volume.opens(notes.read_bytes())
    assert key in bulla_of("disk", "test", volume.path).decode()
    token = only_token(volume)
    assert (token["key_id"], token["keyslots"], token["version"]) == (key, ["1"], 1)

    other = bulla_of("key", "create").decode().strip()
    bulla_of("disk", "enroll", volume.path, "-k", other, "--key-file", notes)
    assert [token["key_id"] for token in volume.tokens.values()] == [key, other]
    bulla_of("disk", "unenroll", volume.path, "-k", key)
    assert only_token(volume)["key_id"] == other
    assert volume.slots == ["0", "2"]

    before = only_token(volume)
    bulla_of("key", "rotate", other)
    bulla_of("disk", "rewrap", volume.path)
    after = only_token(volume)
    assert after["key_version_id"] != before["key_version_id"] and after["wrapped_key"] != before["wrapped_key"]
    assert volume.slots == ["0", "2"]
    bulla_of("disk", "rewrap", volume.path, "-k", key, "-k", other)
    assert sorted(token["key_id"] for token in volume.tokens.values()) == sorted([key, other])
    assert {slot for token in volume.tokens.values() for slot in token["keyslots"]} == {"2"}
    bulla_of("disk", "test", volume.path)

    bulla_of("disk", "rekey", volume.path)
    assert {slot for token in volume.tokens.values() for slot in token["keyslots"]} == {"1"}
    assert not any("replaces" in token or "pending" in token for token in volume.tokens.values())
    assert volume.slots == ["0", "1"]
    bulla_of("disk", "test", volume.path)
    bulla_of("disk", "unenroll", volume.path)
    assert (volume.slots, volume.tokens) == (["0"], {})
    assert "no such key" in refusal(bulla_of, "disk", "test", volume.path, status=2)
    assert volume.opens(notes.read_bytes())


def test_status_shows_the_content_of_the_header(enrolled, key, bulla_of, http_server):
    status = json.loads(bulla_of("disk", "status", enrolled.path, "--json"))
    assert status["uuid"] == enrolled.uuid and status["other_key_slots"] == [0] and status["refused"] is None
    (token,) = status["tokens"]
    assert (token["key_id"], token["state"], token["key_slot"]) == (key, "ready", 1)
    assert token["context"] == {"machine": "web-1"} and token["kms"] == http_server.url
    # It calls no KMS.
    lines = bulla_of("disk", "status", enrolled.path, BULLA_KMS="http://127.0.0.1:1").decode()
    assert "machine=web-1" in lines and "a passphrase" in lines


def test_status_steers_no_terminal(enrolled, bulla_of):
    steering = "a\u009b31m\u202e\u2028\x1b"
    enrolled.write_token("0", only_token(enrolled) | {"kms": steering, "context": {steering: steering}})
    text = bulla_of("disk", "status", enrolled.path, "--json").decode()
    assert all(character.isprintable() for character in text.replace("\n", ""))
    (token,) = json.loads(text)["tokens"]
    assert (token["kms"], token["context"]) == (steering, {steering: steering})
    lines = bulla_of("disk", "status", enrolled.path).decode()
    assert all(character.isprintable() for character in lines.replace("\n", ""))


def test_members_that_are_not_known_are_kept(enrolled, key, bulla_of):
    enrolled.write_token("0", only_token(enrolled) | {"later": {"a": [1]}})
    other = bulla_of("key", "create").decode().strip()
    bulla_of("disk", "rewrap", enrolled.path, "-k", key, "-k", other)
    for number, token in enrolled.tokens.items():
        enrolled.write_token(number, token | {"later": {"of": token["key_id"]}})
    for command in [["rewrap"], ["rekey"], ["rekey", "-k", other, "-k", key], ["rewrap", "-k", key, "-k", other]]:
        bulla_of("disk", *command, enrolled.path)
        assert len(enrolled.tokens) == 2
        assert all(token["later"] == {"of": token["key_id"]} for token in enrolled.tokens.values()), command
    for command in ["rewrap", "rekey"]:
        other = bulla_of("key", "create").decode().strip()
        bulla_of("disk", command, enrolled.path, "-k", other)
        assert only_token(enrolled)["key_id"] == other and "later" in only_token(enrolled)


def test_a_token_of_another_volume_opens_nothing(enrolled, tmp_path, bulla_of):
    """The whole header was copied, with slot and token, but the volume has another UUID."""
    moved = enrolled.copy(tmp_path / "moved.img")
    moved.cryptsetup("luksUUID", "--uuid", "11111111-2222-3333-4444-555555555555")
    refusal(bulla_of, "disk", "test", moved.path, status=5)


def test_a_header_can_name_no_cipher_that_keeps_no_secret(enrolled, bulla_of, http_server):
    """cryptsetup 2.6 opens such a volume with the right passphrase, and writes its data unencrypted."""

    def null(metadata):
        metadata["segments"]["0"]["encryption"] = "cipher_null-ecb"
        return metadata

    enrolled.change_metadata(null)
    assert enrolled.metadata["segments"]["0"]["encryption"] == "cipher_null-ecb"
    calls = http_server.complete_log().count("Decrypt")
    for command in ["test", "rewrap", "rekey", "unenroll"]:
        assert "cipher_null-ecb" in refusal(bulla_of, "disk", command, enrolled.path, status=4)
    assert "cipher_null-ecb" in refusal(bulla_of, "disk", "open", enrolled.path, "x", status=4)
    assert http_server.complete_log().count("Decrypt") == calls
    assert "cipher_null-ecb" in json.loads(bulla_of("disk", "status", enrolled.path, "--json"))["refused"]


@pytest.mark.parametrize(
    "kdf",
    [{"type": "argon2id", "time": 1000, "memory": 4194304, "cpus": 4}, {"type": "pbkdf2", "hash": "sha256", "iterations": 4294967295}],
    ids=lambda kdf: kdf["type"],
)
def test_a_header_cannot_make_a_command_run_forever(enrolled, bulla_of, http_server, kdf):
    def slow(metadata):
        metadata["keyslots"]["1"]["kdf"] = kdf | {"salt": metadata["keyslots"]["1"]["kdf"]["salt"]}
        return metadata

    enrolled.change_metadata(slow)
    calls = http_server.complete_log().count("Decrypt")
    for command in ["test", "rewrap", "rekey", "unenroll"]:
        assert f"derives its key by \"{kdf['type']}" in refusal(bulla_of, "disk", command, enrolled.path, status=4)
    assert http_server.complete_log().count("Decrypt") == calls
    assert kdf["type"] in json.loads(bulla_of("disk", "status", enrolled.path, "--json"))["refused"]


def test_a_volume_in_the_middle_of_a_reencryption_is_left_alone(enrolled, bulla_of):
    enrolled.cryptsetup("reencrypt", "--init-only", "--key-slot", "0", "--key-file", "-", stdin=RECOVERY)
    assert "reencryption" in refusal(bulla_of, "disk", "test", enrolled.path, status=4)
    assert "reencryption" in refusal(bulla_of, "disk", "rekey", enrolled.path, status=4)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"version": "1"},
        {"wrapped_key": ""},
        {"wrapped_key": "AAAA"},
        {"wrapped_key": 5},
        {"context": {"machine": "web-2"}},
        {"context": {"bulla:volume": "x"}},
        {"context": []},
        {"key_id": "key-other"},
        {"kms": "x" * 8192},
        {"keyslots": ["0"]},
        {"keyslots": ["0", "1"]},
    ],
    ids=str,
)
def test_a_token_that_was_changed_opens_nothing_and_destroys_nothing(enrolled, bulla_of, change):
    enrolled.write_token("0", only_token(enrolled) | change)
    for command in ["test", "rekey", "unenroll"]:
        done = subprocess.run(
            [BULLA, "disk", command, enrolled.path],
            env=environment(bulla_of.home) | bulla_of.variables,
            capture_output=True,
        )
        assert done.returncode in (2, 4, 5), f"{command}: {done}"
    assert enrolled.slots == ["0", "1"] and enrolled.opens(RECOVERY, "0")


def test_a_token_with_a_changed_byte_opens_nothing_and_destroys_nothing(enrolled, bulla_of):
    """Changes bytes all over the token, including those between its members, so the header may not be valid JSON."""
    original, good = enrolled.path.read_bytes(), only_token(enrolled)
    variables = environment(bulla_of.home) | bulla_of.variables
    counts = {0: 0, 1: 0, 2: 0, 4: 0, 5: 0}
    for sample in range(16):

        def flip(text, sample=sample):
            begin = text.index(b'{"type":"bulla"')
            length = json.JSONDecoder().raw_decode(text[begin:].decode())[1]
            at = begin + length * sample // 16 + sample % 5
            return text[:at] + bytes([text[at] ^ 1 << sample % 7]) + text[at + 1 :]

        enrolled.path.write_bytes(original)
        enrolled.change_text(flip)
        changed = enrolled.path.read_bytes()
        words = [BULLA, "disk", "test", enrolled.path]
        status = subprocess.run(words, env=variables, capture_output=True).returncode
        counts[status] += 1
        if status == 0:  # the changed member is only shown
            shown = {"kms", "key_version_id"}
            assert {name: only_token(enrolled)[name] for name in good.keys() - shown} == {
                name: value for name, value in good.items() if name not in shown
            }
            continue
        words = [BULLA, "disk", "unenroll", enrolled.path]
        assert subprocess.run(words, env=variables, capture_output=True).returncode in (1, 2, 4, 5)
        assert enrolled.path.read_bytes() == changed
    assert sum(counts.values()) == 16 and counts[0] < 8 and counts[5], counts


def test_a_slot_whose_key_is_another_one_is_not_destroyed(volume, key, bulla_of, recovery):
    """The token names slot 1, but another program stored another key there."""
    bulla_of("disk", "enroll", volume.path, "-k", key, "--key-file", recovery)
    token = only_token(volume)
    done = subprocess.run([CRYPTSETUP, "--batch-mode", "luksKillSlot", volume.path, "1"], capture_output=True)
    assert done.returncode == 0
    words = ["luksAddKey", "--key-slot", "1", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"]
    words += ["--key-file", "-", "--keyfile-size", str(len(RECOVERY)), "--new-keyfile-size", "5", volume.path, "-"]
    subprocess.run([CRYPTSETUP, "--batch-mode", *words], input=RECOVERY + b"other", check=True)
    volume.write_token("0", token)
    for command in ["rekey", "unenroll"]:
        refusal(bulla_of, "disk", command, volume.path, status=4)
    assert volume.opens(b"other", "1") and volume.opens(RECOVERY, "0")


@pytest.mark.parametrize("command", ["rewrap", "rekey"])
def test_a_header_cannot_choose_who_gets_a_key(enrolled, bulla_of, command):
    """An attacker with access to the disk and to another key of the same KMS wrote that key into the header."""
    stranger = bulla_of("key", "create").decode().strip()
    good = only_token(enrolled)
    for tokens in [{"0": good | {"key_id": stranger}}, {"0": good, "1": good | {"key_id": stranger}}]:
        for number, token in tokens.items():
            enrolled.write_token(number, token)
        before = enrolled.metadata
        refusal(bulla_of, "disk", command, enrolled.path, status=4)
        assert enrolled.metadata == before


def test_named_keys_replace_those_of_the_header(enrolled, key, bulla_of):
    """The token of another key is first, with another context."""
    good = only_token(enrolled)
    enrolled.write_token("0", good | {"key_id": "key-other", "context": {"machine": "web-2"}})
    enrolled.write_token("1", good)
    for command in ["rewrap", "rekey"]:
        bulla_of("disk", command, enrolled.path, "-k", key)
        assert (only_token(enrolled)["key_id"], only_token(enrolled)["context"]) == (key, {"machine": "web-1"})
        bulla_of("disk", "test", enrolled.path)
    message = refusal(bulla_of, "disk", "rewrap", enrolled.path, "-k", key, "-k", "alias/disks", status=2)
    assert "was named twice" in message


def test_the_last_way_in_stays(enrolled, key, bulla_of, tmp_path):
    """A key slot for another volume key (--unbound) does not open the volume."""
    other = tmp_path / "other"
    other.write_bytes(b"other")
    unbound = ["luksAddKey", "--unbound", "--key-size", "512", "--key-slot", "5", "--pbkdf", "pbkdf2"]
    words = [*unbound, "--pbkdf-force-iterations", "1000", "--key-file", other, enrolled.path, other]
    subprocess.run([CRYPTSETUP, "--batch-mode", *words], check=True)
    enrolled.cryptsetup("luksRemoveKey", "--key-file", "-", stdin=RECOVERY)
    assert enrolled.slots == ["1", "5"]
    assert json.loads(bulla_of("disk", "status", enrolled.path, "--json"))["other_key_slots"] == []
    before = enrolled.metadata
    assert "nothing else opens" in refusal(bulla_of, "disk", "unenroll", enrolled.path, status=2)
    # A token whose key cannot open the volume does not count either.
    enrolled.write_token("1", only_token(enrolled) | {"key_id": "key-other", "wrapped_key": "AAAA"})
    assert "nothing else opens" in refusal(bulla_of, "disk", "unenroll", enrolled.path, "-k", key, status=2)
    enrolled.cryptsetup("token remove", "--token-id", "1")
    assert enrolled.metadata == before
    bulla_of("disk", "rekey", enrolled.path)
    bulla_of("disk", "test", enrolled.path)


def test_one_of_two_keys_can_go_without_a_passphrase(enrolled, key, bulla_of, recovery):
    other = bulla_of("key", "create").decode().strip()
    bulla_of("disk", "enroll", enrolled.path, "-k", other, "--key-file", recovery)
    enrolled.cryptsetup("luksRemoveKey", "--key-file", "-", stdin=RECOVERY)
    bulla_of("disk", "unenroll", enrolled.path, "-k", key)
    assert only_token(enrolled)["key_id"] == other
    bulla_of("disk", "test", enrolled.path)


def test_a_pending_token_that_no_kms_opens_can_be_given_up(enrolled, key, bulla_of, recovery):
    good = only_token(enrolled)
    enrolled.write_token("5", good | {"keyslots": [], "pending": "0", "wrapped_key": "AAAA"})
    before = enrolled.metadata
    for command in [["enroll", "-k", key, "--key-file", recovery], ["rewrap"], ["rekey"], ["unenroll"]]:
        message = refusal(bulla_of, "disk", *command, enrolled.path, status=5)
        what, hint = message.splitlines()
        assert "token 5 of an interrupted command" in what
        assert f"`cryptsetup token remove --token-id 5 {enrolled.path}`" in hint
    assert enrolled.metadata == before
    enrolled.cryptsetup("token remove", "--token-id", "5")
    bulla_of("disk", "rekey", enrolled.path)


@pytest.fixture(scope="module")
def other_kms(start_server, tmp_path_factory):
    """The command line of another KMS."""
    return remote_bulla(start_server("--http"), tmp_path_factory.mktemp("home"))


def test_each_kms_changes_the_key_slots_that_it_opens(enrolled, key, bulla_of, other_kms, recovery):
    other = other_kms("key", "create").decode().strip()
    other_kms("disk", "enroll", enrolled.path, "-k", other, "--key-file", recovery)

    def slot_of(name):
        return next((token["keyslots"] for token in enrolled.tokens.values() if token["key_id"] == name), None)

    for kms, own, foreign in [(bulla_of, key, other), (other_kms, other, key), (bulla_of, key, other)]:
        for command in ["rekey", "rewrap"]:
            before, left = slot_of(own), slot_of(foreign)
            message = refusal(kms, "disk", command, enrolled.path, status=7)
            assert "1 of 2 key slots" in message and f"key slot {left[0]} of" in message and "bulla disk status" in message
            assert slot_of(foreign) == left and (slot_of(own) == before) == (command == "rewrap")
            bulla_of("disk", "test", enrolled.path)
            other_kms("disk", "test", enrolled.path)
            assert not any("pending" in token or "replaces" in token for token in enrolled.tokens.values())
    left = slot_of(other)
    assert f"key slot {left[0]} of" in refusal(bulla_of, "disk", "unenroll", enrolled.path, status=7)
    assert (slot_of(key), slot_of(other), enrolled.slots) == (None, left, sorted(["0", *left]))
    other_kms("disk", "unenroll", enrolled.path)
    assert (enrolled.tokens, enrolled.slots) == ({}, ["0"])


def test_what_another_kms_has_to_finish_is_left_to_it(enrolled, key, bulla_of, other_kms, recovery):
    """A rekey with the other KMS was killed before it destroyed the replaced key slot."""
    other = other_kms("key", "create").decode().strip()
    other_kms("disk", "enroll", enrolled.path, "-k", other, "--key-file", recovery)
    old = next(token for token in enrolled.tokens.values() if token["key_id"] == other)
    other_kms("disk", "enroll", enrolled.path, "-k", other_kms("key", "create").decode().strip(), "--key-file", recovery)
    number, last = max(enrolled.tokens.items())
    enrolled.write_token(number, last | {"replaces": old["keyslots"][0]})
    message = refusal(bulla_of, "disk", "rekey", enrolled.path, status=7)
    assert f"key slot {last['keyslots'][0]} of" in message and "does not replace another one yet" in message
    assert set(enrolled.slots) >= {"0", *old["keyslots"], *last["keyslots"]}
    bulla_of("disk", "test", enrolled.path)
    refusal(other_kms, "disk", "rekey", enrolled.path, status=7)
    assert old not in enrolled.tokens.values() and len(enrolled.slots) == 3
    other_kms("disk", "test", enrolled.path)


def test_commands_at_once_lose_no_way_in(enrolled, bulla_of, recovery):
    other = bulla_of("key", "create").decode().strip()
    enroll = ["enroll", enrolled.path, "-k", other, "--key-file", recovery]
    rekey, unenroll = ["rekey", enrolled.path], ["unenroll", enrolled.path, "-k", other]
    for commands in [[rekey] * 4, [enroll, rekey, rekey], [unenroll, rekey, rekey], [enroll] * 4]:
        running = [
            subprocess.Popen(
                [BULLA, "disk", *command],
                env=environment(bulla_of.home) | bulla_of.variables,
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            for command in commands
        ]
        results = [(process.communicate()[1].decode(), process.returncode) for process in running]
        # A command that is too late to enroll or unenroll the key reports that another one did.
        late = ["another command of bulla", "already", "no such key"]
        assert all(status == 0 or any(text in message for text in late) for message, status in results), results
        bulla_of("disk", "test", enrolled.path)
        named = {slot for token in enrolled.tokens.values() for slot in token["keyslots"]}
        assert named == set(enrolled.slots) - {"0"}, "a key slot without token is left"
        assert not any("pending" in token or "replaces" in token for token in enrolled.tokens.values())


def test_an_old_header_opens_until_the_key_is_disabled(volume, bulla_of, recovery, tmp_path):
    key = bulla_of("key", "create").decode().strip()
    bulla_of("disk", "enroll", volume.path, "-k", key, "--key-file", recovery)
    backup = tmp_path / "header"
    volume.cryptsetup("luksHeaderBackup", "--header-backup-file", backup)
    bulla_of("disk", "rekey", volume.path)
    volume.cryptsetup("luksHeaderRestore", "--header-backup-file", backup)
    bulla_of("disk", "test", volume.path)
    bulla_of("key", "disable", key)
    refusal(bulla_of, "disk", "test", volume.path, status=3)
    assert volume.opens(RECOVERY)
    bulla_of("key", "enable", key)
    bulla_of("disk", "test", volume.path)


def test_without_the_kms_nothing_changes(enrolled, bulla_of, recovery, http_server):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        down = f"http://127.0.0.1:{free.getsockname()[1]}"
        before = enrolled.metadata
        for command in ["test", "rewrap", "rekey", "unenroll"]:
            bulla_of("disk", command, enrolled.path, BULLA_KMS=down, status=3)
        bulla_of("disk", "enroll", enrolled.path, "-k", "other", "--key-file", recovery, BULLA_KMS=down, status=3)
    wrong = {"ALIBABA_CLOUD_ACCESS_KEY_SECRET": "wrong"}
    bulla_of("disk", "test", enrolled.path, status=3, **wrong)
    assert enrolled.metadata == before


def test_a_server_with_another_certificate_gets_no_request(enrolled, bulla_of, server, http_server):
    """The server is a real one over HTTPS, whose CA is not trusted."""
    other = {"BULLA_KMS": server.url, "ALIBABA_CLOUD_CA_BUNDLE": "/etc/ssl/certs/ca-certificates.crt"}
    bulla_of("disk", "test", enrolled.path, status=3, **other)


def test_what_is_refused_before_any_prompt(volume, key, bulla_of, recovery, tmp_path):
    enroll = ("disk", "enroll", volume.path, "--key-file", recovery)
    assert "embedded" in refusal(bulla_of, "--kms", "embedded", *enroll, "-k", key, status=2)
    assert "begin with bulla:" in refusal(bulla_of, *enroll, "-k", key, "-c", "bulla:volume=x", status=2)
    assert "was named twice" in refusal(bulla_of, *enroll, "-k", key, "-k", "alias/disks", status=2)
    assert "terminal" in refusal(bulla_of, "disk", "enroll", volume.path, "-k", key, status=2)
    wrong = tmp_path / "wrong"
    wrong.write_bytes(RECOVERY + b"\n")
    assert "no key slot" in refusal(bulla_of, "disk", "enroll", volume.path, "-k", key, "--key-file", wrong, status=1)
    assert "/dev/mapper" in refusal(bulla_of, "disk", "open", volume.path, "a/b", status=2)
    assert volume.slots == ["0"] and volume.tokens == {}
    plain = tmp_path / "plain"
    plain.write_bytes(bytes(1 << 20))
    assert "not a LUKS2 volume" in refusal(bulla_of, "disk", "test", plain, status=2)
    luks1 = Volume.make(tmp_path / "luks1.img", "--type", "luks1")
    assert "not a LUKS2 volume" in refusal(bulla_of, "disk", "test", luks1.path, status=2)
    refusal(bulla_of, "disk", "test", tmp_path / "missing", status=1)


def test_a_key_is_enrolled_once(enrolled, key, bulla_of, recovery):
    message = refusal(bulla_of, "disk", "enroll", enrolled.path, "-k", key, "--key-file", recovery, status=2)
    assert "already" in message and enrolled.slots == ["0", "1"]


def test_format_overwrites_nothing_by_accident(volume, key, bulla_of, tmp_path):
    def format(path, *options, status=0, notes=[0]):
        notes[0] += 1
        recovery = tmp_path / f"notes-{notes[0]}"
        words = ("disk", "format", path, "-k", key, "--recovery-file", recovery, *options)
        return refusal(bulla_of, *words, status=status)

    before = volume.path.read_bytes()
    assert "crypto_LUKS" in format(volume.path, "--yes", status=6)
    disk = tmp_path / "partitioned.img"
    disk.write_bytes(bytes(510) + b"\x55\xaa" + bytes((32 << 20) - 512))
    table = bytearray(disk.read_bytes())
    table[446:462] = bytes([0, 0, 2, 0, 0x83, 0, 2, 0]) + (2048).to_bytes(4, "little") + (4096).to_bytes(4, "little")
    disk.write_bytes(table)
    assert "dos" in format(disk, "--yes", status=6)
    assert "--yes" in format(volume.path, "--force", status=2)  # no user has confirmed it
    words = ("disk", "format", volume.path, "-k", key, "--force", "--yes")
    assert "--recovery-file" in refusal(bulla_of, *words, status=2)  # no user would see the passphrase
    assert volume.path.read_bytes() == before
    # The KMS is called before the volume is formatted.
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        down = f"http://127.0.0.1:{free.getsockname()[1]}"
        words = ("disk", "format", volume.path, "-k", key, "--yes", "--force", "--recovery-file", tmp_path / "n")
        bulla_of(*words, BULLA_KMS=down, status=3)
    assert volume.path.read_bytes() == before
    format(volume.path, "--yes", "--force")
    assert not volume.opens(RECOVERY) and only_token(volume)["key_id"] == key


def test_an_attached_image_is_not_formatted(volume, key, bulla_of, tmp_path):
    """The loop device may be mounted or mapped."""
    losetup = [shutil.which("losetup", path=PATH) or "losetup"]
    attached = subprocess.run([*losetup, "--find", "--show", volume.path], capture_output=True, text=True)
    if attached.returncode:
        pytest.skip(f"no loop device can be attached: {attached.stderr}")
    device, before = attached.stdout.strip(), volume.path.read_bytes()
    words = ("disk", "format", volume.path, "-k", key, "--yes", "--force", "--recovery-file", tmp_path / "notes")
    try:
        assert f"is attached to {device}" in refusal(bulla_of, *words, status=2)
        assert volume.path.read_bytes() == before and not (tmp_path / "notes").exists()
    finally:
        subprocess.run([*losetup, "--detach", device], check=True)
    bulla_of(*words)
    assert not volume.opens(RECOVERY)


def test_keys_reach_cryptsetup_through_pipes_alone(enrolled, bulla_of):
    """Records everything that other processes can see while commands run, and searches it for keys."""
    seen = []
    for words in [("test",), ("rewrap",), ("rekey",)]:
        process = subprocess.Popen(
            [BULLA, "disk", *words, enrolled.path],
            env=environment(bulla_of.home) | bulla_of.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        while process.poll() is None:
            seen.extend(processes())
        seen.append(process.stdout.read())
        assert process.returncode == 0
    message = b"\n".join(seen)
    assert b"cryptsetup" in message
    token = only_token(enrolled)
    context = json.dumps(token["context"] | {"bulla:volume": enrolled.uuid})
    reply = bulla_of.kms("Decrypt", CiphertextBlob=token["wrapped_key"], EncryptionContext=context)
    slot_key = b64decode(reply["Plaintext"])
    assert enrolled.opens(slot_key, "2") or enrolled.opens(slot_key, "1")
    for form in [slot_key, reply["Plaintext"].encode(), slot_key.hex().encode(), RECOVERY]:
        assert form not in message


def processes():
    """Yields the arguments and environments of all visible processes."""
    for process in os.listdir("/proc"):
        if process.isdigit():
            for name in ("cmdline", "environ"):
                try:
                    with open(f"/proc/{process}/{name}", "rb") as file:
                        yield file.read()
                except OSError:
                    pass
