"""The life of policies, and their effect on users of keys, with every family of official clients that supports RAM."""

import json

import pytest

from expect import NO_KEY, allow, deny, every_marked, new_name, policy, refused

DENIED = ("Forbidden.NoPermission", 403)
WORDS = "You are not authorized to do this action. Resource: {} Action: {}"


@pytest.fixture
def key(root):
    """A key of root's, with its ARN."""
    metadata = root.kms("CreateKey")["KeyMetadata"]
    return metadata["KeyId"], metadata["Arn"]


# Policies and their versions


def test_policies(root):
    name = new_name()
    document = policy(allow("kms:DescribeKey"))
    created = root.ram("CreatePolicy", PolicyName=name, PolicyDocument=document, Description="销售 & co.")["Policy"]
    expected = {"PolicyName": name, "PolicyType": "Custom", "DefaultVersion": "v1", "Description": "销售 & co."}
    assert created | expected == created
    with refused("EntityAlreadyExists.Policy", 409, "The policy does already EXIST."):
        root.ram("CreatePolicy", PolicyName=name, PolicyDocument=document)
    got = root.ram("GetPolicy", PolicyName=name, PolicyType="Custom")
    assert got["Policy"] | expected | {"AttachmentCount": 0} == got["Policy"]
    assert got["DefaultPolicyVersion"]["IsDefaultVersion"] is True
    assert json.loads(got["DefaultPolicyVersion"]["PolicyDocument"]) == json.loads(document)
    root.ram("UpdatePolicyDescription", PolicyName=name, NewDescription="renewed")
    listed = every_marked(root.ram, "ListPolicies", "Policies", PolicyType="Custom", MaxItems=100)
    [entry] = [entry for entry in listed if entry["PolicyName"] == name]
    assert entry["Description"] == "renewed"
    root.ram("DeletePolicy", PolicyName=name)
    with refused("EntityNotExist.Policy", 404, "The policy does not exist."):
        root.ram("GetPolicy", PolicyName=name, PolicyType="Custom")


def test_system_policies(root):
    listed = every_marked(root.ram, "ListPolicies", "Policies", PolicyType="System", MaxItems=100)
    names = {entry["PolicyName"] for entry in listed}
    assert {"AdministratorAccess", "AliyunKMSFullAccess", "AliyunKMSCryptoUserAccess"} <= names
    got = root.ram("GetPolicy", PolicyName="AdministratorAccess", PolicyType="System")
    [statement] = json.loads(got["DefaultPolicyVersion"]["PolicyDocument"])["Statement"]
    assert (statement["Effect"], statement["Action"], statement["Resource"]) == ("Allow", "*", "*")
    with refused("EntityNotExist.Policy", 404):
        root.ram("DeletePolicy", PolicyName="AdministratorAccess")


def test_wrong_policies(root):
    name = new_name()
    for document in (
        "{",
        policy(),
        policy(allow("kms:*") | {"NotResource": "*"}),
        policy(allow("kms:*") | {"Principal": {"RAM": ["acs:ram::1:root"]}}),
        policy(allow("kms:*", Condition={"StringAlmost": {"acs:SourceIp": "10.0.0.1"}})),
        policy(allow("kms:*", Condition={"StringEquals": {"acs:Moon": "full"}})),
    ):
        with refused("MalformedPolicyDocument", 400):
            root.ram("CreatePolicy", PolicyName=name, PolicyDocument=document)
    with refused("MissingParameter", 400, "Parameter PolicyDocument is required."):
        root.ram("CreatePolicy", PolicyName=name)
    with refused("InvalidParameter.PolicyName.InvalidChars", 400):
        root.ram("CreatePolicy", PolicyName="a_b", PolicyDocument=policy(allow("kms:*")))
    with refused("InvalidParameter.PolicyType", 400, 'The parameter - "PolicyType" is incorrect.'):
        root.ram("GetPolicy", PolicyName=name, PolicyType="Homemade")


def test_policy_versions(root, staff):
    name = staff.policy(allow("kms:ListKeys"))
    for number in range(2, 6):
        document = policy(allow("kms:ListKeys", f"acs:kms:*:*:key/{number}"))
        version = root.ram("CreatePolicyVersion", PolicyName=name, PolicyDocument=document)["PolicyVersion"]
        assert (version["VersionId"], version["IsDefaultVersion"]) == (f"v{number}", False)
    another = {"PolicyName": name, "PolicyDocument": policy(allow("kms:ListAliases"))}
    with refused("LimitExceeded.Policy.Version", 409, "The count of policy version beyond the current limits."):
        root.ram("CreatePolicyVersion", **another)
    with refused("DeleteConflict.Policy.Version.Default", 409, "The default policy version CAN NOT been deleted"):
        root.ram("DeletePolicyVersion", PolicyName=name, VersionId="v1")
    with refused("DeleteConflict.Policy.Version", 409, "The policy CAN NOT has any version except the default"):
        root.ram("DeletePolicy", PolicyName=name)

    root.ram("SetDefaultPolicyVersion", PolicyName=name, VersionId="v3")
    root.ram("DeletePolicyVersion", PolicyName=name, VersionId="v1")
    version = root.ram("CreatePolicyVersion", **another, SetAsDefault=True)["PolicyVersion"]
    assert (version["VersionId"], version["IsDefaultVersion"]) == ("v6", True)
    listed = root.ram("ListPolicyVersions", PolicyType="Custom", PolicyName=name)["PolicyVersions"]
    defaults = {entry["VersionId"]: entry["IsDefaultVersion"] for entry in listed}
    assert defaults == {"v2": False, "v3": False, "v4": False, "v5": False, "v6": True}
    got = root.ram("GetPolicyVersion", PolicyType="Custom", PolicyName=name, VersionId="v2")["PolicyVersion"]
    assert json.loads(got["PolicyDocument"])["Statement"][0]["Resource"] == "acs:kms:*:*:key/2"
    with refused("EntityNotExist.Policy.Version", 404, "The policy version does not exist."):
        root.ram("SetDefaultPolicyVersion", PolicyName=name, VersionId="v1")
    with refused("InvalidParameter.VersionId.Format", 400):
        root.ram("SetDefaultPolicyVersion", PolicyName=name, VersionId="first")


@pytest.mark.parametrize("kind", ["User", "Group", "Role"])
def test_attachments(root, staff, kind):
    name = staff.policy(allow("kms:ListKeys"))
    owner = owner_of(staff, kind, root)
    given = {"PolicyType": "Custom", "PolicyName": name}
    place = {f"{kind}Name": owner}
    root.ram(f"AttachPolicyTo{kind}", **given, **place)
    root.ram(f"AttachPolicyTo{kind}", PolicyType="System", PolicyName="ReadOnlyAccess", **place)
    with refused(f"EntityAlreadyExists.{kind}.Policy", 409, "has already been attached this policy."):
        root.ram(f"AttachPolicyTo{kind}", **given, **place)
    listed = root.ram(f"ListPoliciesFor{kind}", **place)["Policies"]
    attached = {(entry["PolicyType"], entry["PolicyName"]) for entry in listed}
    assert attached == {("Custom", name), ("System", "ReadOnlyAccess")}
    entities = root.ram("ListEntitiesForPolicy", **given)
    assert [entity[f"{kind}Name"] for entity in entities[f"{kind}s"]] == [owner]
    assert sum(len(entities[f"{other}s"]) for other in ("User", "Group", "Role")) == 1
    assert root.ram("GetPolicy", **given)["Policy"]["AttachmentCount"] == 1
    with refused(f"DeleteConflict.Policy.{kind}", 409, "The policy CAN NOT been attached to any"):
        root.ram("DeletePolicy", PolicyName=name)
    with refused(f"DeleteConflict.{kind}.Policy", 409, "CAN NOT has any attached policy while deleting"):
        root.ram(f"Delete{kind}", **place)
    root.ram(f"DetachPolicyFrom{kind}", **given, **place)
    with refused(f"EntityNotExist.{kind}.Policy", 404):
        root.ram(f"DetachPolicyFrom{kind}", **given, **place)
    with refused("EntityNotExist.Policy", 404, "The policy does not exist."):
        root.ram(f"AttachPolicyTo{kind}", **given | {"PolicyName": new_name()}, **place)
    with refused(f"EntityNotExist.{kind}", 404):
        root.ram(f"AttachPolicyTo{kind}", **given, **{f"{kind}Name": new_name()})


def owner_of(staff, kind, root):
    """Creates a user, group or role."""
    if kind == "Role":
        return staff.role(policy(trusting(root.account)))
    return staff.user() if kind == "User" else staff.group()


def trusting(account):
    """Returns a statement that lets the users of an account assume a role."""
    principal = {"RAM": [f"acs:ram::{account}:root"]}
    return {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}


# Their effect


def test_a_user_may_use_one_key(root, staff, key):
    key_id, arn = key
    other, other_arn = root.kms("CreateKey")["KeyMetadata"]["KeyId"], arn.rsplit("/", 1)[0]
    user, alice = staff.caller()
    for action in ("Encrypt", "Decrypt"):
        with refused(*DENIED):
            use(alice, action, key_id, root)
    given = staff.grant("User", user, allow(["kms:Encrypt", "kms:Decrypt"], arn))
    assert use(alice, "Decrypt", key_id, root) == "c2VjcmV0"
    assert use(alice, "Encrypt", key_id, root)
    for unknown in (other, NO_KEY):  # the same message for an existing and a missing key
        with refused(*DENIED, f"This operation for {other_arn}/{unknown} is forbidden by permission system."):
            alice.kms("Encrypt", KeyId=unknown, Plaintext="c2VjcmV0")
    for action, parameters in (("DescribeKey", {"KeyId": key_id}), ("CreateKey", {}), ("ListKeys", {})):
        with refused(*DENIED):
            alice.kms(action, **parameters)

    root.ram("DetachPolicyFromUser", PolicyType="Custom", PolicyName=given, UserName=user)
    with refused(*DENIED):
        use(alice, "Decrypt", key_id, root)


def use(person, action, key_id, root):
    """Calls Encrypt or Decrypt, and returns the result."""
    if action == "Encrypt":
        return person.kms("Encrypt", KeyId=key_id, Plaintext="c2VjcmV0")["CiphertextBlob"]
    blob = root.kms("Encrypt", KeyId=key_id, Plaintext="c2VjcmV0")["CiphertextBlob"]
    return person.kms("Decrypt", CiphertextBlob=blob)["Plaintext"]


def test_a_group_gives_its_members_rights(root, staff, key):
    key_id, arn = key
    user, alice = staff.caller()
    group = staff.group()
    staff.grant("Group", group, allow("kms:Encrypt", arn))
    with refused(*DENIED):
        use(alice, "Encrypt", key_id, root)
    root.ram("AddUserToGroup", UserName=user, GroupName=group)
    assert use(alice, "Encrypt", key_id, root)
    root.ram("RemoveUserFromGroup", UserName=user, GroupName=group)
    with refused(*DENIED):
        use(alice, "Encrypt", key_id, root)


def test_an_explicit_deny_wins(root, staff, key):
    key_id, arn = key
    user, alice = staff.caller(allow("kms:*"))
    assert use(alice, "Encrypt", key_id, root)
    group = staff.group()
    staff.grant("Group", group, deny("kms:Encrypt", arn))
    root.ram("AddUserToGroup", UserName=user, GroupName=group)
    with refused(*DENIED):
        use(alice, "Encrypt", key_id, root)
    assert use(alice, "Decrypt", key_id, root) == "c2VjcmV0"


def test_the_default_version_counts(root, staff):
    user, alice = staff.caller()
    name = staff.grant("User", user, allow("kms:ListAliases"))
    with refused(*DENIED):
        alice.kms("ListKeys")
    document = policy(allow("kms:ListKeys"))
    root.ram("CreatePolicyVersion", PolicyName=name, PolicyDocument=document)
    with refused(*DENIED):
        alice.kms("ListKeys")
    root.ram("SetDefaultPolicyVersion", PolicyName=name, VersionId="v2")
    assert "Keys" in alice.kms("ListKeys")


def test_a_read_only_user(root, staff, key):
    user, alice = staff.caller()
    root.ram("AttachPolicyToUser", PolicyType="System", PolicyName="ReadOnlyAccess", UserName=user)
    assert alice.kms("DescribeKey", KeyId=key[0])["KeyMetadata"]["KeyId"] == key[0]
    assert alice.ram("GetUser", UserName=user)["User"]["UserName"] == user
    with refused("EntityNotExist.User", 404):  # a caller who may read all users learns which exist
        alice.ram("GetUser", UserName=new_name())
    for action in ("Encrypt", "Decrypt"):
        with refused(*DENIED):
            use(alice, action, key[0], root)
    resource = f"acs:ram:*:{root.account}:user/{user}"
    with refused("NoPermission", 403, WORDS.format(resource, "ram:CreateAccessKey")):
        alice.ram("CreateAccessKey", UserName=user)


def test_attaching_needs_the_right_on_both(root, staff):
    account, target = root.account, staff.user()
    given = staff.policy(allow("*"))
    user_arn = f"acs:ram:*:{account}:user/{target}"
    policy_arn = f"acs:ram:*:{account}:policy/{given}"
    name, alice = staff.caller(allow("ram:AttachPolicyToUser", user_arn))
    attach = {"PolicyType": "Custom", "PolicyName": given, "UserName": target}
    with refused("NoPermission", 403, WORDS.format(policy_arn, "ram:AttachPolicyToUser")):
        alice.ram("AttachPolicyToUser", **attach)
    staff.grant("User", name, allow("ram:AttachPolicyToUser", policy_arn))
    alice.ram("AttachPolicyToUser", **attach)
    assert root.ram("ListPoliciesForUser", UserName=target)["Policies"][0]["PolicyName"] == given
