//! What a policy amounts to: the statements whose holder can give itself, or others, more than they name.

use bulla_access::{Finding, Policy, PolicyKind, check};
use bulla_wire::ram::PolicyType;
use maud::{Markup, html};

use crate::context::Context;
use crate::texts::text;

pub(super) fn show(context: &Context<'_>, policy_type: PolicyType, document: &str) -> Markup {
    let kind = match policy_type {
        PolicyType::System => PolicyKind::System,
        PolicyType::Custom => PolicyKind::Identity,
    };
    let policy = Policy::parse(kind, context.kms.account(), document);
    let title = text("What it amounts to", "实际影响");
    html! {
        h2 { (context.say(title)) }
        @match &policy {
            Ok(policy) => (findings(context, &check(policy))),
            Err(error) => p { (error) }, // only a document of a later version
        }
    }
}

fn findings(context: &Context<'_>, findings: &[Finding]) -> Markup {
    let none = text(
        "No statement amounts to granting: who has this policy can do what it names, and cannot get more.",
        "没有可用于提权的语句：拥有此策略的身份只能执行策略列出的操作，无法获得更多权限。",
    );
    let some = text(
        "Who has this policy can get, or give, rights that it does not name:",
        "拥有此策略的身份可以借此获得或授予策略之外的权限：",
    );
    html! {
        @if findings.is_empty() {
            p { (context.say(none)) }
        } @else {
            p { (context.say(some)) }
            ul {
                @for finding in findings {
                    li {
                        (context.say(text("line ", "第 "))) (finding.statement.line) (context.say(text("", " 行"))) ": "
                        code { (finding.action) } " " span lang="en" { (finding.effect) }
                    }
                }
            }
        }
    }
}
