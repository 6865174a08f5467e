"""The cloud's envelope encryption guide, step by step: key, alias, scripts, and `bulla` in place of each."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clients import REGION, OldSdk
from serve import remote_bulla

ALIAS = "alias/Apollo/WorkKey"
TEXTS = {
    "utf-8": "日期,产品,金额\n2019-04-08,信封加密,1234.50\n2019-04-09,主密钥 🔑,−7\n".encode(),
    "crlf": b"date,product,amount\r\n2019-04-08,envelope,1234.50\r\n",
    "empty": b"",
    "no newline at the end": b"one line",
    "1 MiB": b"2019-04-08,envelope encryption,1234.50\n" * (1024 * 1024 // 39 + 1),
}
BINARIES = {"random": os.urandom(100_003), "not UTF-8": b"\xff\xfe\x00\r\n\x80" * 1000, "zeros": bytes(65536)}


@pytest.fixture(scope="module")
def work_key(server, old_sdk):
    """The key of the guide, with its alias."""
    key_id = old_sdk.call("CreateKey")["KeyMetadata"]["KeyId"]
    old_sdk.call("CreateAlias", AliasName=ALIAS, KeyId=key_id)
    return key_id


@pytest.fixture
def guide(server, tmp_path):
    """Runs one of the guide's scripts against the shared server."""
    return lambda script, *arguments: run_guide(server, script, *arguments)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_the_guides_scripts_understand_each_other(work_key, guide, tmp_path, text):
    plain, cipher, restored = files(tmp_path, text)
    guide("encrypt", "--key", ALIAS, plain, cipher)
    guide("decrypt", cipher, restored)
    assert restored.read_bytes() == text


@pytest.mark.parametrize("content", (TEXTS | BINARIES).values(), ids=TEXTS | BINARIES)
def test_bulla_decrypts_what_the_guide_encrypted(work_key, guide, bulla, tmp_path, content):
    plain, cipher, restored = files(tmp_path, content)
    guide("encrypt", "--key", ALIAS, plain, cipher)
    bulla("decrypt", cipher, "-o", restored)
    assert restored.read_bytes() == content


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_the_guide_decrypts_what_bulla_encrypted(work_key, guide, bulla, tmp_path, text):
    plain, cipher, restored = files(tmp_path, text)
    bulla("encrypt", "--format", "text", "-k", ALIAS, plain, "-o", cipher)
    guide("decrypt", cipher, restored)
    assert restored.read_bytes() == text


@pytest.mark.parametrize("content", BINARIES.values(), ids=BINARIES)
def test_binary_files_survive(work_key, guide, bulla, tmp_path, content):
    plain, cipher, restored = files(tmp_path, content)
    bulla("encrypt", "--format", "text", "-k", ALIAS, plain, "-o", cipher)
    guide("decrypt", "--binary", cipher, restored)
    assert restored.read_bytes() == content


def test_the_place_and_the_ca_may_be_flags(server, work_key, guide, tmp_path):
    plain, cipher, restored = files(tmp_path, TEXTS["utf-8"])
    guide("encrypt", "--key", ALIAS, plain, cipher)
    bulla = remote_bulla(server, tmp_path)
    del bulla.variables["BULLA_KMS"], bulla.variables["ALIBABA_CLOUD_CA_BUNDLE"]
    bulla("decrypt", "--kms", server.url, "--ca", server.ca, cipher, "-o", restored)
    assert restored.read_bytes() == TEXTS["utf-8"]


def test_the_output_is_beside_the_input(work_key, guide, bulla, tmp_path):
    plain = tmp_path / "sales.csv"
    plain.write_bytes(TEXTS["utf-8"])
    bulla("encrypt", "--format", "text", "-k", ALIAS, plain)
    plain.unlink()
    bulla("decrypt", tmp_path / "sales.csv.cipher")
    assert plain.read_bytes() == TEXTS["utf-8"]


def test_aliyun_like_commands(start_server, tmp_path):
    """The guide's console session, with `bulla kms` instead of `aliyun kms`."""
    server = start_server()
    bulla = remote_bulla(server, tmp_path)

    metadata = bulla.kms("CreateKey")["KeyMetadata"]
    assert metadata["KeyState"] == "Enabled"
    assert metadata["KeyUsage"] == "ENCRYPT/DECRYPT"
    assert metadata["Description"] == metadata["DeleteDate"] == metadata["MaterialExpireTime"] == ""
    assert metadata["Origin"] == "Aliyun_KMS"
    assert metadata["Arn"] == f"acs:kms:{REGION}:{metadata['Creator']}:key/{metadata['KeyId']}"
    assert set(bulla.kms("CreateAlias", AliasName=ALIAS, KeyId=metadata["KeyId"])) == {"RequestId"}
    data_key = bulla.kms("GenerateDataKey", KeyId=ALIAS)
    server.remember(data_key["Plaintext"])
    assert (
        bulla.kms("Decrypt", CiphertextBlob=data_key["CiphertextBlob"])["Plaintext"] == data_key["Plaintext"]
    )
    assert OldSdk(server).call("DescribeKey", KeyId=ALIAS)["KeyMetadata"]["KeyId"] == metadata["KeyId"]

    plain, cipher, restored = files(tmp_path, TEXTS["utf-8"])
    run_guide(server, "encrypt", "--key", ALIAS, plain, cipher)
    bulla("decrypt", cipher, "-o", restored)
    assert restored.read_bytes() == TEXTS["utf-8"]


def files(directory: Path, content: bytes):
    """Returns the guide's three files: plaintext, with this content, ciphertext and decrypted plaintext."""
    plain = directory / "sales.csv"
    plain.write_bytes(content)
    return plain, directory / "sales.csv.cipher", directory / "decrypted_sales.csv"


def run_guide(server, script, *arguments):
    place = {
        "endpoint": server.address,
        "region": REGION,
        "access-key-id": server.access_key_id,
        "access-key-secret": server.access_key_secret,
        "ca": server.ca,
    }
    flags = [word for name, value in place.items() for word in (f"--{name}", value)]
    path = Path(__file__).parent / f"guide_{script}.py"
    subprocess.run([sys.executable, "-W", "ignore", path, *flags, *arguments], check=True, timeout=120)
