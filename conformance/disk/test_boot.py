"""A virtual machine boots from an encrypted disk that a KMS on the host opens: real kernel, initramfs-tools and cryptroot."""

import json
import re
import time
from base64 import b64decode, b64encode

import pytest
from serve import Bulla, remote_bulla

from guest import PASSPHRASE, BootImage, Disk, Guest, kernel_version, new_note
from tpm import Tpm

pytestmark = pytest.mark.skipif(not kernel_version(), reason="BULLA_BOOT names no folder with a kernel")

KMS_OPENS = "bulla: vault: the KMS has opened this volume"
PROMPT = "Please unlock disk vault:"


@pytest.fixture(scope="module")
def kms(start_server):
    """A KMS with a certificate for the address at which guests reach it."""
    return start_server("--tls-name", "10.0.2.100")


@pytest.fixture(scope="module")
def admin(kms, tmp_path_factory) -> Bulla:
    """The command line of the KMS's administrator."""
    return remote_bulla(kms, tmp_path_factory.mktemp("admin"))


@pytest.fixture(scope="module")
def key(admin):
    """The key of the disk."""
    return admin.kms("CreateKey")["KeyMetadata"]["KeyId"]


@pytest.fixture(scope="module")
def make_enrolled(admin, key, tmp_path_factory):
    """Creates disks that the key opens."""

    def make():
        disk = Disk.make(tmp_path_factory.mktemp("disk"))
        passphrase = disk.path.with_name("passphrase")
        passphrase.write_bytes(PASSPHRASE)
        admin("disk", "enroll", disk.path, "-k", key, "--key-file", passphrase)
        return disk

    return make


@pytest.fixture(scope="module")
def enrolled(make_enrolled):
    """A disk that the key opens."""
    return make_enrolled()


@pytest.fixture(scope="module")
def image(plugin, kms, enrolled, key, tmp_path_factory):
    """The kernel and the initramfs."""
    return BootImage(tmp_path_factory.mktemp("image"), plugin, kms, enrolled, key)


@pytest.fixture
def boot(image, enrolled, kms, tmp_path):
    """Boots a copy of the disk, any number of times."""
    disk = enrolled.copied(tmp_path)

    def start(server=kms, **options):
        return Guest(tmp_path, image, disk, server, **options)

    start.disk = disk
    return start


def test_the_kms_opens_the_root_volume_at_boot(boot):
    note = new_note()
    with boot(note=note, clock="1970-01-01T00:05:00", dhcp=True) as guest:  # as if the clock had no battery
        console = guest.end()
    assert "bulla: the clock was slow; it begins when this boot image was built" in console
    assert KMS_OPENS in console and PROMPT not in console
    assert f"guest: the note is: {note}" in console
    assert "guest: addresses: 0" in console  # the system finds the network unconfigured
    assert note.encode() in boot.disk.decrypted()
    assert note.encode() not in boot.disk.path.read_bytes()

    with boot() as guest:
        console = guest.end()
    assert "the clock was slow" not in console
    assert KMS_OPENS in console and PROMPT not in console
    assert f"guest: the note is: {note}" in console


def test_a_kms_that_comes_back_opens_the_volume(boot, kms):
    fast = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 7200))  # later than the KMS accepts signatures
    with boot(server=None, note=new_note(), clock=fast) as guest:
        guest.wait_for("bulla: vault: waiting for the KMS (2/10): the KMS at https://10.0.2.100:7443 cannot be reached")
        guest.connect(kms)
        console = guest.end()
    assert KMS_OPENS in console and PROMPT not in console
    assert "InvalidTimeStamp.Expired" in kms.log


def test_with_the_key_disabled_the_passphrase_opens_the_volume(boot, admin, key):
    admin.kms("DisableKey", KeyId=key)
    try:
        with boot(note=new_note()) as guest:
            guest.wait_for(PROMPT)
            assert "bulla: vault: the KMS does not open this volume: the KMS refused with 409 Rejected.Disabled" in guest.console
            assert "waiting for the KMS" not in guest.console
            guest.type(PASSPHRASE)
            console = guest.end()
    finally:
        admin.kms("EnableKey", KeyId=key)
    assert "cryptsetup: vault: set up successfully" in console
    assert KMS_OPENS not in console


def test_no_process_shows_a_key_while_volumes_are_opened(boot, make_enrolled, admin, tmp_path):
    """The token plugin opens one at boot; `bulla disk open` opens another, and checks the mapping with a real device-mapper."""
    data, kept = make_enrolled(), tmp_path / "kept.img"
    with kept.open("wb") as image:
        image.truncate(1 << 20)
    with boot(note=new_note(), words=["watched"], others=[data.path, kept]) as guest:
        console = guest.end()
    assert KMS_OPENS in console
    assert "/dev/vdb is open as /dev/mapper/hand" in console and "hand is closed" in console
    assert "guest: by hand: a file system: ext4" in console
    assert re.search(r"guest: by hand: 0 \d+ crypt aes-xts-plain64 :64:logon:\S+ 0 \d+:\d+ 32768", console), console
    assert "guest: kept" in console
    shown = kept.read_bytes()
    assert b"disk\0open\0/dev/vdb" in shown and b"disk\0unlock" in shown and b"dmsetup\0table" in shown
    assert b"--test-passphrase" in shown and b"--token-only" in shown
    for disk in [data, boot.disk]:
        context = json.dumps({"bulla:volume": disk.uuid})
        reply = admin.kms("Decrypt", CiphertextBlob=disk.token["wrapped_key"], EncryptionContext=context)
        for key in [b64decode(reply["Plaintext"]), disk.volume_key]:
            for form in [key, b64encode(key), key.hex().encode(), key.hex().upper().encode()]:
                assert form not in shown


def test_an_image_that_others_can_read_holds_no_secret(image, tmp_path):
    umask = image.machine.files / "etc/initramfs-tools/conf.d/umask"
    umask.parent.mkdir()
    umask.write_text("UMASK=0022\n")  # set by another package or by the administrator
    try:
        log = image.machine.run("mkinitramfs", "-o", tmp_path / "initrd.img", kernel_version())
    finally:
        umask.unlink()
    assert "W: bulla: other users could read the image" in log
    names = image.machine.run("lsinitramfs", tmp_path / "initrd.img").splitlines()
    assert "scripts/local-top/cryptroot" in names
    assert not [name for name in names if name.startswith(("etc/bulla", "usr/bin/bulla"))]


needs_tpm = pytest.mark.skipif(not Tpm.is_there(), reason="swtpm, systemd-creds or the libraries of TPMs are missing")


@pytest.fixture(scope="module")
def sealed(plugin, kms, enrolled, key, tmp_path_factory):
    """A TPM, and the secret that it sealed for a guest that ran `bulla disk install-boot`."""
    directory = tmp_path_factory.mktemp("sealing")
    tpm, drive = Tpm(directory), directory / "secret.img"
    drive.write_bytes(kms.access_key_secret.encode().ljust(8192, b"\0"))
    image = BootImage(directory, plugin, kms, enrolled, key, sealed="to be replaced")
    with tpm.started() as socket, Guest(directory, image, enrolled, None, words=["seal"], others=[drive], tpm=socket) as guest:
        console = guest.end()
    assert "/etc/bulla/secret.tpm2 holds the secret of the access key, sealed by the TPM" in console
    assert "boot images hold the sealed secret" in console and "which no TPM seals" not in console
    assert "guest: sealed" in console, console
    return tpm, drive.read_bytes().rstrip(b"\0").decode()


@pytest.fixture(scope="module")
def sealed_image(sealed, plugin, kms, enrolled, key, tmp_path_factory):
    """The kernel and the initramfs with the sealed secret."""
    return BootImage(tmp_path_factory.mktemp("sealed-image"), plugin, kms, enrolled, key, sealed=sealed[1])


@needs_tpm
def test_the_tpm_gives_the_secret_that_it_sealed(sealed, sealed_image, enrolled, kms, tmp_path):
    note = new_note()
    disk = enrolled.copied(tmp_path)
    with sealed[0].copied(tmp_path).started() as socket:
        with Guest(tmp_path, sealed_image, disk, kms, note=note, tpm=socket) as guest:
            console = guest.end()
    assert KMS_OPENS in console and PROMPT not in console
    assert f"guest: the note is: {note}" in console


@needs_tpm
@pytest.mark.parametrize(
    ("words", "is_same", "cause"),
    [
        (["extended"], True, "the boot state of this machine differs from the one that it was sealed for"),
        ([], False, "another TPM sealed it, or this one was cleared since"),
    ],
    ids=["another boot state", "another TPM"],
)
def test_where_the_tpm_gives_no_secret_the_passphrase_opens_the_volume(
    sealed, sealed_image, enrolled, kms, tmp_path, words, is_same, cause
):
    tpm = sealed[0].copied(tmp_path) if is_same else Tpm(tmp_path)
    disk = enrolled.copied(tmp_path)
    with tpm.started() as socket, Guest(tmp_path, sealed_image, disk, kms, note=new_note(), words=words, tpm=socket) as guest:
        guest.wait_for(PROMPT)
        assert f"bulla: vault: the KMS does not open this volume: /etc/bulla/secret.tpm2 is not unsealed: {cause}" in guest.console
        assert ("guest: extended" in guest.console) == bool(words)
        guest.type(PASSPHRASE)
        console = guest.end()
    assert "cryptsetup: vault: set up successfully" in console
    assert KMS_OPENS not in console


@needs_tpm
def test_an_image_with_the_sealed_secret_holds_it_nowhere_in_the_plain(image, sealed_image, kms):
    secret = kms.access_key_secret.encode()
    forms = [secret, b64encode(secret), secret.hex().encode()]
    assert any(form in content for content in image.contents() for form in forms)
    assert not any(form in content for content in sealed_image.contents() for form in forms)
