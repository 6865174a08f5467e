//! Numbered pages of a list: the position of this page, and links to the others. A page can contain several such lists.

use maud::{Markup, html};

use crate::context::Context;
use crate::paths::with_query;
use crate::texts::{Text, text};

/// Number of rows on a page of a list.
pub(super) const PAGE_SIZE: u32 = 20;

/// A list with numbered pages.
#[derive(Clone, Copy)]
pub(super) struct Numbered {
    /// The name of the page number in the query.
    parameter: &'static str,
    size: u32,
    /// The accessible label of the links to its pages.
    label: Text,
}

/// The main list of a page.
const WHOLE: Numbered =
    Numbered { parameter: "page", size: PAGE_SIZE, label: text("Pages of the list", "列表分页") };

/// Returns the requested page number of the main list.
pub(super) fn page_number(context: &Context<'_>) -> u32 {
    WHOLE.page_number(context)
}

/// Returns the address of this page with other values in its query, such as a page number or an order.
pub(super) fn here_with(context: &Context<'_>, changed: &[(&str, &str)]) -> String {
    let queried = context.request.queried();
    let is_kept = |name: &str| {
        !matches!(name, "page" | "done" | "of") && changed.iter().all(|(changed, _)| *changed != name)
    };
    let kept = queried.iter().filter(|(name, value)| is_kept(name) && !value.is_empty());
    let fields: Vec<_> = kept.chain(changed.iter().copied()).collect();
    with_query(context.request.path, &fields)
}

/// Shows the range of rows and their total, and links to the pages before and after.
pub(super) fn page_links(context: &Context<'_>, total: u64) -> Markup {
    WHOLE.page_links(context, total)
}

impl Numbered {
    /// Creates a list that is not the main list of its page.
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

    /// As [`page_links`], if there is more than one page.
    pub(super) fn page_links_if_long(self, context: &Context<'_>, total: u64) -> Markup {
        html! { @if total > u64::from(self.size) || self.page_number(context) > 1 { (self.page_links(context, total)) } }
    }

    fn page_links(self, context: &Context<'_>, total: u64) -> Markup {
        let page = u64::from(self.page_number(context));
        let size = u64::from(self.size);
        let first = (page - 1) * size + 1;
        let last = (page * size).min(total);
        let to = |page: u64| here_with(context, &[(self.parameter, &page.to_string())]);
        html! {
            nav.turning aria-label=(context.text(self.label)) {
                @if first <= last {
                    span { (first) "–" (last) " / " (total) }
                } @else {
                    span { "0 / " (total) }
                }
                @if page > 1 {
                    a rel="prev" href=(to((page - 1).min(total.div_ceil(size).max(1)))) { (context.text(text("Previous page", "上一页"))) }
                }
                @if last < total { a rel="next" href=(to(page + 1)) { (context.text(text("Next page", "下一页"))) } }
            }
        }
    }
}
