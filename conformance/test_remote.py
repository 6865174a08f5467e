"""`bulla` with a remote KMS: its errors if the KMS refuses, is another one, or is not reachable."""

import os

import pytest

from serve import remote_bulla

CONTENT = b"sales of the year\n" * 10_000


@pytest.fixture
def directory(tmp_path):
    """A directory with one file to encrypt."""
    (tmp_path / "sales.csv").write_bytes(CONTENT)
    return tmp_path


@pytest.fixture
def cipher(bulla, key_id, directory):
    """The file, encrypted, with its plaintext deleted."""
    bulla("encrypt", "--format", "text", "-k", key_id, directory / "sales.csv")
    (directory / "sales.csv").unlink()
    return directory / "sales.csv.cipher"


@pytest.mark.parametrize(
    "variables",
    (
        {"ALIBABA_CLOUD_ACCESS_KEY_SECRET": "wrong"},
        {"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAInobody"},
        {"BULLA_KMS": "https://127.0.0.1:1"},
    ),
    ids=("wrong secret", "unknown access key", "nobody listens"),
)
def test_an_unavailable_kms(bulla, key_id, directory, cipher, variables):
    bulla("decrypt", cipher, status=3, **variables)
    bulla("encrypt", "--format", "text", "-k", key_id, cipher, status=3, **variables)
    assert os.listdir(directory) == [cipher.name]


def test_a_disabled_key(old_sdk, bulla, directory):
    key_id = old_sdk.call("CreateKey")["KeyMetadata"]["KeyId"]
    bulla("encrypt", "--format", "text", "-k", key_id, directory / "sales.csv")
    (directory / "sales.csv").unlink()
    old_sdk.call("DisableKey", KeyId=key_id)
    bulla("decrypt", directory / "sales.csv.cipher", status=3)
    assert os.listdir(directory) == ["sales.csv.cipher"]
    old_sdk.call("EnableKey", KeyId=key_id)
    bulla("decrypt", directory / "sales.csv.cipher")
    assert (directory / "sales.csv").read_bytes() == CONTENT


def test_a_file_of_another_kms(start_server, bulla, directory, cipher):
    other = start_server()
    remote_bulla(other, bulla.home)("decrypt", cipher, status=4)
    # An authority that did not sign the server's certificate.
    bulla("decrypt", "--ca", other.ca, cipher, status=3)
    assert os.listdir(directory) == [cipher.name]


def test_an_unknown_key(bulla, directory):
    bulla("encrypt", "--format", "text", "-k", "alias/nothing", directory / "sales.csv", status=3)
    assert os.listdir(directory) == ["sales.csv"]


def test_pipes(bulla, key_id, directory):
    plain, cipher = directory / "sales.csv", directory / "piped.cipher"
    bulla("encrypt", "--format", "text", "-k", key_id, plain, "-o", cipher)
    assert bulla("decrypt", cipher, "-o", "-") == CONTENT


def test_an_output_that_exists_stays(bulla, directory, cipher):
    (directory / "sales.csv").write_bytes(b"something else")
    bulla("decrypt", cipher, status=6)
    assert (directory / "sales.csv").read_bytes() == b"something else"
    bulla("decrypt", "--force", cipher)
    assert (directory / "sales.csv").read_bytes() == CONTENT
