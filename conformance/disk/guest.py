"""A virtual machine that boots Debian's kernel from an encrypted disk, with an initramfs of initramfs-tools.

Nothing is installed: `./test` unpacks the kernel and the scripts of cryptsetup-initramfs into the folder that BULLA_BOOT
names, and mkinitramfs sees them in a private view of /usr, /etc and /boot. QEMU emulates the processor, so no /dev/kvm is
needed. The guest reaches only one server, the KMS on the host, at an address of QEMU's network.
"""

import json
import os
import re
import secrets
import shutil
import subprocess
import threading
import time
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from machine import PATH, Machine
from serve import BULLA

KMS_ADDRESS = "10.0.2.100"
PASSPHRASE = b"the recovery passphrase"
FOLDER = Path(os.environ.get("BULLA_BOOT", "/nonexistent"))
HEADER = 16 << 20
FILE_SYSTEM = 24 << 20
SECTOR = 512
FAST = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"]
# A boot takes about ten seconds, or longer on a busy machine.
PATIENCE = 120


def kernel_version():
    """Returns the version of the unpacked kernel; None without one."""
    kernels = sorted(FOLDER.glob("boot/vmlinuz-*"))
    return kernels[-1].name.removeprefix("vmlinuz-") if kernels else None


class Disk:
    """An image file with a LUKS2 volume, from whose root file system the guest boots."""

    def __init__(self, path: Path):
        self.path = path

    @classmethod
    def make(cls, directory: Path):
        """Creates a disk that the passphrase opens. The test encrypts the file system itself, so no device-mapper is needed."""
        disk = cls(directory / "disk.img")
        file_system = make_file_system(directory)
        with disk.path.open("wb") as image:
            image.truncate(HEADER + FILE_SYSTEM)
        formatted = ["luksFormat", "--type", "luks2", "--sector-size", str(SECTOR), *FAST, "--key-file", "-"]
        disk.cryptsetup(*formatted, disk.path)
        plain = file_system.read_bytes()
        with disk.path.open("r+b") as image:
            image.seek(HEADER)
            image.write(disk._crypt(plain, Cipher.encryptor))
        return disk

    def copied(self, directory: Path):
        """Returns a copy of the disk in another file."""
        return Disk(Path(shutil.copy(self.path, directory / "disk.img")))

    def decrypted(self):
        """Returns the file system, decrypted with the volume key."""
        return self._crypt(self.path.read_bytes()[HEADER:], Cipher.decryptor)

    @property
    def uuid(self):
        return self.cryptsetup("luksUUID", self.path).decode().strip()

    def cryptsetup(self, *arguments):
        """Runs cryptsetup with the passphrase on its standard input. Returns its stdout."""
        command = ["cryptsetup", "--batch-mode", *arguments]
        return subprocess.run(
            command, env={"PATH": PATH, "LC_ALL": "C"}, input=PASSPHRASE, capture_output=True, check=True
        ).stdout

    @property
    def volume_key(self):
        """The volume key."""
        file = self.path.with_suffix(".volume-key")
        file.unlink(missing_ok=True)
        self.cryptsetup("luksDump", "--dump-volume-key", "--volume-key-file", file, "--key-file", "-", self.path)
        return file.read_bytes()

    @property
    def token(self):
        """The token of its one KMS key."""
        return json.loads(self.cryptsetup("token", "export", "--token-id", "0", self.path))

    def _crypt(self, content, direction):
        """Encrypts or decrypts with aes-xts-plain64, sector by sector."""
        key = algorithms.AES(self.volume_key)
        sectors = []
        for number in range(len(content) // SECTOR):
            tweak = modes.XTS(number.to_bytes(16, "little"))
            sectors.append(direction(Cipher(key, tweak)).update(content[number * SECTOR : (number + 1) * SECTOR]))
        return b"".join(sectors)


def make_file_system(directory: Path):
    """Creates a root file system with a shell, whose /sbin/init stores and prints a note."""
    tree = directory / "root"
    for folder in ["bin", "dev", "etc", "proc", "run", "sbin", "sys"]:
        (tree / folder).mkdir(parents=True)
    busybox = shutil.which("busybox", path=PATH)
    libraries = subprocess.run(["ldd", busybox], capture_output=True, text=True).stdout  # a static one has none
    for file in [busybox, *re.findall(r"(/\S+)", libraries)]:
        place = tree / "bin/busybox" if file == busybox else tree / file.removeprefix("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)
    (tree / "etc/os-release").write_text("ID=guest\n")  # systemd requires it
    init = tree / "sbin/init"
    init.write_text(INIT)
    init.chmod(0o755)
    file_system = directory / "root.img"
    command = ["mke2fs", "-q", "-t", "ext4", "-d", tree, file_system, f"{FILE_SYSTEM >> 10}k"]
    subprocess.run(command, env={"PATH": PATH}, check=True, capture_output=True)
    return file_system


INIT = """#!/bin/busybox sh
export PATH=/bin
busybox mount -o remount,rw /
for word in $(busybox cat /proc/cmdline); do
    case $word in
        note=*) echo "${word#note=}" >/note && busybox sync ;;
    esac
done
echo "guest: the note is: $(busybox cat /note)"
echo "guest: addresses: $(busybox ip -4 -o addr show scope global | busybox wc -l)"
busybox mount -o remount,ro / && echo "guest: the end"
busybox poweroff -f
"""


# With the word `watched` on the kernel command line, each process of these programs records what /proc shows about it.
WATCH = """#!/bin/sh
case $1 in prereqs) exit 0 ;; esac
grep -q -w watched /proc/cmdline || exit 0
for program in /sbin/cryptsetup /sbin/dmsetup /usr/bin/bulla; do
    mv $program $program.real
    {
        echo "#!/bin/sh"
        echo 'cat /proc/$$/cmdline /proc/$$/environ >>/run/watched'
        echo "exec $program.real" '"$@"'
    } >$program
    chmod 755 $program
done
"""
# Opens the second disk, and writes the records to the third one.
OPEN_BY_HAND = """#!/bin/sh
case $1 in prereqs) exit 0 ;; esac
grep -q -w watched /proc/cmdline || exit 0
export BULLA_KMS={kms} ALIBABA_CLOUD_CA_BUNDLE=/etc/bulla/ca.pem
export ALIBABA_CLOUD_ACCESS_KEY_ID={id} ALIBABA_CLOUD_ACCESS_KEY_SECRET={secret}
/usr/bin/bulla disk open /dev/vdb hand || exit 1
echo "guest: by hand: $(dmsetup table hand)"
echo "guest: by hand: a file system: $(blkid -o value -s TYPE /dev/mapper/hand)"
/usr/bin/bulla disk close hand
dd if=/run/watched of=/dev/vdc bs=1M conv=fsync 2>/dev/null && echo "guest: kept"
"""


# With the word `seal` on the kernel command line, the TPM seals the secret on the second disk, which the sealed secret replaces.
SEAL = """#!/bin/sh
case $1 in prereqs) exit 0 ;; esac
grep -q -w seal /proc/cmdline || exit 0
modprobe virtio_blk
until [ -b /dev/vdb ]; do sleep 1; done
rm /etc/bulla/secret.tpm2
(umask 077 && tr -d '\\0' </dev/vdb >/etc/bulla/secret)
mkdir -p /usr/share/initramfs-tools
/usr/bin/bulla disk install-boot && dd if=/etc/bulla/secret.tpm2 of=/dev/vdb conv=fsync 2>/dev/null && echo "guest: sealed"
echo "guest: the end"
poweroff -f
"""
# With the word `extended`, register 7 of the TPM changes (TPM2_PCR_Extend of its SHA-256 bank), as if other firmware ran.
EXTEND = r"""#!/bin/sh
case $1 in prereqs) exit 0 ;; esac
grep -q -w extended /proc/cmdline || exit 0
{
    printf '\200\002\000\000\000\101\000\000\001\202\000\000\000\007\000\000\000\011\100\000\000\011\000\000\000\000\000'
    printf '\000\000\000\001\000\013the digest of any other firmware'
} | dd of=/dev/tpm0 bs=65 iflag=fullblock 2>/dev/null && echo "guest: extended"
"""


class BootImage:
    """The kernel and initramfs of a machine that `bulla disk install-boot` prepared."""

    def __init__(self, directory: Path, plugin: Path, server, disk: Disk, key: str, sealed=None):
        """Creates an image with the secret of the access key in plaintext, or as a TPM `sealed` it."""
        self.kernel = FOLDER / f"boot/vmlinuz-{kernel_version()}"
        self.initramfs = directory / "initrd.img"
        self.machine = Machine(directory / "machine", plugin, FOLDER)
        files = self.machine.files
        program = files / "usr/bin/bulla"
        # Stripped of symbols, a debug build is small enough to be loaded.
        subprocess.run(["strip", "-o", program, BULLA], check=True)
        scripts = "etc/initramfs-tools/scripts"
        for folder in ["usr/share/initramfs-tools", f"{scripts}/init-premount", f"{scripts}/local-premount"]:
            (files / folder).mkdir(parents=True)
        credentials = {"id": server.access_key_id, "secret": server.access_key_secret}
        by_hand = OPEN_BY_HAND.format(kms=f"https://{KMS_ADDRESS}:7443", **credentials)
        own = {"init-premount/watch": WATCH, "local-premount/by-hand": by_hand}
        if sealed:
            own = {"init-premount/seal": SEAL, "init-premount/extend": EXTEND}
        for place, script in own.items():
            (files / scripts / place).write_text(script)
            (files / scripts / place).chmod(0o755)
        self._etc("initramfs-tools/initramfs.conf", "MODULES=list\nBUSYBOX=y\nCOMPRESS=zstd\nCOMPRESSLEVEL=1\nRESUME=none\n")
        self._etc("initramfs-tools/modules", "virtio_pci\nvirtio_blk\next4\n")
        self._etc("crypttab", f"vault UUID={disk.uuid} none luks,initramfs\n")
        self._etc("bulla/ca.pem", Path(server.ca).read_text())
        if sealed:
            self.machine.configure("secret.tpm2", sealed)
        else:
            self.machine.configure("secret", server.access_key_secret)
        self.machine.configure("disk.toml", configuration(server, disk.uuid, key))
        self.machine.run(BULLA, "disk", "install-boot", "--root", files)
        log = self.machine.run("mkinitramfs", "-o", self.initramfs, kernel_version())
        assert "bulla:" not in log, log

    def contents(self):
        """Returns the contents of all files of the initramfs."""
        unpacked = self.initramfs.with_name("unpacked")
        self.machine.run("unmkinitramfs", self.initramfs, unpacked)
        return [path.read_bytes() for path in unpacked.rglob("*") if path.is_file() and not path.is_symlink()]

    def _etc(self, name, text):
        (self.machine.files / "etc" / name).write_text(text)


def configuration(server, uuid, key):
    return f"""
        kms = "https://{KMS_ADDRESS}:7443"
        ca = "/etc/bulla/ca.pem"
        access_key_id = "{server.access_key_id}"
        access_key_secret_file = "/etc/bulla/secret"
        [[volume]]
        uuid = "{uuid}"
        keys = ["{key}"]
    """


class Guest:
    """A boot from its start to its end, with the output of its console."""

    def __init__(
        self,
        directory: Path,
        image: BootImage,
        disk: Disk,
        server,
        note=None,
        clock=None,
        dhcp=False,
        words=(),
        others=(),
        tpm=None,
    ):
        """Starts the boot, with more words on the kernel command line, more disks, and the socket of a TPM, if given."""
        self._port = directory / "port"
        self.connect(server)
        forward = directory / "forward"
        forward.write_text(f'#!/bin/sh\nexec busybox nc 127.0.0.1 "$(cat {self._port})" 2>/dev/null\n')
        forward.chmod(0o755)
        words = [*words, "console=ttyS0", "root=/dev/mapper/vault", "rootfstype=ext4", "ro", "panic=-1", "loglevel=3"]
        words.append("no_timer_check")  # a busy host loses ticks, because of which the kernel would consider its timer broken
        if not dhcp:  # which takes ten seconds in an initramfs
            words.append("ip=10.0.2.15::10.0.2.2:255.255.255.0:::off")
        if note:
            words.append(f"note={note}")
        command = [
            *["qemu-system-x86_64", "-accel", "tcg,thread=single", "-cpu", "max", "-m", "768"],
            *["-nodefaults", "-no-reboot", "-display", "none", "-monitor", "none", "-serial", "stdio"],
            *["-kernel", image.kernel, "-initrd", image.initramfs],
            *["-append", " ".join(words)],
            *["-drive", f"file={disk.path},format=raw,if=virtio", "-device", "virtio-rng-pci"],
            *(word for path in others for word in ["-drive", f"file={path},format=raw,if=virtio"]),
            *["-netdev", f"user,id=n,restrict=on,guestfwd=tcp:{KMS_ADDRESS}:7443-cmd:{forward}"],
            *["-device", "virtio-net-pci,netdev=n,romfile="],
            *(["-rtc", f"base={clock}"] if clock else []),
            *(["-chardev", f"socket,id=c,path={tpm}", "-tpmdev", "emulator,id=t,chardev=c"] if tpm else []),
            *(["-device", "tpm-tis,tpmdev=t"] if tpm else []),
        ]
        self._text = bytearray()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={"PATH": PATH}
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def connect(self, server):
        """Connects the guest to this server; with None, to no server."""
        port = server.host_port[1] if server else 1
        new = self._port.with_suffix(".new")
        new.write_text(str(port))
        new.rename(self._port)

    def _read(self):
        while part := os.read(self._process.stdout.fileno(), 4096):
            self._text += part

    @property
    def console(self):
        """The output of the console so far."""
        return self._text.decode(errors="replace").replace("\r", "")

    def wait_for(self, text):
        """Waits until the console shows the text."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.console:
            has_ended = self._process.poll() is not None and not self._reader.is_alive()
            assert not has_ended and time.monotonic() < deadline, f"no {text!r} on the console:\n{self.console}"
            time.sleep(0.05)

    def type(self, line: bytes):
        """Types a line at the console."""
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()

    def end(self):
        """Waits until the guest is off. Returns the output of the console."""
        self.wait_for("guest: the end")
        self._process.wait(timeout=PATIENCE)
        self._reader.join()
        return self.console


def new_note():
    """Returns a random text, which occurs nowhere by chance."""
    return secrets.token_hex(16)
