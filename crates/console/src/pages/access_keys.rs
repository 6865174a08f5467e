//! The access keys of a user, or the caller's own.

use bulla_kms::On;
use bulla_wire::ram::{AccessKeyEntry, AccessKeyStatus, GetAccessKeyLastUsed, ListAccessKeys};
use bulla_wire::{Product, Timestamp};
use maud::{Markup, html};

use super::parts::{section, table_or, unavailable};
use crate::context::Context;
use crate::offers::{offer, offer_button};
use crate::texts::{self, text};
use crate::times::time;

/// Shows the access keys of a user, or the caller's own if `user` is `None`. `on` is their holder, for permissions.
pub(super) async fn of(context: &Context<'_>, user: Option<&str>, on: On<'_>) -> Markup {
    let reply = context.ask(ListAccessKeys { user_name: user.map(str::to_owned) }).await;
    let mut rows = Vec::new();
    for key in reply.iter().flat_map(|reply| &reply.access_keys.access_key) {
        rows.push(row(context, user, on, key).await);
    }
    let parameters: Vec<_> = user.map(|user| ("UserName", user)).into_iter().collect();
    let heads =
        [texts::ACCESS_KEY_ID, texts::STATE, texts::CREATED, text("Last used", "最近使用"), texts::ACTIONS];
    let empty = text(
        "No access keys. Programs need one to use the API.",
        "没有访问密钥。程序需要访问密钥才能调用 API。",
    );
    html! {
        (section(context, texts::ACCESS_KEYS, &reply, |_| table_or(context, &heads, &rows, empty)))
        div.buttons { (offer(context, Product::Ram, "CreateAccessKey", on, &parameters)) }
    }
}

async fn row(context: &Context<'_>, user: Option<&str>, on: On<'_>, key: &AccessKeyEntry) -> Vec<Markup> {
    let query = GetAccessKeyLastUsed {
        user_name: user.map(str::to_owned),
        user_access_key_id: key.access_key_id.clone(),
    };
    let used = context.ask(query).await;
    let mut parameters: Vec<_> = user.map(|user| ("UserName", user)).into_iter().collect();
    parameters.push(("UserAccessKeyId", &key.access_key_id));
    let (state, next, change) = match key.status {
        AccessKeyStatus::Active => (text("Active", "启用"), "Inactive", text("Disable", "禁用")),
        AccessKeyStatus::Inactive => (text("Inactive", "禁用"), "Active", text("Enable", "启用")),
    };
    let changed: Vec<_> = parameters.iter().copied().chain([("Status", next)]).collect();
    vec![
        html! { code { (key.access_key_id) } },
        html! { (context.text(state)) },
        time(key.create_date),
        match &used {
            Ok(used) => last_use(context, &used.access_key_last_used.last_used_date),
            Err(error) => unavailable(context, error),
        },
        html! {
            div.buttons {
                (offer_button(context, Product::Ram, "UpdateAccessKey", change, on, &changed))
                (offer(context, Product::Ram, "DeleteAccessKey", on, &parameters))
            }
        },
    ]
}

fn last_use(context: &Context<'_>, date: &str) -> Markup {
    match Timestamp::parse(date) {
        Some(date) => time(date),
        None => html! { (context.text(text("never", "从未"))) },
    }
}
