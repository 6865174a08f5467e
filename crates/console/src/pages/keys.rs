//! Keys: the list, and the page of one.

use bulla_wire::kms::{DescribeKey, KeyMetadata, ListAliasesByKeyId, ListKeys};
use bulla_wire::{Error, Product};
use maud::{Markup, html};

use super::Page;
use crate::context::Context;
use crate::forms::{self, link};
use crate::layout::{facts, foreign};
use crate::paths::path;
use crate::texts;
use crate::times::time;

pub(super) async fn list(context: &Context<'_>) -> Result<Page, Error> {
    let fields = context.request.queried();
    let page_number = fields.get("page").and_then(|page| page.parse().ok()).unwrap_or(1);
    let listed =
        context.ask(ListKeys { page_number: Some(page_number), page_size: Some(20), filters: None }).await?;
    let mut keys = Vec::new();
    for key in listed.keys.key {
        let described = context.ask(DescribeKey { key_id: key.key_id.clone() }).await;
        keys.push((key.key_id, described.ok().map(|described| described.key_metadata)));
    }
    let content = html! {
        (forms::done(context))
        p { (link(context, Product::Kms, "CreateKey", &[])) }
        @if keys.is_empty() {
            p { (context.say(texts::NO_KEYS)) }
        } @else {
            div.table {
                table {
                    thead {
                        tr {
                            th scope="col" { (context.say(texts::KEYS)) }
                            th scope="col" { (context.say(texts::STATE)) }
                            th scope="col" { (context.say(texts::CREATED)) }
                            th scope="col" { (context.say(texts::DESCRIPTION)) }
                        }
                    }
                    tbody { @for (id, key) in &keys { (row(context, id, key.as_ref())) } }
                }
            }
        }
    };
    Ok(Page { title: context.say(texts::KEYS).to_owned(), content })
}

fn row(context: &Context<'_>, id: &str, key: Option<&KeyMetadata>) -> Markup {
    html! {
        tr {
            th scope="row" { a href=(path("keys", &[id])) { code { (id) } } }
            @if let Some(key) = key {
                td { span.state.(key.key_state) { (key.key_state) } }
                td { (time(key.creation_date)) }
                td { (foreign(&key.description)) }
            } @else {
                td colspan="3" { (context.say(texts::NOT_ALLOWED)) }
            }
        }
    }
}

pub(super) async fn one(context: &Context<'_>, id: &str) -> Result<Page, Error> {
    let key = context.ask(DescribeKey { key_id: id.to_owned() }).await?.key_metadata;
    let aliases = context
        .ask(ListAliasesByKeyId { key_id: key.key_id.clone(), page_number: None, page_size: None })
        .await;
    let act = |action| link(context, Product::Kms, action, &[("KeyId", &key.key_id)]);
    let content = html! {
        (forms::done(context))
        (facts(&context.view, &[
            (texts::STATE, html! { (key.key_state) }),
            (texts::CREATED, time(key.creation_date)),
            (texts::DESCRIPTION, foreign(&key.description)),
        ]))
        h2 { (context.say(texts::ALIASES)) }
        @match &aliases {
            Ok(aliases) => ul { @for alias in &aliases.aliases.alias { li { (foreign(&alias.alias_name)) } } },
            Err(_) => p { (context.say(texts::NOT_ALLOWED)) },
        }
        h2 { (context.say(texts::ACTIONS)) }
        div.buttons {
            @for action in ["CreateAlias", "UpdateKeyDescription", "CreateKeyVersion", "DisableKey", "EnableKey", "ScheduleKeyDeletion", "CancelKeyDeletion"] { (act(action)) }
        }
    };
    Ok(Page { title: key.key_id.clone(), content })
}
