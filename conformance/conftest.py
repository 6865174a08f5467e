"""Fixtures of all suites: running servers, the command line tool, and the clients configured for a server."""

import os
import re
from contextlib import ExitStack
from functools import cache

import pytest

import programs
from clients import OldSdk, TeaSdk
from every_client import CLIENTS, FAMILIES
from identity_provider import IdentityProvider
from openssl import OpenSsl
from person import Person
from serve import BULLA, ROOT, Server, remote_bulla
from staff import Staff


def pytest_configure():
    """Removes the proxies and credentials of the developer or CI system from the environment of the clients."""
    for name in list(os.environ):
        if name.upper().endswith("_PROXY") or name.startswith(("ALIBABA", "ALICLOUD", "ALIYUN")):
            del os.environ[name]
    if not BULLA.is_file():
        pytest.exit(f"{BULLA} is missing: run cargo build -p bulla first, or set BULLA_BIN", returncode=1)


@pytest.fixture(scope="session")
def start_server(tmp_path_factory):
    """Starts servers. All are stopped at the end, and each must exit successfully."""
    with ExitStack() as running:

        def start(*options):
            server = Server(tmp_path_factory.mktemp("server"), *options)
            running.callback(server.stop)
            return server

        yield start


@pytest.fixture(scope="session")
def identity_provider(tmp_path_factory):
    """An OIDC provider whose tokens the shared server accepts."""
    return IdentityProvider(tmp_path_factory.mktemp("identity-provider"))


@pytest.fixture(scope="session")
def server(start_server, identity_provider):
    """A server over HTTPS that the suites share."""
    return start_server("--config", identity_provider.configuration)


@pytest.fixture(scope="session")
def http_server(start_server):
    """A server over plain HTTP that the suites share."""
    return start_server("--http")


@pytest.fixture(scope="session")
def program(server, tmp_path_factory):
    """Returns the program that drives the clients of a language and trusts the shared server, started on first use."""
    with ExitStack() as running:

        @cache
        def started(name):
            if not programs.is_there(name):
                pytest.skip(f"{name} is left out: it is missing, or its packages are not installed")
            program = programs.PROGRAMS[name](tmp_path_factory.mktemp(name), server.ca)
            running.callback(program.stop)
            return program

        yield started


@pytest.fixture(scope="session", params=CLIENTS)
def kms(request, server, program):
    """Every client, so that all tests run with each."""
    return CLIENTS[request.param](server, program)


@pytest.fixture(scope="session", params=FAMILIES)
def root(request, server, program):
    """The account's root, with every family of clients that supports RAM and STS."""
    return Person(FAMILIES[request.param], server, program)


@pytest.fixture
def staff(root):
    """Users, groups, policies and roles of the test, deleted after it."""
    staff = Staff(root)
    yield staff
    staff.dismiss()


@pytest.fixture
def own_key(kms):
    """A key that the test may change."""
    return kms("CreateKey")["KeyMetadata"]["KeyId"]


@pytest.fixture(scope="session")
def old_sdk(server):
    """aliyun-python-sdk as the owner of the account."""
    return OldSdk(server)


@pytest.fixture(scope="session")
def tea_sdk(server):
    """alibabacloud_kms20160120 as the owner of the account."""
    return TeaSdk(server)


@pytest.fixture
def bulla(server, tmp_path_factory):
    """`bulla`, with the KMS and the credentials in its environment."""
    return remote_bulla(server, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def key_id(old_sdk):
    """A key of the shared server that every test may use and none may change."""
    return old_sdk.call("CreateKey", Description="shared")["KeyMetadata"]["KeyId"]


@pytest.fixture(scope="session")
def openssl(tmp_path_factory):
    """The command `openssl`."""
    return OpenSsl(tmp_path_factory.mktemp("openssl"))


@pytest.fixture(scope="session")
def xaes_open():
    """The reader of XAES-256-GCM in docs/blob-format.md."""
    return documented("xaes_open")


@pytest.fixture(scope="session")
def sm4_open():
    """The reader of the SM4 construction in docs/blob-format.md."""
    return documented("sm4_open")


def documented(name):
    """Returns the function with this name in docs/blob-format.md, unchanged."""
    text = (ROOT / "docs/blob-format.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (source,) = (block for block in blocks if f"def {name}(" in block)
    names = {}
    exec(source, names)
    return names[name]
