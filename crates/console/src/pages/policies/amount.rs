//! Privilege escalation: the statements of a policy that let its holder gain or grant permissions that they do not name.

use bulla_access::{Finding, Policy, PolicyKind, check};
use bulla_wire::ram::PolicyType;
use maud::{Markup, html};

use crate::context::Context;
use crate::pages::parts::line_number;
use crate::texts::{self, Language, text};

pub(super) fn show(context: &Context<'_>, policy_type: PolicyType, document: &str) -> Markup {
    let kind = match policy_type {
        PolicyType::System => PolicyKind::System,
        PolicyType::Custom => PolicyKind::Identity,
    };
    let policy = Policy::parse(kind, context.kms.account(), document);
    let title = text("Privilege escalation", "提权风险");
    html! {
        h2 { (context.text(title)) }
        @match &policy {
            Ok(policy) => (findings(context, &check(policy))),
            Err(error) => p { (error) }, // only a document that a later version wrote
        }
    }
}

fn findings(context: &Context<'_>, findings: &[Finding]) -> Markup {
    let none = text(
        "No statement allows privilege escalation: users and roles with this policy can do what it names, and cannot get more.",
        "没有可用于提权的语句：拥有此策略的身份只能执行策略列出的操作，无法获得更多权限。",
    );
    let some = text(
        "Users and roles with this policy can gain or grant rights that it does not name:",
        "拥有此策略的身份可以借此获得或授予策略之外的权限：",
    );
    html! {
        @if findings.is_empty() {
            p { (context.text(none)) }
        } @else {
            p { (context.text(some)) }
            ul {
                @for finding in findings {
                    li {
                        (line_number(context, finding.statement.line)) (context.text(texts::COLON))
                        code { (finding.action) } " " (effect(context.view.language, finding.effect))
                    }
                }
            }
        }
    }
}

/// Shows the effect of a finding in the language of the page.
fn effect(language: Language, english: &str) -> Markup {
    match language {
        Language::English => html! { (english) },
        Language::Chinese => match chinese(english) {
            Some(chinese) => html! { (chinese) },
            None => html! { span lang="en" { (english) } },
        },
    }
}

/// Returns the effect of a finding in Chinese.
fn chinese(effect: &str) -> Option<&'static str> {
    EFFECTS.iter().find(|(english, _)| *english == effect).map(|(_, chinese)| *chinese)
}

const EFFECTS: &[(&str, &str)] = &[
    (
        "allows every action, including granting any right to any caller",
        "允许所有操作，因而可以向任何身份授予任何权限",
    ),
    (
        "is another name of an action that NotAction lists: without it, the action is not left out",
        "是 NotAction 所列操作的另一个名称：不同时列出它，该操作就没有被排除",
    ),
    ("decides who may use a key", "可以决定谁能使用密钥"),
    ("decides who may read a secret", "可以决定谁能读取凭据"),
    (
        "grants any caller any right on the new key, with its Policy",
        "可以用新密钥的 Policy 参数向任何身份授予对该密钥的任何权限",
    ),
    (
        "grants any caller any right on the new secret, with its Policy",
        "可以用新凭据的 Policy 参数向任何身份授予对该凭据的任何权限",
    ),
    (
        "exports data keys, encrypted for a key pair of the caller",
        "可以导出数据密钥，并以调用者自己的密钥对加密",
    ),
    (
        "moves data to another key, which the caller may be able to use",
        "可以把数据转为由另一个密钥加密，而调用者可能有权使用那个密钥",
    ),
    (
        "moves an alias to another key, for every caller who uses the alias",
        "可以让别名指向另一个密钥，影响所有使用该别名的调用者",
    ),
    (
        "sets tags, which conditions of other policies may read",
        "可以设置标签，而其他策略的条件可能依据标签判断",
    ),
    (
        "removes tags, which conditions of other policies may read",
        "可以移除标签，而其他策略的条件可能依据标签判断",
    ),
    ("gives a user any policy", "可以向用户授予任何策略"),
    ("gives a group any policy", "可以向用户组授予任何策略"),
    ("gives a role any policy", "可以向角色授予任何策略"),
    ("takes a policy from a user, also one that denies", "可以移除用户的策略，包括含有拒绝语句的策略"),
    ("takes a policy from a group, also one that denies", "可以移除用户组的策略，包括含有拒绝语句的策略"),
    ("takes a policy from a role, also one that denies", "可以移除角色的策略，包括含有拒绝语句的策略"),
    ("gives a user the rights of a group", "可以让用户获得用户组的权限"),
    (
        "takes the policies of a group from a user, also those that deny",
        "可以让用户失去用户组的策略，包括含有拒绝语句的策略",
    ),
    ("changes what a policy allows", "可以改变策略允许的内容"),
    ("changes what a policy allows, to an earlier version", "可以让策略恢复为先前版本的内容"),
    ("decides who may assume a role", "可以决定谁能扮演角色"),
    (
        "makes the caller act as the user, if it is another one",
        "可以让调用者以该用户的身份操作（如果是另一个用户）",
    ),
    (
        "makes the caller sign in as the user, if it is another one",
        "可以让调用者以该用户的身份登录（如果是另一个用户）",
    ),
    ("decides which device proves the second factor of a user", "可以决定由哪个设备验证用户的第二因素"),
    ("takes the second factor from a user", "可以移除用户的第二因素"),
    ("gives the rights of every role that trusts the caller", "可以获得所有信任调用者的角色的权限"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_effect_of_a_finding_is_in_chinese() {
        let effects = |statement: &str| {
            let document =
                format!(r#"{{"Version":"1","Statement":[{{"Effect":"Allow",{statement},"Resource":"*"}}]}}"#);
            let policy = Policy::parse(PolicyKind::Identity, "1", &document).unwrap();
            check(&policy).into_iter().map(|finding| finding.effect).collect::<Vec<_>>()
        };
        // A statement with all grants is a single finding, so they are checked in parts.
        let [one, all] = [r#""Action":"kms:SetKeyPolicy""#, r#""Action":"*""#].map(effects);
        let others = effects(r#""NotAction":["kms:SetKeyPolicy","kms:TagResource"]"#);
        assert!(one.len() == 1 && all.len() == 1 && others.len() > 20, "{others:?}");
        for effect in one.into_iter().chain(all).chain(others) {
            assert!(chinese(effect).is_some(), "{effect}");
        }
    }
}
