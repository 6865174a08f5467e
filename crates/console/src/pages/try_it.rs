//! The page to try out cryptographic operations: each is a form whose result shows the reply and the equivalent commands.

use bulla_kms::On;
use bulla_wire::kms::{DescribeKey, ListAliases};
use bulla_wire::{Error, Product};
use maud::{Markup, html};

use super::Page;
use super::keys::{Purpose, newest_version};
use super::parts::unavailable;
use crate::context::Context;
use crate::forms::link;
use crate::layout::foreign;
use crate::offers::offer;
use crate::paths::path;
use crate::texts::{self, Text, text};

pub(super) async fn show(context: &Context<'_>) -> Result<Page, Error> {
    let queried = context.request.queried();
    let name = queried.non_empty("key");
    let content = html! {
        p { (context.text(ABOUT)) }
        (choose(context, name.unwrap_or_default()).await)
        @if let Some(name) = name { (with_key(context, name).await) }
        h2 { (context.text(text("Without choosing a key", "无需选择密钥"))) }
        div.buttons {
            (link(context, Product::Kms, "Decrypt", &[]))
            (offer(context, Product::Kms, "GetRandomPassword", On::Anything, &[]))
        }
    };
    Ok(Page { title: context.text(texts::TRY_IT).to_owned(), content })
}

/// Shows the form that chooses the key, with existing aliases as suggestions.
async fn choose(context: &Context<'_>, name: &str) -> Markup {
    let aliases = context.ask(ListAliases { page_number: None, page_size: Some(100) }).await;
    let aliases = aliases.map(|listed| listed.aliases.alias).unwrap_or_default();
    html! {
        form.search method="get" action=(path("try", &[])) {
            div.field {
                label for="key" { (context.text(text("Key: an alias or id", "密钥（别名或 ID）"))) }
                input id="key" name="key" value=(name) list="key-names" required spellcheck="false";
                datalist id="key-names" { @for alias in &aliases { option value=(alias.alias_name) {} } }
            }
            div.buttons { button { (context.text(text("Show what it can do", "查看可用操作"))) } }
        }
    }
}

/// Shows the operations that the key supports.
async fn with_key(context: &Context<'_>, name: &str) -> Markup {
    let key = match context.ask(DescribeKey { key_id: name.to_owned() }).await {
        Ok(described) => described.key_metadata,
        Err(error) => return html! { p role="alert" { (unavailable(context, &error)) } },
    };
    let version = newest_version(context, &key).await;
    let versioned = version.iter().map(|version| ("KeyVersionId", &**version));
    let purpose = Purpose::of(&key);
    let algorithm = purpose.algorithm(&key).map(|algorithm| ("Algorithm", algorithm));
    let parameters: Vec<_> = [("KeyId", name)].into_iter().chain(versioned).chain(algorithm).collect();
    html! {
        h2 { (context.text(text("With the key", "使用密钥"))) " " (foreign(name)) }
        @if key.key_state == "Enabled" {
            div.buttons {
                @for action in purpose.actions() {
                    (offer(context, Product::Kms, action, On::Key(&key.key_id), &parameters))
                }
            }
        } @else {
            p {
                (context.text(text("The key is not enabled: ", "密钥未启用：")))
                a href=(path("keys", &[&key.key_id])) { (super::keys::state(context, &key.key_state)) }
            }
        }
    }
}

const ABOUT: Text = text(
    "Each form calls one action of the API. Its result shows the reply, and equivalent command lines.",
    "每个表单调用一个 API 操作。结果页面显示返回内容，以及等效的命令行。",
);
