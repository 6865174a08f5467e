"""LUKS2 volumes in image files, created by cryptsetup without a plugin, root or device-mapper."""

import copy
import ctypes
import json
import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest
from machine import PATH

# A key of a volume is either strong or public, so a slow key derivation would only slow down the tests.
FAST = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"]

TOKEN = {
    "type": "bulla",
    "keyslots": ["1"],
    "version": 1,
    "key_id": "key-hzz62f1cb66fa42qo4vlg",
    "key_version_id": "2ab1a983-7072-4bbc-a582-584b5bd8c1a2",
    "wrapped_key": "YmxvYg==",
    "context": {"machine": "web-1", "team": "a b"},
    "kms": "https://kms.example:8443",
}

# The numbers of system calls of keyctl(2), for which the C library has no functions.
ADD_KEY, KEYCTL = {"x86_64": (248, 250), "aarch64": (217, 219)}[platform.machine()]
KEYCTL_SET_TIMEOUT = 15
USER_KEYRING = -4


class Volume:
    """A volume with a recovery passphrase in key slot 0, and a random key in key slot 1."""

    recovery = b"a recovery passphrase"

    @classmethod
    def formatted(cls, directory: Path):
        """Creates a volume in `directory`."""
        volume = cls()
        volume.image = directory / "disk.img"
        # Any bytes that a text in a shell script can contain.
        volume.key = os.urandom(32).hex().encode()
        with volume.image.open("wb") as image:
            image.truncate(20 << 20)
        (directory / "key").write_bytes(volume.key)
        volume.cryptsetup("luksFormat", "--batch-mode", *FAST, volume.image, "-", stdin=volume.recovery)
        added = ["luksAddKey", *FAST, "--key-slot", "1", "--key-file", "-"]
        volume.cryptsetup(*added, volume.image, directory / "key", stdin=volume.recovery)
        return volume

    def copied(self, directory: Path):
        """Returns a copy in `directory`, with the same UUID."""
        volume = copy.copy(self)
        volume.image = directory / "disk.img"
        shutil.copy(self.image, volume.image)
        return volume

    def cryptsetup(self, *arguments, stdin=b""):
        """Runs cryptsetup on this machine, which has no plugin. Returns its stdout."""
        command = ["cryptsetup", *arguments]
        done = subprocess.run(
            command, env={"PATH": PATH, "LC_ALL": "C"}, input=stdin, capture_output=True, check=True, timeout=120
        )
        return done.stdout

    def import_token(self, number=0, **members):
        """Imports TOKEN with these members replaced."""
        token = json.dumps(TOKEN | members).encode()
        self.cryptsetup("token", "import", "--token-id", str(number), "--json-file", "-", self.image, stdin=token)

    def replace_key_slot_of_token(self, number):
        """Replaces the key in the key slot of a token, without changing the token."""
        token = self.metadata["tokens"][str(number)]
        (slot,) = token["keyslots"]
        other = self.image.with_name("other-key")
        other.write_bytes(os.urandom(64))
        from_stdin = ["--batch-mode", "--key-file", "-"]
        self.cryptsetup("luksKillSlot", *from_stdin, self.image, slot, stdin=self.recovery)
        self.cryptsetup("luksAddKey", *from_stdin, *FAST, "--key-slot", slot, self.image, other, stdin=self.recovery)
        replaced = ["token", "import", "--token-replace", "--token-id", str(number), "--json-file", "-", self.image]
        self.cryptsetup(*replaced, stdin=json.dumps(token).encode())

    def add_keyring_token(self):
        """Adds the recovery passphrase to the kernel's keyring of this user, and a token that opens the volume with it."""
        name = f"bulla-test:{self.uuid}"
        library = ctypes.CDLL(None, use_errno=True)
        key = library.syscall(ADD_KEY, b"user", name.encode(), self.recovery, len(self.recovery), USER_KEYRING)
        if key < 0:
            pytest.skip(f"the kernel keeps no keys here: {os.strerror(ctypes.get_errno())}")
        library.syscall(KEYCTL, KEYCTL_SET_TIMEOUT, key, 60)
        self.cryptsetup("token", "add", "--key-slot", "0", "--key-description", name, self.image)

    @property
    def uuid(self):
        """The UUID of the volume."""
        return self.cryptsetup("luksUUID", self.image).decode().strip()

    @property
    def metadata(self):
        """The JSON area of the header."""
        return json.loads(self.cryptsetup("luksDump", "--dump-json-metadata", self.image))

    @property
    def answer(self):
        """The command with which a script in place of bulla answers with the key."""
        return f"printf 'bulla 1 %d\\n%s' {len(self.key)} {self.key.decode()}"
