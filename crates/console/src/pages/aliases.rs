//! Aliases: the list, and a search by a part of the name.

use bulla_kms::{FindKeys, KeyEntry, KeyOrder, On};
use bulla_wire::kms::ListAliases;
use bulla_wire::{Error, Product};
use maud::{Markup, html};

use super::Page;
use super::numbered::{PAGE_SIZE, page_links, page_number};
use super::parts::table_or;
use crate::context::Context;
use crate::forms::{self, link};
use crate::layout::foreign;
use crate::offers::offer;
use crate::paths::path;
use crate::texts::{self, text};

/// An alias and the id of its key.
type Named = (String, String);

pub(super) async fn list(context: &Context<'_>) -> Result<Page, Error> {
    let queried = context.request.queried();
    let part = queried.non_empty("text");
    let (aliases, total) = match part {
        Some(part) => found(context, part).await?,
        None => listed(context).await?,
    };
    let rows: Vec<_> = aliases.iter().map(|named| row(context, named)).collect();
    let none_found = text("No alias contains this.", "没有包含此内容的别名。");
    let empty = if part.is_some() { none_found } else { texts::NO_ALIASES };
    let content = html! {
        (forms::done(context))
        div.buttons.create { (link(context, Product::Kms, "CreateAlias", &[])) }
        (search(context, part.unwrap_or_default()))
        (table_or(context, &[texts::ALIAS, texts::KEYS, texts::ACTIONS], &rows, empty))
        @if total > 0 { (page_links(context, total)) }
    };
    Ok(Page { title: context.text(texts::ALIASES).to_owned(), content })
}

async fn listed(context: &Context<'_>) -> Result<(Vec<Named>, u64), Error> {
    let query = ListAliases { page_number: Some(page_number(context)), page_size: Some(PAGE_SIZE) };
    let listed = context.ask(query).await?;
    let aliases = listed.aliases.alias.into_iter().map(|alias| (alias.alias_name, alias.key_id));
    Ok((aliases.collect(), listed.total_count))
}

/// Returns the aliases that contain a text, of one page of keys with such an alias.
async fn found(context: &Context<'_>, part: &str) -> Result<(Vec<Named>, u64), Error> {
    let found = context
        .find(FindKeys {
            alias_part: Some(part.to_owned()),
            order: KeyOrder::Alias,
            page_number: Some(page_number(context)),
            page_size: Some(PAGE_SIZE),
            ..FindKeys::default()
        })
        .await?;
    let part = part.to_lowercase();
    let contains = |alias: &String| {
        let name = if part.starts_with(PREFIX) { alias } else { alias.strip_prefix(PREFIX).unwrap_or(alias) };
        name.to_lowercase().contains(&part)
    };
    let of_key = |key: KeyEntry| {
        let aliases = key.aliases.unwrap_or_default().into_iter().filter(|alias| contains(alias));
        aliases.map(move |alias| (alias, key.key_id.clone())).collect::<Vec<_>>()
    };
    Ok((found.keys.into_iter().flat_map(of_key).collect(), found.total))
}

fn row(context: &Context<'_>, (alias, key): &Named) -> Vec<Markup> {
    let act = |action| offer(context, Product::Kms, action, On::Alias(alias), &[("AliasName", alias)]);
    vec![
        foreign(alias),
        html! { a href=(path("keys", &[key])) { code { (key) } } },
        html! { div.buttons { (act("UpdateAlias")) (act("DeleteAlias")) } },
    ]
}

fn search(context: &Context<'_>, part: &str) -> Markup {
    html! {
        form.search method="get" action=(path("aliases", &[])) role="search" {
            div.field {
                label for="text" { (context.text(text("Part of the alias", "别名包含"))) }
                input id="text" name="text" value=(part) type="search" spellcheck="false";
            }
            div.buttons {
                button.quiet { (context.text(texts::SEARCH)) }
                @if !part.is_empty() { a href=(path("aliases", &[])) { (context.text(texts::CLEAR)) } }
            }
        }
    }
}

/// The prefix of all aliases.
const PREFIX: &str = "alias/";
