//! The search and filters of the list of keys: a form whose address can be bookmarked.

use bulla_keys::{KeyOrigin, KeySpec, KeyState, KeyUsage};
use bulla_kms::{FindKeys, KeyOrder, WantedTag};
use bulla_wire::Parameters;
use maud::{Markup, html};

use super::STATES;
use crate::context::Context;
use crate::forms::keys::{ORIGINS, SPECS, USAGES};
use crate::pages::numbered::{PAGE_SIZE, page_number};
use crate::paths::path;
use crate::texts::{self, Text, text};

/// The search and filters in the query of the address.
pub(super) struct Filters {
    queried: Parameters,
    pub(super) order: KeyOrder,
    pub(super) descending: bool,
}

impl Filters {
    pub(super) fn of(context: &Context<'_>) -> Self {
        let queried = context.request.queried();
        let order = match queried.get("order") {
            Some("alias") => KeyOrder::Alias,
            Some("state") => KeyOrder::State,
            _ => KeyOrder::Created,
        };
        // Default: the newest keys first.
        let descending = queried.get("order").is_none() || queried.get("direction") == Some("descending");
        Self { queried, order, descending }
    }

    pub(super) fn query(&self, context: &Context<'_>) -> FindKeys {
        let filter = |name| self.queried.non_empty(name);
        let tag = filter("tag").map(|tag| match tag.split_once('=') {
            Some((key, value)) => WantedTag { key: key.to_owned(), value: Some(value.to_owned()) },
            None => WantedTag { key: tag.to_owned(), value: None },
        });
        FindKeys {
            text: filter("text").map(str::to_owned),
            state: filter("state").and_then(KeyState::from_name),
            spec: filter("spec").and_then(KeySpec::from_name),
            usage: filter("usage").and_then(KeyUsage::from_name),
            origin: filter("origin").and_then(KeyOrigin::from_name),
            alias_part: None,
            tag,
            order: self.order,
            descending: self.descending,
            page_number: Some(page_number(context)),
            page_size: Some(PAGE_SIZE),
        }
    }

    /// Whether there is neither a search nor a filter.
    pub(super) fn are_none(&self) -> bool {
        FIELDS.iter().all(|name| self.queried.non_empty(name).is_none())
    }

    /// Whether a filter besides the search text is set.
    fn are_narrowed(&self) -> bool {
        FIELDS[1..].iter().any(|name| self.queried.non_empty(name).is_some())
    }

    pub(super) fn form(&self, context: &Context<'_>) -> Markup {
        let line = |name: &str, label: Text| {
            html! {
                div.field {
                    label for=(name) { (context.text(label)) }
                    input id=(name) name=(name) value=(self.queried.get(name).unwrap_or_default()) type="search" spellcheck="false";
                }
            }
        };
        html! {
            form.search method="get" action=(path("keys", &[])) role="search" {
                (line("text", text("Key id, alias or description", "密钥 ID、别名或描述")))
                details open[self.are_narrowed()] {
                    summary { (context.text(text("Filters", "筛选条件"))) }
                    div.filters {
                        (self.choice(context, "state", texts::STATE, STATES))
                        (self.choice(context, "spec", texts::TYPE, SPECS))
                        (self.choice(context, "usage", text("Usage", "密钥用途"), USAGES))
                        (self.choice(context, "origin", text("Material", "密钥材料来源"), ORIGINS))
                        (line("tag", text("Tag, as name or name=value", "标签（名称 或 名称=值）")))
                    }
                }
                @for name in ["order", "direction"] {
                    @if let Some(value) = self.queried.non_empty(name) { input type="hidden" name=(name) value=(value); }
                }
                div.buttons {
                    button.quiet { (context.text(texts::SEARCH)) }
                    @if !self.are_none() { a href=(path("keys", &[])) { (context.text(texts::CLEAR)) } }
                }
            }
        }
    }

    fn choice(&self, context: &Context<'_>, name: &str, label: Text, options: &[(&str, Text)]) -> Markup {
        let chosen = self.queried.get(name).unwrap_or_default();
        html! {
            div.field {
                label for=(name) { (context.text(label)) }
                select id=(name) name=(name) {
                    option value="" { (context.text(text("All", "全部"))) }
                    @for (value, words) in options {
                        option value=(value) selected[*value == chosen] { (context.text(*words)) }
                    }
                }
            }
        }
    }
}

const FIELDS: [&str; 6] = ["text", "state", "spec", "usage", "origin", "tag"];
