//! The answer: allowed or denied, the statement that decided, and what is missing.

use bulla_access::{
    Application, Considered, Decision, Denial, Effect, Layer, Missing, StatementPosition, StatementRef,
};
use bulla_kms::{AlsoNeeded, Explained, ExplainedQuestion, PolicySource};
use maud::{Markup, html};

use crate::context::Context;
use crate::layout::{facts, foreign};
use crate::pages::attached::policy_link;
use crate::pages::parts::{line_number, named, table};
use crate::texts::{self, Text, text};

pub(super) fn show(context: &Context<'_>, explained: &Explained) -> Markup {
    let is_open = explained.questions.iter().any(|question| !question.depends_on.is_empty());
    let verdict = match (explained.is_allowed, is_open) {
        (true, false) => text("Allowed", "允许"),
        (true, true) => text("Allowed, unless an omitted value changes it", "允许，除非未填写的值改变结果"),
        (false, false) => text("Denied", "拒绝"),
        (false, true) => text("Denied, unless an omitted value changes it", "拒绝，除非未填写的值改变结果"),
    };
    let query = [
        (text("Caller", "调用者"), who_link(&explained.who)),
        (text("Action", "操作"), html! { code { (foreign(&explained.action)) } }),
    ];
    html! {
        h2 { (context.text(verdict)) }
        (facts(&context.view, &query))
        @if explained.questions.is_empty() {
            p { (context.text(text("A request is refused before it is decided: the name is invalid for this kind of resource.", "请求在权限判断之前即被拒绝：该名称对这类资源无效。"))) }
        }
        @for question in &explained.questions { (one(context, question)) }
        @if let Some(also) = explained.also_needed {
            p { (context.text(text("A request also needs: ", "请求还需要："))) (context.text(also_words(also))) }
        }
    }
}

/// Shows the decision about one permission that the request needs.
fn one(context: &Context<'_>, question: &ExplainedQuestion) -> Markup {
    html! {
        h3 { code { (question.permission) } " · " code { (foreign(&question.resource)) } }
        p { strong { (context.text(if question.is_allowed { text("Allowed", "允许") } else { text("Denied", "拒绝") })) } (decided_by(context, question)) }
        @if question.is_missing { p { (context.text(MISSING)) } }
        (statements(context, question))
        @let notes = notes(context, question);
        @if !notes.is_empty() { ul { @for note in &notes { li { (note) } } } }
    }
}

/// Shows the statement that decided.
fn decided_by(context: &Context<'_>, question: &ExplainedQuestion) -> Markup {
    let source = match question.explanation.decision {
        Decision::Allow(source) | Decision::Deny(Denial::Explicit(source)) => source,
        Decision::Deny(Denial::Implicit(_)) => return html! {},
    };
    html! { " · " (context.text(text("by", "依据"))) " " (place(context, question, source)) }
}

/// Shows a statement with its policy.
fn place(context: &Context<'_>, question: &ExplainedQuestion, source: StatementPosition) -> Markup {
    html! { (policy(context, question.policy(source))) (context.text(texts::COMMA)) (statement(context, source.statement)) }
}

/// Shows the index and line of a statement, as error messages about policies do.
fn statement(context: &Context<'_>, place: StatementRef) -> Markup {
    html! { "Statement[" (place.index) "]" (context.text(texts::COMMA)) (line_number(context, place.line)) }
}

/// Shows a policy, with a link to its page.
fn policy(context: &Context<'_>, source: Option<&PolicySource>) -> Markup {
    match source {
        Some(PolicySource::Attached { policy_type, name, group }) => html! {
            (policy_link(*policy_type, name))
            @if let Some(group) = group { (context.text(texts::OPEN)) (context.text(text("by group", "来自用户组"))) " " (named("groups", group)) (context.text(texts::CLOSE)) }
        },
        Some(PolicySource::Session) => html! { (context.text(text("policy of the session", "会话策略"))) },
        Some(PolicySource::Key(id)) => {
            html! { (context.text(text("policy of the key", "密钥策略"))) " " (named("keys", id)) }
        }
        Some(PolicySource::Secret(name)) => {
            html! { (context.text(text("policy of the secret", "凭据策略"))) " " (named("secrets", name)) }
        }
        Some(PolicySource::Trust(name)) => {
            html! { (context.text(text("trust policy of the role", "信任策略，角色"))) " " (named("roles", name)) }
        }
        None => html! {},
    }
}

/// Shows the effect of each statement about the action, and why it applies or not.
fn statements(context: &Context<'_>, question: &ExplainedQuestion) -> Markup {
    let row = |one: &Considered| {
        let effect = match one.effect {
            Effect::Allow => text("Allow", "允许（Allow）"),
            Effect::Deny => text("Deny", "拒绝（Deny）"),
        };
        vec![
            policy(context, question.policy(one.source)),
            statement(context, one.source.statement),
            html! { (context.text(effect)) },
            applies(context, &one.application),
        ]
    };
    let rows: Vec<_> = question.explanation.statements.iter().map(row).collect();
    let heads =
        [texts::POLICY, text("Statement", "语句"), text("Effect", "效果"), text("Applies", "是否适用")];
    html! { @if !rows.is_empty() { (table(context, &heads, &rows)) } }
}

fn applies(context: &Context<'_>, application: &Application) -> Markup {
    let words = match application {
        Application::Applies => text("yes", "是"),
        Application::OtherPrincipal => text("no: it names others", "否：针对其他身份"),
        Application::AccountOnly => {
            text("no: the account as principal means root only", "否：以账号为主体时，仅指主账号")
        }
        Application::OtherResource => text("no: it is about other resources", "否：针对其他资源"),
        Application::Conditions(_) => text("no: these conditions are not met:", "否：不满足以下条件："),
    };
    html! {
        (context.text(words))
        @if let Application::Conditions(unmet) = application {
            @for one in unmet {
                " " code { (one.operator) " " (foreign(&one.key.to_string())) }
                @if one.is_absent { (context.text(texts::OPEN)) (context.text(text("the request does not have it", "请求中没有该值"))) (context.text(texts::CLOSE)) }
            }
        }
    }
}

/// Returns what must change for the request to be allowed, and which values were left open.
fn notes(context: &Context<'_>, question: &ExplainedQuestion) -> Vec<Markup> {
    let missing = question.explanation.missing.iter().map(|missing| match missing {
        Missing::NoDeny(source) => html! {
            (context.text(text("This statement must not deny it: ", "以下语句不得拒绝："))) (place(context, question, *source))
        },
        Missing::Allow(layer) => html! { (context.text(lacking(*layer))) },
        Missing::AllowOfEither => html! {
            (context.text(text("No statement allows it, neither of the caller's policies nor of the resource's.", "没有语句允许该操作：调用者的权限策略和资源的策略均未允许。")))
        },
        Missing::AllowOnAll => html! {
            (context.text(text("A statement must allow it on all resources of the kind, and no policy may deny it on one of them.", "需要有语句允许对该类的全部资源执行此操作，且没有策略拒绝其中任何一个。")))
        },
    });
    let open = question.depends_on.iter().map(|key| {
        html! {
            (context.text(text("The answer depends on a value that you left empty: ", "结果取决于未填写的值：")))
            code { (foreign(&key.to_string())) }
        }
    });
    missing.chain(open).collect()
}

fn lacking(layer: Layer) -> Text {
    match layer {
        Layer::Session => {
            text("No statement of the session's policy allows it.", "会话策略中没有语句允许该操作。")
        }
        Layer::Identity => {
            text("No statement of the caller's policies allows it.", "调用者的权限策略中没有语句允许该操作。")
        }
        Layer::Resource => {
            text("No statement of the resource's policy allows it.", "资源的策略中没有语句允许该操作。")
        }
    }
}

fn also_words(also: AlsoNeeded) -> Text {
    match also {
        AlsoNeeded::AliasAndKey => {
            text("the same for the alias and for its key.", "对别名及其密钥的相同权限。")
        }
        AlsoNeeded::AliasAndBothKeys => text(
            "the same for the alias, for its new key and for its present key.",
            "对别名、新密钥和原密钥的相同权限。",
        ),
        AlsoNeeded::DecryptBySecretKey => text(
            "kms:Decrypt on the key of the secret, if the secret names one.",
            "凭据所用密钥的 kms:Decrypt 权限（如指定了密钥）。",
        ),
        AlsoNeeded::GenerateBySecretKey => text(
            "kms:GenerateDataKey on the key of the secret, if the request names one.",
            "凭据所用密钥的 kms:GenerateDataKey 权限（如指定了密钥）。",
        ),
        AlsoNeeded::UserAndGroup => {
            text("the same for the user and for the group.", "对用户和用户组的相同权限。")
        }
        AlsoNeeded::UserAndDevice => {
            text("the same for the user and for the device.", "对用户和 MFA 设备的相同权限。")
        }
        AlsoNeeded::NextName => {
            text("the same for the new name, if it is renamed.", "改名时，对新名称的相同权限。")
        }
        AlsoNeeded::PolicyAndHolder => text(
            "the same for the policy and for the user, group or role.",
            "对权限策略以及用户、用户组或角色的相同权限。",
        ),
    }
}

/// Returns a link to the page of a user or role.
fn who_link(who: &str) -> Markup {
    match who.split_once('/') {
        Some(("user", name)) => html! { "user/" (named("users", name)) },
        Some(("role", name)) => html! { "role/" (named("roles", name)) },
        _ => foreign(who),
    }
}

const MISSING: Text = text(
    "There is no such resource. Only a caller who may do that to all resources of the kind gets this error; other callers are denied.",
    "没有这个资源。只有对该类全部资源都有权限的调用者才会得知这一点，其他调用者会被拒绝。",
);
