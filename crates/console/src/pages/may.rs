//! "May this caller do that?": how the server would decide about a request of a user or role, and which statements decide.
//!
//! The engine runs its authorizer for the user or role, if the caller may read all policies that take part ([`Explain`]).

mod answer;
mod fields;
mod problem;

use bulla_kms::{Explain, FindRoles, FindUsers, PolicyAction};
use bulla_wire::Error;
use bulla_wire::kms::ListAliases;
use maud::{Markup, html};

use self::fields::Fields;
use super::Page;
use crate::context::Context;
use crate::layout;
use crate::paths::{path, with_query};
use crate::texts::{self, Text, text};

pub(super) async fn show(context: &Context<'_>) -> Result<Page, Error> {
    let fields = Fields::of(context);
    let answer = if fields.has_question() {
        answer(context, &fields).await?
    } else {
        html! {}
    };
    let about = text(
        "The server evaluates a hypothetical request like a real one, and shows the statements that decide. \
         You need permission to read the policies of the user or role, and the policy and tags of the resource.",
        "服务器按真实请求的方式对假设的请求作出判断，并显示起决定作用的语句。你需要有权读取该用户或角色的权限策略，以及资源的策略和标签。",
    );
    let content = html! {
        p { (context.text(about)) }
        (answer)
        (form(context, &fields).await)
    };
    Ok(Page { title: context.text(TITLE).to_owned(), content })
}

/// Returns a link to the page with some fields filled in.
pub(super) fn link(context: &Context<'_>, label: Text, prefilled: &[(&str, &str)]) -> Markup {
    let to = with_query(&path("may", &[]), prefilled);
    html! { a.action href=(to) { (context.text(label)) } }
}

async fn answer(context: &Context<'_>, fields: &Fields) -> Result<Markup, Error> {
    let query: Explain = match fields.query() {
        Ok(query) => query,
        Err(fault) => return Ok(problem::of_field(context, fault)),
    };
    Ok(match context.find(query).await {
        Ok(Ok(explained)) => answer::show(context, &explained),
        Ok(Err(fault)) => problem::of_question(context, &fault),
        Err(error) if error.status() < 500 => layout::problem(&context.view, &error, context.request_id()),
        Err(error) => return Err(error),
    })
}

async fn form(context: &Context<'_>, fields: &Fields) -> Markup {
    html! {
        form method="get" action=(path("may", &[])) {
            (line(context, "who", WHO, fields.get("who"), true))
            (suggestions("who", users_and_roles(context).await))
            (line(context, "action", ACTION, fields.get("action"), true))
            (suggestions("action", PolicyAction::all().map(|action| action.to_string())))
            (line(context, "resource", RESOURCE, fields.get("resource"), false))
            (suggestions("resource", aliases(context).await))
            details open[fields.has_more()] {
                summary { (context.text(text("More about the request", "请求的更多信息"))) }
                (more(context, fields))
            }
            div.buttons { button { (context.text(text("Check", "检查"))) } }
        }
    }
}

/// Shows the fields that only conditions of policies check.
fn more(context: &Context<'_>, fields: &Fields) -> Markup {
    let tls = if fields.tls() { "yes" } else { "no" };
    html! {
        (line(context, "ip", text("Address that the request comes from", "请求来源 IP 地址"), fields.get("ip"), false))
        (choice(context, "tls", text("Over TLS", "是否使用 TLS"), &YES_OR_NO, tls))
        (choice(context, "mfa", text("Second factor", "多因素认证"), &SECOND_FACTOR, fields.get("mfa")))
        div.field {
            label for="time" { (context.text(text("Time (UTC); if empty, now", "时间（UTC），留空为当前时间"))) }
            input id="time" name="time" type="datetime-local" step="1" value=(fields.get("time"));
        }
        (line(context, "context", CONTEXT, fields.get("context"), false))
        (line(context, "external", text("External id, to assume a role", "外部 ID（扮演角色时）"), fields.get("external"), false))
        div.field {
            label for="session" { (context.text(text("Policy of the session, for a role (JSON)", "会话策略（JSON，仅限角色）"))) }
            textarea.document id="session" name="session" rows="4" spellcheck="false" autocapitalize="off" { "\n" (fields.get("session")) }
        }
    }
}

fn line(context: &Context<'_>, name: &str, label: Text, value: &str, is_needed: bool) -> Markup {
    let list = SUGGESTED.contains(&name).then(|| format!("{name}-names"));
    html! {
        div.field {
            label for=(name) {
                (context.text(label))
                @if !is_needed { span.fine { (context.text(texts::OPEN)) (context.text(texts::OPTIONAL)) (context.text(texts::CLOSE)) } }
            }
            input id=(name) name=(name) value=(value) list=[list] required[is_needed] spellcheck="false" autocapitalize="off";
        }
    }
}

fn suggestions(name: &str, values: impl IntoIterator<Item = String>) -> Markup {
    html! { datalist id={ (name) "-names" } { @for value in values { option value=(value) {} } } }
}

fn choice(context: &Context<'_>, name: &str, label: Text, values: &[(&str, Text)], chosen: &str) -> Markup {
    html! {
        div.field {
            label for=(name) { (context.text(label)) }
            select id=(name) name=(name) {
                @for (value, words) in values {
                    option value=(value) selected[*value == chosen] { (context.text(*words)) }
                }
            }
        }
    }
}

/// Returns users and roles, as far as the caller may list them.
async fn users_and_roles(context: &Context<'_>) -> Vec<String> {
    let page_size = Some(100);
    let users = context.find(FindUsers { page_size, ..FindUsers::default() }).await;
    let roles = context.find(FindRoles { page_size, ..FindRoles::default() }).await;
    let users = users.map(|found| found.entries).unwrap_or_default();
    let roles = roles.map(|found| found.entries).unwrap_or_default();
    let users = users.iter().map(|user| format!("user/{}", user.user_name));
    users.chain(roles.iter().map(|role| format!("role/{}", role.role_name))).collect()
}

async fn aliases(context: &Context<'_>) -> Vec<String> {
    let reply = context.ask(ListAliases { page_number: None, page_size: Some(100) }).await;
    let aliases = reply.map(|reply| reply.aliases.alias).unwrap_or_default();
    aliases.into_iter().map(|alias| alias.alias_name).collect()
}

/// The text of the link on the page of a user or role.
pub(super) const WHAT_IT_MAY: Text = text("Check what it may do", "检查其权限");
/// The text of the link on the page of a key.
pub(super) const WHO_MAY: Text = text("Check who may use it", "检查谁可以使用");
/// The fields with suggestions.
const SUGGESTED: [&str; 3] = ["who", "action", "resource"];
const TITLE: Text = text("May this caller do that?", "此调用者可以执行该操作吗？");
const WHO: Text = text("User or role: user/NAME or role/NAME", "用户或角色：user/名称 或 role/名称");
const ACTION: Text = text("Action, such as kms:Decrypt", "操作，例如 kms:Decrypt");
const RESOURCE: Text = text(
    "Resource: a key id, alias/NAME, secret/NAME, user/NAME, group/NAME, role/NAME, policy/NAME, system/NAME or an ARN",
    "资源：密钥 ID、alias/名称、secret/名称、user/名称、group/名称、role/名称、policy/名称、system/名称或 ARN",
);
const CONTEXT: Text = text(
    "Encryption context, a JSON object such as {\"app\":\"pay\"}",
    "加密上下文，JSON 对象，例如 {\"app\":\"pay\"}",
);
const YES_OR_NO: [(&str, Text); 2] = [("yes", text("yes", "是")), ("no", text("no", "否"))];
const SECOND_FACTOR: [(&str, Text); 3] = [
    ("", text("unknown, as with an access key", "未知（例如使用访问密钥）")),
    ("no", text("no, only a password", "否（仅使用密码）")),
    ("yes", text("yes", "是")),
];

#[cfg(test)]
mod tests;
