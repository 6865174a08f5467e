"""LUKS2 volumes in image files, and their metadata. No device-mapper is needed."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

RECOVERY = b"the recovery passphrase"
# The PATH of root, because the folder of cryptsetup is not on every user's.
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
CRYPTSETUP = shutil.which("cryptsetup", path=PATH)


class Volume:
    """An image file with a LUKS2 volume."""

    def __init__(self, path: Path):
        self.path = path

    @classmethod
    def make(cls, path: Path, *options):
        """Creates a volume that the recovery passphrase opens."""
        volume = cls(path)
        with path.open("wb") as image:
            image.truncate(32 << 20)
        fast = ("--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000")
        volume.cryptsetup("luksFormat", "--type", "luks2", *fast, *options, "--key-file", "-", stdin=RECOVERY)
        return volume

    def copy(self, path: Path):
        """Returns a copy of the volume in another file, as a thief or a backup has."""
        shutil.copyfile(self.path, path)
        return Volume(path)

    def cryptsetup(self, action, *options, stdin=b"", status=0):
        """Runs an action of cryptsetup on this volume. Returns its output."""
        words = action.split()
        done = subprocess.run(
            [CRYPTSETUP, "--batch-mode", *words, *options, self.path], input=stdin, capture_output=True
        )
        assert done.returncode == status, f"cryptsetup {action}: {done.returncode} {done.stderr.decode()}"
        return done.stdout

    @property
    def metadata(self):
        return json.loads(self.cryptsetup("luksDump", "--dump-json-metadata"))

    @property
    def slots(self):
        return sorted(self.metadata["keyslots"])

    @property
    def tokens(self):
        """The tokens of bulla by their numbers."""
        return {n: token for n, token in self.metadata["tokens"].items() if token["type"] == "bulla"}

    @property
    def uuid(self):
        return self.cryptsetup("luksUUID").decode().strip()

    def write_token(self, number, token):
        """Writes a token, as an attacker with the disk can."""
        options = ("--token-id", number, "--token-replace", "--json-file", "-")
        self.cryptsetup("token import", *options, stdin=json.dumps(token).encode())

    def opens(self, key, slot=None):
        """Whether a key opens the volume."""
        at = [] if slot is None else ["--key-slot", slot]
        words = [CRYPTSETUP, "open", "--test-passphrase", "--key-file", "-", *at, self.path]
        return subprocess.run(words, input=key, capture_output=True).returncode == 0

    def change_metadata(self, change):
        """Changes the JSON metadata, as an attacker can."""
        self.change_text(lambda text: json.dumps(change(json.loads(text)), separators=(",", ":")).encode())

    def change_text(self, change):
        """Changes the text of the JSON metadata in both copies of the header, with a valid checksum."""
        with self.path.open("r+b") as image:
            for offset in (0, 16384):
                image.seek(offset)
                header = bytearray(image.read(16384))
                text = bytes(header[4096:]).rstrip(b"\0")
                header[4096:] = change(text).ljust(16384 - 4096, b"\0")
                header[448:512] = bytes(64)
                header[448:480] = hashlib.sha256(header).digest()
                image.seek(offset)
                image.write(header)


def is_root():
    return os.geteuid() == 0
