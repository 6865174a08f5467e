"""The life of roles and sessions, and of keys used with temporary credentials, with every family of official clients.

test_credentials.py tests the libraries that assume roles on their own.
"""

import json

import pytest

from expect import allow, every_marked, new_name, policy, refused, trust
from identity_provider import AUDIENCE, ISSUER, SUBJECT

DENIED = ("Forbidden.NoPermission", 403)
NOT_ASSUMED = ("NoPermission", 403, "No permission perform sts:AssumeRole on this Role.")


@pytest.fixture
def account(root):
    """The id of the account."""
    return root.account


@pytest.fixture
def key(root):
    """A key of root's, with its ARN and a blob of it."""
    metadata = root.kms("CreateKey")["KeyMetadata"]
    blob = root.kms("Encrypt", KeyId=metadata["KeyId"], Plaintext="c2VjcmV0")["CiphertextBlob"]
    return metadata["KeyId"], metadata["Arn"], blob


def assume(person, account, role, session="job", **parameters):
    """Calls AssumeRole. Returns the reply, and the caller with its credentials."""
    arn = f"acs:ram::{account}:role/{role}"
    reply = person.sts("AssumeRole", RoleArn=arn, RoleSessionName=session, **parameters)
    return reply, person.called_with(reply["Credentials"])


# Roles


def test_roles(root, account):
    name = new_name()
    document = trust(RAM=[f"acs:ram::{account}:root"])
    words = {"Description": "销售 & co.", "MaxSessionDuration": 7200}
    created = root.ram("CreateRole", RoleName=name, AssumeRolePolicyDocument=document, **words)["Role"]
    assert created["Arn"] == f"acs:ram::{account}:role/{name}"
    assert (created["Description"], int(created["MaxSessionDuration"])) == ("销售 & co.", 7200)
    with refused("EntityAlreadyExists.Role", 409, "The role does already EXIST."):
        root.ram("CreateRole", RoleName=name.upper(), AssumeRolePolicyDocument=document)
    got = root.ram("GetRole", RoleName=name)["Role"]
    assert got["RoleId"] == created["RoleId"]
    assert json.loads(got["AssumeRolePolicyDocument"]) == json.loads(document)
    root.ram("UpdateRole", RoleName=name, NewMaxSessionDuration=3600)
    assert int(root.ram("GetRole", RoleName=name)["Role"]["MaxSessionDuration"]) == 3600
    listed = every_marked(root.ram, "ListRoles", "Roles", MaxItems=100)
    assert name in {role["RoleName"] for role in listed}
    root.ram("DeleteRole", RoleName=name)
    with refused("EntityNotExist.Role", 404, "The role does not exist."):
        root.ram("GetRole", RoleName=name)


def test_wrong_roles(root, account):
    name = new_name()
    all_users = policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": ["*"]}})
    stranger = trust(RAM=[f"acs:ram::{account}:user/{new_name()}"])
    provider = trust(Federated=[f"acs:ram::{account}:oidc-provider/ci"])
    for document in ("{", policy(allow("sts:AssumeRole")), all_users, stranger, provider):
        with refused("MalformedPolicyDocument", 400):
            root.ram("CreateRole", RoleName=name, AssumeRolePolicyDocument=document)
    document = trust(RAM=[f"acs:ram::{account}:root"])
    with refused("InvalidParameter.RoleName.InvalidChars", 400):
        root.ram("CreateRole", RoleName="a_b", AssumeRolePolicyDocument=document)
    with refused("InvalidParameter.MaxSessionDuration", 400):
        root.ram("CreateRole", RoleName=name, AssumeRolePolicyDocument=document, MaxSessionDuration=60)


# Sessions


def test_a_user_assumes_a_role(root, staff, account, key):
    key_id, key_arn, blob = key
    role = staff.role(trust(RAM=[f"acs:ram::{account}:root"]))
    given = staff.grant("Role", role, allow(["kms:Encrypt", "kms:Decrypt"], key_arn))
    user, alice = staff.caller()
    for name in (role, new_name()):  # an existing and a missing role
        with refused(*NOT_ASSUMED):
            assume(alice, account, name)
    with refused("NoPermission", 403, "Roles may not be assumed by root accounts."):
        assume(root, account, role)
    root.ram("AttachPolicyToUser", PolicyType="System", PolicyName="AliyunSTSAssumeRoleAccess", UserName=user)

    reply, session = assume(alice, account, role)
    role_id = root.ram("GetRole", RoleName=role)["Role"]["RoleId"]
    assert reply["AssumedRoleUser"] == {
        "Arn": f"acs:ram::{account}:role/{role}/job",
        "AssumedRoleId": f"{role_id}:job",
    }
    credentials = reply["Credentials"]
    assert credentials["AccessKeyId"].startswith("STS.") and credentials["Expiration"].endswith("Z")
    assert session.kms("Decrypt", CiphertextBlob=blob)["Plaintext"] == "c2VjcmV0"
    assert session.kms("Encrypt", KeyId=key_id, Plaintext="c2VjcmV0")["CiphertextBlob"]
    for person, action in ((session, "DescribeKey"), (alice, "DescribeKey")):
        with refused(*DENIED):
            person.kms(action, KeyId=key_id)
    root.ram("DetachPolicyFromRole", PolicyType="Custom", PolicyName=given, RoleName=role)
    with refused(*DENIED):
        session.kms("Decrypt", CiphertextBlob=blob)


def test_who_calls(root, staff, account):
    user, alice = staff.caller(allow("sts:AssumeRole"))
    role = staff.role(trust(RAM=[f"acs:ram::{account}:root"]))
    _, session = assume(alice, account, role)
    user_id = root.ram("GetUser", UserName=user)["User"]["UserId"]
    role_id = root.ram("GetRole", RoleName=role)["Role"]["RoleId"]
    for person, expected in (
        (root, ("Account", account, account, "", f"acs:ram::{account}:root")),
        (alice, ("RAMUser", user_id, user_id, "", f"acs:ram::{account}:user/{user}")),
        (
            session,
            ("AssumedRoleUser", f"{role_id}:job", "", role_id, f"acs:ram::{account}:assumed-role/{role}/job"),
        ),
    ):
        identity = person.sts("GetCallerIdentity")
        fields = ("IdentityType", "PrincipalId", "UserId", "RoleId", "Arn")
        assert tuple(identity.get(field) or "" for field in fields) == expected
        assert identity["AccountId"] == account


def test_a_session_policy_narrows(root, staff, account, key):
    key_id, _, blob = key
    role = staff.role(trust(RAM=[f"acs:ram::{account}:root"]))
    staff.grant("Role", role, allow("kms:*"))
    _, alice = staff.caller(allow("sts:AssumeRole"))
    _, session = assume(alice, account, role, Policy=policy(allow("kms:Encrypt")))
    assert session.kms("Encrypt", KeyId=key_id, Plaintext="c2VjcmV0")["CiphertextBlob"]
    with refused(*DENIED):
        session.kms("Decrypt", CiphertextBlob=blob)
    _, session = assume(alice, account, role, Policy=policy(allow("*")))
    with refused("NoPermission", 403):
        session.ram("ListUsers")
    assert session.kms("Decrypt", CiphertextBlob=blob)["Plaintext"] == "c2VjcmV0"


def test_an_external_id(root, staff, account):
    condition = {"StringEquals": {"sts:ExternalId": "partner-17"}}
    role = staff.role(trust(condition, RAM=[f"acs:ram::{account}:root"]))
    _, alice = staff.caller(allow("sts:AssumeRole"))
    for wrong in ({}, {"ExternalId": "partner-18"}):
        with refused(*NOT_ASSUMED):
            assume(alice, account, role, **wrong)
    _, session = assume(alice, account, role, ExternalId="partner-17")
    assert session.sts("GetCallerIdentity")["IdentityType"] == "AssumedRoleUser"


def test_a_role_that_trusts_one_user(root, staff, account):
    user, alice = staff.caller(allow("sts:AssumeRole"))
    _, bob = staff.caller(allow("sts:AssumeRole"))
    role = staff.role(trust(RAM=[f"acs:ram::{account}:user/{user}"]))
    assume(alice, account, role)
    with refused(*NOT_ASSUMED):
        assume(bob, account, role)


def test_a_session_assumes_another_role(root, staff, account, key):
    first = staff.role(trust(RAM=[f"acs:ram::{account}:root"]))
    staff.grant("Role", first, allow("sts:AssumeRole"))
    second = staff.role(trust(RAM=[f"acs:ram::{account}:role/{first}"]))
    staff.grant("Role", second, allow("kms:Decrypt"))
    _, alice = staff.caller(allow("sts:AssumeRole"))
    with refused(*NOT_ASSUMED):
        assume(alice, account, second)
    _, session = assume(alice, account, first)
    _, next_session = assume(session, account, second)
    assert next_session.kms("Decrypt", CiphertextBlob=key[2])["Plaintext"] == "c2VjcmV0"


def test_wrong_parameters_of_sessions(root, staff, account):
    role = staff.role(trust(RAM=[f"acs:ram::{account}:root"]))
    _, alice = staff.caller(allow("sts:AssumeRole"))
    good = {"RoleArn": f"acs:ram::{account}:role/{role}", "RoleSessionName": "job"}
    for name, value in (
        ("RoleArn", "backup"),
        ("RoleSessionName", "no spaces"),
        ("DurationSeconds", 899),
        ("DurationSeconds", 3601),
    ):
        with refused(f"InvalidParameter.{name}", 400):
            alice.sts("AssumeRole", **good | {name: value})
    with refused("InvalidParameter.PolicyGrammar", 400, "The parameter Policy has not passed grammar check."):
        alice.sts("AssumeRole", **good, Policy="{")
    with refused("MissingRoleArn", 400, "RoleArn is mandatory for this action."):
        alice.sts("AssumeRole", RoleSessionName="job")


def test_security_tokens(root, staff, account):
    role = staff.role(trust(RAM=[f"acs:ram::{account}:root"]))
    user, alice = staff.caller(allow("sts:AssumeRole"))
    credentials, other = (assume(alice, account, role)[0]["Credentials"] for _ in range(2))
    token = credentials["SecurityToken"]
    middle = len(token) // 2
    edited = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
    for wrong, code in (
        (edited, "InvalidSecurityToken.Malformed"),
        ("token", "InvalidSecurityToken.Malformed"),
        (other["SecurityToken"], "InvalidSecurityToken.MismatchWithAccessKey"),
        (None, "MissingSecurityToken"),
    ):
        with refused(code, 400):
            alice.called_with(credentials | {"SecurityToken": wrong}).sts("GetCallerIdentity")
    key = root.ram("CreateAccessKey", UserName=user)["AccessKey"]
    with refused("InvalidSecurityToken.MismatchWithAccessKey", 400):
        alice.called_with(key | {"SecurityToken": token}).sts("GetCallerIdentity")


@pytest.mark.parametrize("end", ["role", "access key"])
def test_a_session_ends_with_what_it_rests_on(root, staff, account, end):
    role = staff.role(trust(RAM=[f"acs:ram::{account}:root"]))
    user, alice = staff.caller(allow("sts:AssumeRole"))
    _, session = assume(alice, account, role)
    session.sts("GetCallerIdentity")
    if end == "role":
        root.ram("DeleteRole", RoleName=role)
        staff.forget("Role", role)
    else:
        key_id = alice.server.access_key_id
        root.ram("UpdateAccessKey", UserName=user, UserAccessKeyId=key_id, Status="Inactive")
    with refused("InvalidSecurityToken.Expired", 400, "Specified SecurityToken is expired."):
        session.sts("GetCallerIdentity")


# Sessions for tokens of an OIDC provider


def test_assume_role_with_oidc(root, staff, account, key, identity_provider):
    role = staff.role(trusting_ci(account))
    staff.grant("Role", role, allow("kms:Decrypt"))
    reply = with_token(root, account, role, identity_provider.token())
    info = reply["OIDCTokenInfo"]
    assert (info["Subject"], info["Issuer"], info["ClientIds"]) == (SUBJECT, ISSUER, AUDIENCE)
    assert info["VerificationInfo"] == "Success"
    session = root.called_with(reply["Credentials"])
    assert session.kms("Decrypt", CiphertextBlob=key[2])["Plaintext"] == "c2VjcmV0"
    with refused(*DENIED):
        session.kms("ListKeys")
    arn = f"acs:ram::{account}:assumed-role/{role}/build"
    assert session.sts("GetCallerIdentity")["Arn"] == arn


def test_wrong_oidc_tokens(root, staff, account, identity_provider):
    role = staff.role(trusting_ci(account))
    token = identity_provider.token
    for wrong, code, status in (
        (token(exp=1_000_000_000), "AuthenticationFail.OIDCToken.Expired", 400),
        (token(iss="https://other.example"), "AuthenticationFail.OIDCToken.Invalid", 400),
        (token(aud="another"), "AuthenticationFail.OIDCToken.Invalid", 400),
        (token()[:-8] + "AAAAAAAA", "AuthenticationFail.OIDCToken.Invalid", 400),
        ("a.b.c", "AuthenticationFail.OIDCToken.Invalid", 400),
        (token(sub="repo:stranger/fork:main"), "NoPermission", 403),
    ):
        with refused(code, status):
            with_token(root, account, role, wrong)
    with refused("NoPermission", 403):
        with_token(root, account, new_name(), token())


def trusting_ci(account):
    """Returns a trust policy for one repository of the provider."""
    condition = {"StringEquals": {"oidc:aud": AUDIENCE, "oidc:sub": SUBJECT}}
    return trust(condition, Federated=[f"acs:ram::{account}:oidc-provider/ci"])


def with_token(person, account, role, token):
    """Calls AssumeRoleWithOIDC. Some clients sign the request, but the signer is irrelevant."""
    return person.sts(
        "AssumeRoleWithOIDC",
        RoleArn=f"acs:ram::{account}:role/{role}",
        OIDCProviderArn=f"acs:ram::{account}:oidc-provider/ci",
        OIDCToken=token,
        RoleSessionName="build",
    )
