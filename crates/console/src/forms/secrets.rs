//! Forms for secrets, their versions and their policies.

use bulla_wire::{Reply, kms};
use maud::{Markup, html};

use super::control::Control::{Check, Choice, Clearable, Document, Line, Number, SecretArea, Tags};
use super::second::Second;
use super::{Field, Form, Then};
use crate::context::Context;
use crate::layout::{facts, foreign};
use crate::texts::{self, Text, text};
use crate::times::time;

pub(super) const FORMS: &[Form] = &[
    Form::kms("CreateSecret", text("Create a secret", "创建凭据"))
        .about(
            "A password, token or small file that programs read by name, so that it is in no configuration.",
            "密码、令牌或小文件。程序按名称读取，不必写入配置。",
        )
        .fields(&[
            Field::needed("SecretName", texts::NAME, Line),
            Field::needed("VersionId", NEW_VERSION, Line),
            Field::optional("SecretDataType", KIND, Choice(KINDS)),
            Field::needed("SecretData", DATA, SecretArea),
            Field::optional(
                "EncryptionKeyId",
                text(
                    "Key that encrypts the secret: id or alias; if empty, a key of the server",
                    "加密密钥：ID 或别名；留空使用服务器的密钥",
                ),
                Line,
            ),
            Field::optional("Description", texts::DESCRIPTION, Line),
            Field::optional("Tags", texts::TAGS, Tags),
        ])
        .second(Second::Generate("SecretData"))
        .then(Then::Made("secrets", "/SecretName")),
    Form::kms("GetSecretValue", text("Show the value", "查看凭据值"))
        .fields(&[Field::hidden("SecretName"), Field::hidden_optional("VersionId")])
        .then(Then::Shown(value)),
    of_secret("PutSecretValue", text("Store a new version", "存入新版本"))
        .about(
            "The new version becomes current (ACSCurrent), and the current one becomes previous (ACSPrevious).",
            "新版本成为当前版本（ACSCurrent），原来的当前版本成为上一版本（ACSPrevious）。",
        )
        .fields(&[
            NAME,
            Field::needed("VersionId", NEW_VERSION, Line),
            Field::optional("SecretDataType", KIND, Choice(KINDS)),
            Field::needed("SecretData", DATA, SecretArea),
        ])
        .second(Second::Generate("SecretData")),
    of_secret("UpdateSecretVersionStage", text("Move a stage", "移动版本状态"))
        .about(
            "Programs that request no version get the one that ACSCurrent points to.",
            "未指定版本的程序读取的是 ACSCurrent 所指的版本。",
        )
        .fields(&[
            NAME,
            Field::needed("VersionStage", text("Stage", "版本状态"), Line),
            Field::optional("RemoveFromVersion", text("From version", "原版本"), Line),
            Field::optional(
                "MoveToVersion",
                text("To version; empty to remove the stage", "目标版本；留空则移除该状态"),
                Line,
            ),
        ]),
    of_secret("UpdateSecret", text("Change the description", "修改描述"))
        .fields(&[NAME, Field::optional("Description", texts::DESCRIPTION, Clearable)])
        .now("DescribeSecret", &[("Description", "/Description")]),
    of_secret("SetSecretPolicy", text("Edit the policy", "编辑凭据策略"))
        .about(
            "It defines which users and roles may use the secret, in addition to their own policies.",
            "除身份自身的权限策略外，凭据策略还可规定哪些用户和角色能使用此凭据。",
        )
        .fields(&[NAME, Field::needed("Policy", text("Policy (JSON)", "策略内容（JSON）"), Document(POLICY))])
        .now("GetSecretPolicy", &[("Policy", "/Policy")]),
    of_secret("DeleteSecret", text("Delete the secret", "删除凭据"))
        .about(
            "It can be restored during the waiting period, and cannot be read meanwhile.",
            "在等待期内可以恢复，期间任何人都不能读取。",
        )
        .fields(&[
            NAME,
            Field::optional(
                "RecoveryWindowInDays",
                text("Waiting period in days (7 to 30)", "等待天数（7 至 30）"),
                Number,
            ),
            Field::optional(
                "ForceDeleteWithoutRecovery",
                text("Immediately; it cannot be restored", "立即删除，无法恢复"),
                Check,
            ),
        ])
        .confirmed("SecretName")
        .then(Then::List("secrets")),
    of_secret("RestoreSecret", text("Restore the secret", "恢复凭据")),
];

const fn of_secret(action: &'static str, title: Text) -> Form {
    Form::kms(action, title).fields(&[NAME]).then(Then::Of("secrets", "SecretName"))
}

const NAME: Field = Field::hidden("SecretName");
const NEW_VERSION: Text = text("Name of the version", "版本号");
const KIND: Text = text("Kind of value", "凭据值类型");
const KINDS: &[(&str, Text)] = &[
    ("text", text("Text", "文本")),
    ("binary", text("Binary, written as Base64", "二进制（以 Base64 填写）")),
];
const DATA: Text = text("Value", "凭据值");
const POLICY: &str = r#"{
  "Version": "1",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {"RAM": ["acs:ram::{account}:*"]},
      "Action": ["kms:*"],
      "Resource": ["*"]
    }
  ]
}"#;

/// Shows the value of a secret.
fn value(context: &Context<'_>, reply: &Reply) -> Option<Markup> {
    let Reply::Kms(kms::Reply::GetSecretValue(reply)) = reply else { return None };
    let stages = &reply.version_stages.version_stage;
    Some(html! {
        (facts(&context.view, &[
            (texts::SECRET, foreign(&reply.secret_name)),
            (texts::VERSION, html! { (foreign(&reply.version_id)) @for stage in stages { " · " (foreign(stage)) } }),
            (texts::CREATED, time(reply.create_time)),
        ]))
        h2 { (context.text(DATA)) }
        pre tabindex="0" { code { (context.view.secret(reply.secret_data.expose())) } }
    })
}
