//! Keys: the list with search, filters and sorting, and the page of one.

mod actions;
mod filters;
mod one;
mod policy;
mod public_key;
mod purpose;
mod use_it;

use bulla_kms::{KeyEntry, KeyOrder};
use bulla_wire::{Error, Product};
use maud::{Markup, html};

use self::filters::Filters;
pub(super) use self::one::{is_pair, newest_version, one};
pub(super) use self::public_key::{FILE, download};
pub(super) use self::purpose::Purpose;
use super::Page;
use super::numbered::{here_with, page_links};
use crate::context::Context;
use crate::forms;
use crate::layout::foreign;
use crate::offers::offer;
use crate::paths::path;
use crate::texts::{self, Text, text};
use crate::times::time;

pub(super) async fn list(context: &Context<'_>) -> Result<Page, Error> {
    let filters = Filters::of(context);
    let found = context.find(filters.query(context)).await?;
    let content = html! {
        (forms::done(context))
        div.buttons.create { (offer(context, Product::Kms, "CreateKey", bulla_kms::On::Keys, &[])) }
        (filters.form(context))
        @if found.keys.is_empty() {
            p { (context.text(if filters.are_none() { texts::NO_KEYS } else { NONE_FOUND })) }
        } @else {
            (table(context, &filters, &found.keys))
        }
        @if found.total > 0 { (page_links(context, found.total)) }
    };
    Ok(Page { title: context.text(texts::KEYS).to_owned(), content })
}

fn table(context: &Context<'_>, filters: &Filters, keys: &[KeyEntry]) -> Markup {
    let plain = |label: Text| html! { th scope="col" { (context.text(label)) } };
    html! {
        div.table {
            table {
                thead {
                    tr {
                        (plain(text("Key id", "密钥 ID")))
                        (head(context, filters, texts::ALIAS, KeyOrder::Alias, "alias"))
                        (head(context, filters, texts::STATE, KeyOrder::State, "state"))
                        (plain(texts::TYPE))
                        (head(context, filters, texts::CREATED, KeyOrder::Created, "created"))
                        (plain(texts::DESCRIPTION))
                    }
                }
                tbody { @for key in keys { (row(context, key)) } }
            }
        }
    }
}

/// Shows the head of a column by which the list can be sorted.
fn head(context: &Context<'_>, filters: &Filters, label: Text, order: KeyOrder, name: &str) -> Markup {
    let is_it = filters.order == order;
    let descending = is_it && !filters.descending;
    let to = here_with(
        context,
        &[("order", name), ("direction", if descending { "descending" } else { "ascending" })],
    );
    let direction = if filters.descending { "descending" } else { "ascending" };
    html! {
        th scope="col" aria-sort=[is_it.then_some(direction)] {
            a href=(to) { (context.text(label)) }
            @if is_it { span aria-hidden="true" { (if filters.descending { " ↓" } else { " ↑" }) } }
        }
    }
}

fn row(context: &Context<'_>, key: &KeyEntry) -> Markup {
    let label = |head| context.text(head);
    let not_allowed = || html! { span.fine { (context.text(texts::NOT_ALLOWED)) } };
    html! {
        tr {
            th scope="row" { a href=(path("keys", &[&key.key_id])) { code { (key.key_id) } } }
            td data-label=(label(texts::ALIAS)) {
                @match &key.aliases {
                    Some(aliases) => @for alias in aliases { div { (foreign(alias)) } },
                    None => (not_allowed()),
                }
            }
            @if let Some(key) = &key.metadata {
                td data-label=(label(texts::STATE)) { (state(context, &key.key_state)) }
                td.short data-label=(label(texts::TYPE)) { (key.key_spec) }
                td data-label=(label(texts::CREATED)) { (time(key.creation_date)) }
                td data-label=(label(texts::DESCRIPTION)) { (foreign(&key.description)) }
            } @else {
                td colspan="4" { (not_allowed()) }
            }
        }
    }
}

/// Shows the state of a key, in words.
pub(super) fn state(context: &Context<'_>, state: &str) -> Markup {
    let words = STATES.iter().find(|(name, _)| *name == state).map_or(text("", ""), |(_, words)| *words);
    html! { span.state.(state) { (context.text(words)) } }
}

/// The states of keys, in words.
pub(super) const STATES: &[(&str, Text)] = &[
    ("Enabled", text("Enabled", "启用")),
    ("Disabled", text("Disabled", "禁用")),
    ("PendingDeletion", text("Pending deletion", "待删除")),
    ("PendingImport", text("Pending import", "待导入")),
];

const NONE_FOUND: Text =
    text("No key matches. Change the search, or clear it.", "没有符合条件的密钥，请修改或清除搜索条件。");
