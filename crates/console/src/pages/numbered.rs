//! Pages of a list that are counted: where this one is, and the ways to the others. A page with several lists counts each.

use maud::{Markup, html};

use crate::context::Context;
use crate::paths::with_query;
use crate::texts::{Text, text};

/// How many rows a page of a list has.
pub(super) const PAGE_SIZE: u32 = 20;

/// A list whose pages are counted.
#[derive(Clone, Copy)]
pub(super) struct Numbered {
    /// What the address calls the number of the page.
    parameter: &'static str,
    size: u32,
    /// What the links to its pages are called.
    label: Text,
}

/// The list that a page is about.
const WHOLE: Numbered =
    Numbered { parameter: "page", size: PAGE_SIZE, label: text("Pages of the list", "列表分页") };

/// The number of the page that is asked for.
pub(super) fn page_number(context: &Context<'_>) -> u32 {
    WHOLE.page_number(context)
}

/// The address of this list with another page, order or so on.
pub(super) fn here_with(context: &Context<'_>, changed: &[(&str, &str)]) -> String {
    let queried = context.request.queried();
    let is_kept = |name: &str| {
        !matches!(name, "page" | "done" | "of") && changed.iter().all(|(changed, _)| *changed != name)
    };
    let kept = queried.iter().filter(|(name, value)| is_kept(name) && !value.is_empty());
    let fields: Vec<_> = kept.chain(changed.iter().copied()).collect();
    with_query(context.request.path, &fields)
}

/// Which rows these are of how many, and links to the pages before and after.
pub(super) fn turning(context: &Context<'_>, total: u64) -> Markup {
    WHOLE.turning(context, total)
}

impl Numbered {
    /// A list within a page.
    pub(super) const fn within(parameter: &'static str, size: u32, label: Text) -> Self {
        Self { parameter, size, label }
    }

    pub(super) fn size(self) -> u32 {
        self.size
    }

    pub(super) fn page_number(self, context: &Context<'_>) -> u32 {
        let queried = context.request.queried();
        queried.get(self.parameter).and_then(|page| page.parse().ok()).filter(|page| *page > 0).unwrap_or(1)
    }

    /// As [`turning`], where there is more than one page.
    pub(super) fn turning_if_long(self, context: &Context<'_>, total: u64) -> Markup {
        html! { @if total > u64::from(self.size) || self.page_number(context) > 1 { (self.turning(context, total)) } }
    }

    fn turning(self, context: &Context<'_>, total: u64) -> Markup {
        let page = u64::from(self.page_number(context));
        let size = u64::from(self.size);
        let first = (page - 1) * size + 1;
        let last = (page * size).min(total);
        let to = |page: u64| here_with(context, &[(self.parameter, &page.to_string())]);
        html! {
            nav.turning aria-label=(context.say(self.label)) {
                @if first <= last {
                    span { (first) "–" (last) " / " (total) }
                } @else {
                    span { "0 / " (total) }
                }
                @if page > 1 {
                    a rel="prev" href=(to((page - 1).min(total.div_ceil(size).max(1)))) { (context.say(text("Previous page", "上一页"))) }
                }
                @if last < total { a rel="next" href=(to(page + 1)) { (context.say(text("Next page", "下一页"))) } }
            }
        }
    }
}
