//! Messages about invalid questions.

use bulla_kms::{NoPolicyAction, NoQuestion, NoResource};
use maud::{Markup, html};

use super::fields::FieldFault;
use crate::context::Context;
use crate::layout::foreign;
use crate::texts::{Text, text};

pub(super) fn of_field(context: &Context<'_>, fault: FieldFault) -> Markup {
    let words = match fault {
        FieldFault::Address => {
            text("Write the address as an IP address, such as 192.0.2.1.", "请填写 IP 地址，例如 192.0.2.1。")
        }
        FieldFault::Time => {
            text("Write the time as 2026-01-31T12:30, in UTC.", "请按 2026-01-31T12:30 的格式填写 UTC 时间。")
        }
        FieldFault::EncryptionContext => text(
            "Write the encryption context as a JSON object whose values are texts.",
            "请将加密上下文写成 JSON 对象，其值均为字符串。",
        ),
    };
    problem(context, words, None)
}

pub(super) fn of_question(context: &Context<'_>, fault: &NoQuestion) -> Markup {
    match fault {
        NoQuestion::Who => problem(context, WHO, None),
        NoQuestion::Action(fault) => problem(context, of_action(*fault), None),
        NoQuestion::Resource(NoResource::Only(only)) => problem(context, ONLY, Some(only)),
        NoQuestion::Resource(fault) => problem(context, of_resource(*fault), None),
        NoQuestion::SessionPolicy(error) => problem(context, SESSION_POLICY, Some(&error.to_string())),
        NoQuestion::SessionOfUser => problem(context, SESSION_OF_USER, None),
    }
}

fn of_action(fault: NoPolicyAction) -> Text {
    match fault {
        NoPolicyAction::NoProduct => text(
            "Write the action as policies do, such as kms:Decrypt.",
            "请按策略中的写法填写操作，例如 kms:Decrypt。",
        ),
        NoPolicyAction::UnknownProduct => text(
            "Actions begin with kms:, ram:, sts: or actiontrail:.",
            "操作以 kms:、ram:、sts: 或 actiontrail: 开头。",
        ),
        NoPolicyAction::Unknown(_) => text(
            "There is no such action. The field suggests all of them.",
            "没有这个操作。输入框会提示所有操作。",
        ),
        NoPolicyAction::FromAndTo => text(
            "No policy decides about kms:ReEncrypt: it needs kms:ReEncryptFrom on the source key, and kms:ReEncryptTo on \
             the destination key.",
            "没有策略针对 kms:ReEncrypt：它需要源密钥的 kms:ReEncryptFrom 权限和目标密钥的 kms:ReEncryptTo 权限。",
        ),
        NoPolicyAction::EachSecret => text(
            "No policy decides about kms:BatchGetSecretValue: it needs kms:GetSecretValue on each secret.",
            "没有策略针对 kms:BatchGetSecretValue：它需要每个凭据的 kms:GetSecretValue 权限。",
        ),
        NoPolicyAction::DescribeKey => text(
            "No policy decides about kms:DescribeKeyUses: it needs kms:DescribeKey on the key.",
            "没有策略针对 kms:DescribeKeyUses：它需要密钥的 kms:DescribeKey 权限。",
        ),
        NoPolicyAction::DescribeKeyAndBackups => text(
            "No policy decides about kms:DescribeKeyBackups: it needs kms:DescribeKey on the key, and kms:DescribeBackups.",
            "没有策略针对 kms:DescribeKeyBackups：它需要密钥的 kms:DescribeKey 权限和 kms:DescribeBackups 权限。",
        ),
        NoPolicyAction::EveryCaller => text(
            "Every caller with a valid signature may do that, regardless of policies.",
            "任何签名有效的调用者都可以执行该操作，与策略无关。",
        ),
        NoPolicyAction::TrustAlone => text(
            "No user or role sends sts:AssumeRoleWithOIDC: only the trust policy of the role decides.",
            "用户和角色不会调用 sts:AssumeRoleWithOIDC：仅由角色的信任策略决定。",
        ),
    }
}

fn of_resource(fault: NoResource) -> Text {
    match fault {
        NoResource::Missing => {
            text("Name the resource that the action is about.", "请填写该操作针对的资源。")
        }
        NoResource::Only(_) => ONLY,
        NoResource::Pattern => text(
            "Name one resource, or all of a kind as key/*: a request names no other pattern.",
            "请填写单个资源，或用 key/* 表示某一类的全部资源：请求中不会出现其他通配符。",
        ),
        NoResource::Unclear => text(
            "Name the kind of the resource, too: user/NAME, group/NAME, role/NAME, policy/NAME or system/NAME.",
            "请注明资源类型：user/名称、group/名称、role/名称、policy/名称 或 system/名称。",
        ),
        NoResource::OtherKind => {
            text("The action is not about resources of this kind.", "该操作不针对这一类资源。")
        }
        NoResource::Elsewhere => text(
            "This ARN belongs to another account, region or service, so no resource here has it.",
            "此 ARN 属于其他账号、地域或服务，这里没有对应的资源。",
        ),
    }
}

fn problem(context: &Context<'_>, words: Text, detail: Option<&str>) -> Markup {
    html! {
        div.problem role="alert" {
            p { (context.text(words)) @if let Some(detail) = detail { code lang="en" { (foreign(detail)) } } }
        }
    }
}

const WHO: Text = text(
    "Name the caller: user/NAME or role/NAME. For a group, name one of its users.",
    "请填写请求的发送者：user/名称 或 role/名称。对于用户组，请填写其中的一个用户。",
);
const ONLY: Text = text(
    "The action is about no single resource. Leave the resource empty: it is ",
    "该操作不针对单个资源，请将资源留空。其资源为 ",
);
const SESSION_POLICY: Text = text("The policy of the session is wrong: ", "会话策略有误：");
const SESSION_OF_USER: Text = text(
    "Only a session of a role has a policy of its own. Clear that field, or check the role.",
    "只有角色的会话才有会话策略。请清空该字段，或改为检查角色。",
);
