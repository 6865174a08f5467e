"""Programs whose code names no server: the credentials libraries use their default chains, and call the STS of the cloud.

Each test runs again in a network namespace, in which the name of the STS resolves to a server of bulla.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import programs
from every_client import FAMILIES
from expect import allow, refused, trust
from identity_provider import AUDIENCE, SUBJECT
from libraries import LIBRARIES
from person import Person
from serve import Server
from staff import Staff

STS = "sts.aliyuncs.com"
# Set in the namespace.
INSIDE = "BULLA_CONFORMANCE_NAMESPACE"


@pytest.fixture
def inside(request, tmp_path):
    """Whether the test runs in the namespace. Outside, this runs the test again inside."""
    if INSIDE in os.environ:
        return True
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {STS}\n")
    prepare = f"ip link set lo up && mount --bind {hosts} /etc/hosts"
    unshare = ("unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-c")
    if subprocess.run((*unshare, prepare), capture_output=True).returncode != 0:
        pytest.skip("no network namespace can be made here")
    test = f"{Path(__file__)}::{request.node.name}"
    again = (f'{prepare} && exec "$@"', "sh", sys.executable, "-B", "-m", "pytest", "-q", test)
    done = subprocess.run(
        (*unshare, *again), env=os.environ | {INSIDE: "1"}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr
    return False


@pytest.fixture
def sts(tmp_path, identity_provider):
    """A server at the name of the cloud's STS."""
    options = ("--tls-name", STS, "--config", identity_provider.configuration)
    server = Server(tmp_path, *options, listen="127.0.0.1:443")
    yield server
    server.stop()


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize("source", ["environment", "profile"])
def test_a_role(inside, request, source, name):
    if not inside:
        return
    server, made = request.getfixturevalue("sts"), LIBRARIES[name]
    if not programs.is_there(made.language):
        pytest.skip(f"{made.language} is left out")
    root = Person(FAMILIES["alibabacloud for Python"], server, None)
    staff, account = Staff(root), root.account
    home = request.getfixturevalue("tmp_path_factory").mktemp("home")
    prepare = from_environment if source == "environment" else from_profile
    role, variables = prepare(staff, account, home, request)
    staff.grant("Role", role, allow("kms:ListKeys"))

    program = programs.PROGRAMS[made.language](home, server.ca, **variables)
    try:
        found = root.called_with(made(program).find({}))
    finally:
        program.stop()
    assert found.sts("GetCallerIdentity")["Arn"].startswith(f"acs:ram::{account}:assumed-role/{role}/")
    assert found.kms("ListKeys")["Keys"] == []
    with refused("Forbidden.NoPermission", 403):
        found.kms("CreateKey")


def from_environment(staff, account, home, request):
    """Creates a role for an OIDC token. Returns its name, and the variables that name both."""
    provider = f"acs:ram::{account}:oidc-provider/ci"
    condition = {"StringEquals": {"oidc:aud": AUDIENCE, "oidc:sub": SUBJECT}}
    role = staff.role(trust(condition, Federated=[provider]))
    token = home / "token"
    token.write_text(request.getfixturevalue("identity_provider").token())
    return role, {
        "ALIBABA_CLOUD_ROLE_ARN": f"acs:ram::{account}:role/{role}",
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": provider,
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE": str(token),
    }


def from_profile(staff, account, home, request):
    """Creates a role for a user, and configures it in the file of the aliyun command line. Returns its name, and no variables."""
    _, alice = staff.caller(allow("sts:AssumeRole"))
    role = staff.role(trust(RAM=[f"acs:ram::{account}:root"]))
    profile = {
        "name": "work",
        "mode": "RamRoleArn",
        "access_key_id": alice.server.access_key_id,
        "access_key_secret": alice.server.access_key_secret,
        "ram_role_arn": f"acs:ram::{account}:role/{role}",
        "ram_session_name": "job",
        "expired_seconds": 3600,
    }
    file = home / ".aliyun/config.json"
    file.parent.mkdir(mode=0o700)
    file.write_text(json.dumps({"current": "work", "profiles": [profile]}))
    return role, {}
