"""Creates resources of each kind through the API, for the tests of pages."""

from every_client import FAMILIES
from expect import allow, policy, trust
from person import Person

PASSWORD = "Correct-horse-7"


def furnish(server):
    """Creates keys, aliases, secrets, users and policies. Returns the pages that show most, and the key without material.

    Names have a capital letter or a digit, unlike the segments of pages.
    """
    root = Person(FAMILIES["aliyun-python-sdk"], server, None)
    made, external = keys(root.kms)
    secrets(root.kms)
    people(root)
    others = ["secrets/Db-password", "users/Alice-1", "users/Guest-1", "groups/Auditors-1", "roles/Deployer-1"]
    question = "may?who=user/Alice-1&action=kms:Decrypt&resource=alias/Apollo/WorkKey&tls=no&ip=192.0.2.1"
    return [f"/console/{page}" for page in [*(f"keys/{key}" for key in made), *others, question]], external


def keys(kms):
    """Creates keys of several kinds and states. Returns their ids, the used key's first, and the id of the one without material."""

    def made(**parameters):
        return kms("CreateKey", **parameters)["KeyMetadata"]["KeyId"]

    work = made(Description="信封加密的主密钥, the key of the guide")
    kms("CreateAlias", AliasName="alias/Apollo/WorkKey", KeyId=work)
    kms("TagResource", KeyId=work, Tags='[{"TagKey":"Team","TagValue":"Apollo"}]')
    signs = made(KeySpec="EC_P256", KeyUsage="SIGN/VERIFY", Description="Signs releases")
    unwraps = made(KeySpec="RSA_2048", KeyUsage="ENCRYPT/DECRYPT", Description="Takes what others encrypt")
    authenticates = made(KeySpec="HMAC_SHA256", KeyUsage="SIGN/VERIFY", Description="Authenticates messages")
    external = made(Origin="EXTERNAL", Description="Waits for its material")
    disabled = made(Description="No longer used")
    kms("DisableKey", KeyId=disabled)
    ending = made(Description="On its way out")
    kms("ScheduleKeyDeletion", KeyId=ending, PendingWindowInDays=7)
    return [work, signs, unwraps, authenticates, external, disabled, ending], external


def secrets(kms):
    """Creates a secret with two versions."""
    kms("CreateSecret", SecretName="Db-password", SecretData="first-value-of-it", VersionId="v1")
    kms("PutSecretValue", SecretName="Db-password", SecretData="second-value-of-it", VersionId="v2")


def people(root):
    """Creates a user with everything that a user can have, a group, a role and a policy."""
    ram = root.ram
    ram("CreateUser", UserName="Alice-1", DisplayName="Alice 爱丽丝")
    ram("CreateLoginProfile", UserName="Alice-1", Password=PASSWORD)
    root.server.remember(PASSWORD)
    key = ram("CreateAccessKey", UserName="Alice-1")["AccessKey"]
    root.server.remember(key["AccessKeySecret"])
    ram("CreateUser", UserName="Guest-1", Comments="Without anything")
    ram("CreateGroup", GroupName="Auditors-1", Comments="They see and do not change")
    ram("AddUserToGroup", UserName="Alice-1", GroupName="Auditors-1")
    see = policy(allow(["kms:List*", "kms:Describe*"]))
    ram("CreatePolicy", PolicyName="See-keys-1", PolicyDocument=see, Description="To look at keys")
    ram("AttachPolicyToGroup", PolicyType="Custom", PolicyName="See-keys-1", GroupName="Auditors-1")
    ram("AttachPolicyToUser", PolicyType="System", PolicyName="AliyunKMSReadOnlyAccess", UserName="Alice-1")
    account = trust(RAM=[f"acs:ram::{root.account}:root"])
    ram("CreateRole", RoleName="Deployer-1", AssumeRolePolicyDocument=account, Description="For pipelines")
    ram("AttachPolicyToRole", PolicyType="Custom", PolicyName="See-keys-1", RoleName="Deployer-1")
