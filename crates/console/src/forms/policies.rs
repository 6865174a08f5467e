//! Forms for policies, their attachments, and roles.

use super::control::Control::{Check, Choice, Clearable, Document, Known, Line, Number};
use super::suggest::{GROUPS, POLICIES, ROLES, USERS};
use super::{Field, Form, Then};
use crate::texts::{self, Text, text};

pub(super) const FORMS: &[Form] = &[
    Form::ram("CreatePolicy", text("Create a policy", "创建权限策略"))
        .about(
            "Anything that no statement allows is denied, and a Deny overrides an Allow. See “Privilege escalation” on the next page before you \
             attach it.",
            "语句没有允许的操作一律拒绝，显式拒绝优先。授权之前，请在下一页查看“提权风险”。",
        )
        .fields(&[
            Field::needed("PolicyName", texts::NAME, Line),
            Field::optional("Description", texts::DESCRIPTION, Line),
            Field::needed("PolicyDocument", DOCUMENT, Document(IDENTITY)),
        ])
        .then(Then::Made("policies/Custom", "/Policy/PolicyName")),
    Form::ram("CreatePolicyVersion", text("Edit as a new version", "编辑为新版本"))
        .fields(&[
            Field::hidden("PolicyName"),
            Field::needed("PolicyDocument", DOCUMENT, Document(IDENTITY)),
            Field::optional(
                "SetAsDefault",
                text("In force at once (default version)", "立即生效（设为默认版本）"),
                Check,
            ),
            Field::optional(
                "RotateStrategy",
                text("If the limit of versions is reached", "版本数已达上限时"),
                Choice(STRATEGIES),
            ),
        ])
        .now("GetPolicy", &[("PolicyDocument", "/DefaultPolicyVersion/PolicyDocument")])
        .then(OF_POLICY),
    Form::ram("SetDefaultPolicyVersion", text("Put the version in force", "设为默认版本"))
        .about(
            "Users, groups and roles with the policy get the rights of this version from the next request on.",
            "拥有该策略的所有身份从下一个请求起按此版本授权。",
        )
        .fields(VERSION)
        .then(OF_POLICY),
    Form::ram("DeletePolicyVersion", text("Delete the version", "删除版本")).fields(VERSION).then(OF_POLICY),
    Form::ram("UpdatePolicyDescription", text("Change the description", "修改描述"))
        .fields(&[
            Field::hidden("PolicyName"),
            Field::needed("NewDescription", texts::DESCRIPTION, Line),
        ])
        .now("GetPolicy", &[("NewDescription", "/Policy/Description")])
        .then(OF_POLICY),
    Form::ram("DeletePolicy", text("Delete the policy", "删除权限策略"))
        .about(
            "First detach it from all users, groups and roles.",
            "删除前请先解除所有授权。",
        )
        .fields(&[
            Field::hidden("PolicyName"),
            Field::optional("CascadingDelete", text("With all its versions", "同时删除所有版本"), Check),
        ])
        .confirmed("PolicyName")
        .then(Then::List("policies")),
    attach("AttachPolicyToUser", text("Attach a policy", "添加权限策略"), USER_AND_POLICY, OF_USER),
    attach("DetachPolicyFromUser", text("Detach the policy", "移除权限策略"), USER_AND_POLICY, OF_USER),
    attach("AttachPolicyToGroup", text("Attach a policy", "添加权限策略"), GROUP_AND_POLICY, OF_GROUP),
    attach("DetachPolicyFromGroup", text("Detach the policy", "移除权限策略"), GROUP_AND_POLICY, OF_GROUP),
    attach("AttachPolicyToRole", text("Attach a policy", "添加权限策略"), ROLE_AND_POLICY, OF_ROLE),
    attach("DetachPolicyFromRole", text("Detach the policy", "移除权限策略"), ROLE_AND_POLICY, OF_ROLE),
    Form::ram("CreateRole", text("Create a role", "创建角色"))
        .about(
            "The trust policy defines who may assume the role. Policies that you attach later define what its sessions may do.",
            "信任策略规定谁可以扮演此角色；角色的会话能做什么，由之后添加的权限策略决定。",
        )
        .fields(&[
            Field::needed("RoleName", texts::NAME, Line),
            Field::optional("Description", texts::DESCRIPTION, Line),
            Field::optional("MaxSessionDuration", DURATION, Number),
            Field::needed("AssumeRolePolicyDocument", TRUST_POLICY, Document(TRUST)),
        ])
        .then(Then::Made("roles", "/Role/RoleName")),
    Form::ram("UpdateRole", text("Edit the role and its trust policy", "编辑角色和信任策略"))
        .fields(&[
            Field::hidden("RoleName"),
            Field::optional("NewDescription", texts::DESCRIPTION, Clearable),
            Field::optional("NewMaxSessionDuration", DURATION, Number),
            Field::needed("NewAssumeRolePolicyDocument", TRUST_POLICY, Document(TRUST)),
            Field::optional("EndSessions", text("End all its sessions now", "立即结束该角色的所有会话"), Check),
        ])
        .now(
            "GetRole",
            &[
                ("NewDescription", "/Role/Description"),
                ("NewMaxSessionDuration", "/Role/MaxSessionDuration"),
                ("NewAssumeRolePolicyDocument", "/Role/AssumeRolePolicyDocument"),
            ],
        )
        .then(OF_ROLE),
    Form::ram("DeleteRole", text("Delete the role", "删除角色"))
        .about(
            "First detach its policies. Its sessions end at once.",
            "该角色的会话立即结束。删除前请先移除其权限策略。",
        )
        .fields(&[Field::hidden("RoleName")])
        .confirmed("RoleName")
        .then(Then::List("roles")),
];

const fn attach(action: &'static str, title: Text, fields: &'static [Field], then: Then) -> Form {
    Form::ram(action, title).fields(fields).then(then)
}

const OF_POLICY: Then = Then::Of("policies/Custom", "PolicyName");
const OF_USER: Then = Then::Of("users", "UserName");
const OF_GROUP: Then = Then::Of("groups", "GroupName");
const OF_ROLE: Then = Then::Of("roles", "RoleName");

const VERSION: &[Field] = &[Field::hidden("PolicyName"), Field::needed("VersionId", texts::VERSION, Line)];
const TYPE: Field = Field::needed("PolicyType", texts::TYPE, Choice(TYPES));
const NAME: Field = Field::needed("PolicyName", text("Policy", "权限策略"), Known(POLICIES));
const USER: Field = Field::needed("UserName", texts::USER_NAME, Known(USERS));
const GROUP: Field = Field::needed("GroupName", text("Group", "用户组"), Known(GROUPS));
const ROLE: Field = Field::needed("RoleName", text("Role", "角色"), Known(ROLES));
const USER_AND_POLICY: &[Field] = &[USER, TYPE, NAME];
const GROUP_AND_POLICY: &[Field] = &[GROUP, TYPE, NAME];
const ROLE_AND_POLICY: &[Field] = &[ROLE, TYPE, NAME];

const DOCUMENT: Text = text("Policy (JSON)", "策略内容（JSON）");
const TRUST_POLICY: Text = text("Trust policy (JSON)", "信任策略（JSON）");
const DURATION: Text =
    text("Longest session in seconds (3600 to 43200)", "最大会话时间，单位秒（3600 至 43200）");
const TYPES: &[(&str, Text)] =
    &[("Custom", text("Custom", "自定义策略")), ("System", text("System", "系统策略"))];
const STRATEGIES: &[(&str, Text)] = &[
    ("None", text("Refuse", "拒绝")),
    (
        "DeleteOldestNonDefaultVersionWhenLimitExceeded",
        text("Delete the oldest one that is not in force", "删除最早的非默认版本"),
    ),
];

const IDENTITY: &str = r#"{
  "Version": "1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"],
      "Resource": "acs:kms:*:{account}:key/*"
    }
  ]
}"#;
const TRUST: &str = r#"{
  "Version": "1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": "sts:AssumeRole",
      "Principal": {"RAM": ["acs:ram::{account}:root"]}
    }
  ]
}"#;
