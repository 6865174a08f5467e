"""What a server holds whose pages are looked at: something of each kind, made through the API."""

from every_client import FAMILIES
from expect import allow, policy, trust
from person import Person

PASSWORD = "Correct-horse-7"


def furnish(server):
    """Makes keys, aliases, secrets, people and policies; the pages of those that show most.

    Names have a capital or a digit, unlike the pages'.
    """
    root = Person(FAMILIES["aliyun-python-sdk"], server, None)
    work_key = keys(root.kms)
    secrets(root.kms)
    people(root)
    shown = {"keys": work_key, "secrets": "Db-password", "users": "Alice-1", "groups": "Auditors-1", "roles": "Deployer-1"}
    return [f"/console/{collection}/{name}" for collection, name in shown.items()]


def keys(kms):
    """Keys of several kinds and states; the id of the one that is in use."""
    work = kms("CreateKey", Description="信封加密的主密钥, the key of the guide")["KeyMetadata"]["KeyId"]
    kms("CreateAlias", AliasName="alias/Apollo/WorkKey", KeyId=work)
    kms("TagResource", KeyId=work, Tags='[{"TagKey":"Team","TagValue":"Apollo"}]')
    kms("CreateKey", KeySpec="RSA_2048", KeyUsage="SIGN/VERIFY", Description="Signs releases")
    kms("CreateKey", Origin="EXTERNAL", Description="Waits for its material")
    disabled = kms("CreateKey", Description="Not used any more")["KeyMetadata"]["KeyId"]
    kms("DisableKey", KeyId=disabled)
    ending = kms("CreateKey", Description="On its way out")["KeyMetadata"]["KeyId"]
    kms("ScheduleKeyDeletion", KeyId=ending, PendingWindowInDays=7)
    return work


def secrets(kms):
    """A secret with two versions."""
    kms("CreateSecret", SecretName="Db-password", SecretData="first-value-of-it", VersionId="v1")
    kms("PutSecretValue", SecretName="Db-password", SecretData="second-value-of-it", VersionId="v2")


def people(root):
    """A user with everything that a user can have, a group, a role and a policy."""
    ram = root.ram
    ram("CreateUser", UserName="Alice-1", DisplayName="Alice 爱丽丝")
    ram("CreateLoginProfile", UserName="Alice-1", Password=PASSWORD)
    root.server.remember(PASSWORD)
    key = ram("CreateAccessKey", UserName="Alice-1")["AccessKey"]
    root.server.remember(key["AccessKeySecret"])
    ram("CreateGroup", GroupName="Auditors-1", Comments="They see and do not change")
    ram("AddUserToGroup", UserName="Alice-1", GroupName="Auditors-1")
    see = policy(allow(["kms:List*", "kms:Describe*"]))
    ram("CreatePolicy", PolicyName="See-keys-1", PolicyDocument=see, Description="To look at keys")
    ram("AttachPolicyToGroup", PolicyType="Custom", PolicyName="See-keys-1", GroupName="Auditors-1")
    ram("AttachPolicyToUser", PolicyType="System", PolicyName="AliyunKMSReadOnlyAccess", UserName="Alice-1")
    account = trust(RAM=[f"acs:ram::{root.account}:root"])
    ram("CreateRole", RoleName="Deployer-1", AssumeRolePolicyDocument=account, Description="For pipelines")
    ram("AttachPolicyToRole", PolicyType="Custom", PolicyName="See-keys-1", RoleName="Deployer-1")
