"""The official credentials libraries, which assume roles on their own. Keys are used with the credentials that they find."""

import pytest

from every_client import FAMILIES
from expect import allow, policy, refused, trust
from identity_provider import AUDIENCE, SUBJECT
from libraries import LIBRARIES, Failed, PythonLibrary
from person import Person

DENIED = ("Forbidden.NoPermission", 403)


@pytest.fixture(scope="module")
def root(server, program):
    """The account's root, with one family of clients. test_life_roles.py tests the others."""
    return Person(FAMILIES["alibabacloud for Python"], server, program)


@pytest.fixture(scope="module", params=LIBRARIES)
def library(request, program):
    """Every library."""
    library = LIBRARIES[request.param]
    return library(program(library.language))


@pytest.fixture
def account(root):
    """The id of the account."""
    return root.account


@pytest.fixture
def blob(root):
    """A ciphertext blob of a key of root's."""
    key_id = root.kms("CreateKey")["KeyMetadata"]["KeyId"]
    return root.kms("Encrypt", KeyId=key_id, Plaintext="c2VjcmV0")["CiphertextBlob"]


@pytest.fixture
def session(server, program, library):
    """Returns the caller with the credentials that the library finds, with the clients of its language."""

    def called(configuration):
        return Person(FAMILIES[library.family], server, program).called_with(library.find(configuration))

    return called


def role_of(staff, account, *statements, condition=None):
    """Creates a role with these rights that the account's users may assume. Returns its name and its ARN."""
    role = staff.role(trust(condition, RAM=[f"acs:ram::{account}:root"]))
    staff.grant("Role", role, *statements)
    return role, f"acs:ram::{account}:role/{role}"


def with_access_key(person, role_arn, **more):
    """Returns the configuration for a role that a caller assumes; with a security token, if the caller is a session."""
    server = person.server
    token = {"security_token": server.security_token} if server.security_token else {}
    return {
        "type": "ram_role_arn",
        "access_key_id": server.access_key_id,
        "access_key_secret": server.access_key_secret,
        "role_arn": role_arn,
        "role_session_name": "job",
        "sts_endpoint": server.address,
        **token,
        **more,
    }


def test_a_role_with_an_access_key(root, staff, account, session, blob):
    role, arn = role_of(staff, account, allow("kms:Decrypt"))
    _, alice = staff.caller(allow("sts:AssumeRole"))
    found = session(with_access_key(alice, arn))
    assert found.server.access_key_id.startswith("STS.")
    assert found.sts("GetCallerIdentity")["Arn"] == f"acs:ram::{account}:assumed-role/{role}/job"
    assert found.kms("Decrypt", CiphertextBlob=blob)["Plaintext"] == "c2VjcmV0"
    with refused(*DENIED):
        found.kms("ListKeys")


def test_a_policy_and_an_external_id(root, staff, account, session, blob):
    condition = {"StringEquals": {"sts:ExternalId": "partner-17"}}
    _, arn = role_of(staff, account, allow("kms:*"), condition=condition)
    _, alice = staff.caller(allow("sts:AssumeRole"))
    with pytest.raises(Failed, match="NoPermission"):
        session(with_access_key(alice, arn))
    narrowed = {"external_id": "partner-17", "policy": policy(allow("kms:Decrypt"))}
    found = session(with_access_key(alice, arn, **narrowed))
    assert found.kms("Decrypt", CiphertextBlob=blob)["Plaintext"] == "c2VjcmV0"
    with refused(*DENIED):
        found.kms("ListKeys")


def test_a_role_with_a_session(root, staff, account, session, blob):
    role, first = role_of(staff, account, allow("sts:AssumeRole"))
    second = staff.role(trust(RAM=[first]))
    staff.grant("Role", second, allow("kms:Decrypt"))
    _, alice = staff.caller(allow("sts:AssumeRole"))
    between = session(with_access_key(alice, first))
    found = session(with_access_key(between, f"acs:ram::{account}:role/{second}"))
    assert found.kms("Decrypt", CiphertextBlob=blob)["Plaintext"] == "c2VjcmV0"


def test_a_role_with_an_oidc_token(root, staff, account, session, blob, identity_provider, tmp_path):
    condition = {"StringEquals": {"oidc:aud": AUDIENCE, "oidc:sub": SUBJECT}}
    provider = f"acs:ram::{account}:oidc-provider/ci"
    role = staff.role(trust(condition, Federated=[provider]))
    staff.grant("Role", role, allow("kms:Decrypt"))
    file = tmp_path / "token"
    configuration = {
        "type": "oidc_role_arn",
        "role_arn": f"acs:ram::{account}:role/{role}",
        "oidc_provider_arn": provider,
        "oidc_token_file_path": str(file),
        "role_session_name": "build",
        "sts_endpoint": root.server.address,
    }
    # The newline that an editor adds is sent too.
    file.write_text(identity_provider.token() + "\n")
    found = session(configuration)
    assert found.kms("Decrypt", CiphertextBlob=blob)["Plaintext"] == "c2VjcmV0"
    assert found.sts("GetCallerIdentity")["Arn"] == f"acs:ram::{account}:assumed-role/{role}/build"
    for token, words in (
        (identity_provider.token(sub="repo:stranger/fork:main"), "NoPermission"),
        (identity_provider.token(exp=1_000_000_000), "This JsonWebToken is expired"),
    ):
        file.write_text(token)
        with pytest.raises(Failed, match=words):
            session(configuration)


def test_root_assumes_no_role(root, staff, account, session):
    _, arn = role_of(staff, account, allow("kms:*"))
    with pytest.raises(Failed, match="Roles may not be assumed by root accounts"):
        session(with_access_key(root, arn))


def test_the_python_library_signs_spaces_wrongly(root, staff, account, program):
    """It sends spaces as `+` and signs something else, so such requests are refused, as in the cloud."""
    _, arn = role_of(staff, account, allow("kms:*"))
    _, alice = staff.caller(allow("sts:AssumeRole"))
    spaced = policy(allow("kms:*")).replace(":", ": ")
    with pytest.raises(Failed, match="SignatureDoesNotMatch"):
        PythonLibrary(program("python")).find(with_access_key(alice, arn, policy=spaced))
