"""LUKS2 volumes in image files, as cryptsetup makes them: without a plugin, without root, without device-mapper."""

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

# Both keys of a volume are strong or public, so slow derivation would only make the tests slow.
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

# System calls and numbers of keyctl(2), which the C library has no functions for.
ADD_KEY, KEYCTL = {"x86_64": (248, 250), "aarch64": (217, 219)}[platform.machine()]
KEYCTL_SET_TIMEOUT = 15
USER_KEYRING = -4


class Volume:
    """A volume with a recovery passphrase in key slot 0, and a random key in key slot 1."""

    recovery = b"a recovery passphrase"

    @classmethod
    def formatted(cls, directory: Path):
        """Makes a volume in `directory`."""
        volume = cls()
        volume.image = directory / "disk.img"
        # Its passphrase may hold any bytes but none that a text in a shell script cannot.
        volume.key = os.urandom(32).hex().encode()
        with volume.image.open("wb") as image:
            image.truncate(20 << 20)
        (directory / "key").write_bytes(volume.key)
        volume.cryptsetup("luksFormat", "--batch-mode", *FAST, volume.image, "-", stdin=volume.recovery)
        added = ["luksAddKey", *FAST, "--key-slot", "1", "--key-file", "-"]
        volume.cryptsetup(*added, volume.image, directory / "key", stdin=volume.recovery)
        return volume

    def copied(self, directory: Path):
        """A copy in `directory`, with the same UUID."""
        volume = copy.copy(self)
        volume.image = directory / "disk.img"
        shutil.copy(self.image, volume.image)
        return volume

    def cryptsetup(self, *arguments, stdin=b""):
        """Runs cryptsetup on this machine, which has no plugin; gives its stdout."""
        command = ["cryptsetup", *arguments]
        done = subprocess.run(
            command, env={"PATH": PATH, "LC_ALL": "C"}, input=stdin, capture_output=True, check=True, timeout=120
        )
        return done.stdout

    def import_token(self, number=0, **members):
        """Puts a token of bulla into the header, with other members than TOKEN has."""
        token = json.dumps(TOKEN | members).encode()
        self.cryptsetup("token", "import", "--token-id", str(number), "--json-file", "-", self.image, stdin=token)

    def replace_key_slot_of_token(self, number):
        """Gives another key to the key slot of a token, which still names it."""
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
        """Lets the kernel's keyring of this user open the volume by the recovery passphrase."""
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
        """What a script that is bulla has to run to answer with the key."""
        return f"printf 'bulla 1 %d\\n%s' {len(self.key)} {self.key.decode()}"
