//! Parts of pages: tables, sections that the caller may not be allowed to see, searches, and links between pages of a list.

use bulla_wire::Error;
use maud::{Markup, html};

use crate::context::Context;
use crate::errors::sentence;
use crate::indented::indented;
use crate::layout::foreign;
use crate::paths::{path, with_query};
use crate::texts::{self, Text, text};

/// Shows a table. The first cell of each row is its header; the others contain the name of their column, for small screens.
pub(super) fn table(context: &Context<'_>, heads: &[Text], rows: &[Vec<Markup>]) -> Markup {
    html! {
        div.table {
            table {
                thead { tr { @for head in heads { th scope="col" { (context.text(*head)) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (at, (head, cell)) in heads.iter().zip(row).enumerate() {
                                @if at == 0 {
                                    th scope="row" { (cell) }
                                } @else {
                                    td data-label=(context.text(*head)) { (cell) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Shows a table, or a text if it is empty.
pub(super) fn table_or(context: &Context<'_>, heads: &[Text], rows: &[Vec<Markup>], empty: Text) -> Markup {
    html! {
        @if rows.is_empty() { p { (context.text(empty)) } } @else { (table(context, heads, rows)) }
    }
}

/// Shows a section with the reply of the API, or with the reason why it is not shown.
pub(super) fn section<T>(
    context: &Context<'_>,
    title: Text,
    result: &Result<T, Error>,
    show: impl FnOnce(&T) -> Markup,
) -> Markup {
    html! {
        h2 { (context.text(title)) }
        @match result {
            Ok(value) => (show(value)),
            Err(error) => p { (unavailable(context, error)) },
        }
    }
}

/// Shows why something cannot be shown.
pub(super) fn unavailable(context: &Context<'_>, error: &Error) -> Markup {
    html! {
        @if error.status() == FORBIDDEN {
            span.fine { (context.text(texts::NOT_ALLOWED)) }
        } @else {
            (sentence(context.view.language, error))
        }
    }
}

/// Shows a policy, with one member a line.
pub(super) fn document(policy: &str) -> Markup {
    html! { pre tabindex="0" { code { @for line in indented(policy).lines() { (foreign(line)) "\n" } } } }
}

/// Shows links to the next page of a list, which begins at a marker, and to the first page.
pub(super) fn page_links(context: &Context<'_>, marker: Option<&str>) -> Markup {
    let queried = context.request.queried();
    let others: Vec<_> =
        queried.iter().filter(|(name, _)| !["marker", "done", "of"].contains(name)).collect();
    let to = |marker: Option<&str>| {
        let fields: Vec<_> = others.iter().copied().chain(marker.map(|marker| ("marker", marker))).collect();
        with_query(context.request.path, &fields)
    };
    let is_first = queried.non_empty("marker").is_none();
    html! {
        @if marker.is_some() || !is_first {
            div.buttons {
                @if !is_first { a href=(to(None)) { (context.text(texts::FIRST_PAGE)) } }
                @if let Some(marker) = marker { a href=(to(Some(marker))) rel="next" { (context.text(texts::MORE)) } }
            }
        }
    }
}

/// Shows the search form, which finds resources by a part of their name, and the links that create one.
pub(super) fn search(context: &Context<'_>, offers: &Markup) -> Markup {
    let text_of = context.request.queried();
    html! {
        div.buttons.create { (offers) }
        form.search method="get" action=(context.request.path) role="search" {
            div.field {
                label for="text" { (context.text(text("Part of the name", "名称包含"))) }
                input id="text" name="text" type="search" value=(text_of.get("text").unwrap_or_default()) spellcheck="false";
            }
            div.buttons {
                button.quiet { (context.text(texts::SEARCH)) }
                @if searched(context).is_some() { a href=(context.request.path) { (context.text(texts::CLEAR)) } }
            }
        }
    }
}

/// Shows the number of a line of a document.
pub(super) fn line_number(context: &Context<'_>, line: u32) -> Markup {
    html! { (context.text(text("line ", "第 "))) (line) (context.text(text("", " 行"))) }
}

/// Returns the text that is searched for; `None` without a search.
pub(super) fn searched(context: &Context<'_>) -> Option<String> {
    context.request.queried().non_empty("text").map(str::to_owned)
}

/// Returns the text for an empty list: the search found nothing, or `yet` because there are no resources yet.
pub(super) fn empty_text(context: &Context<'_>, yet: Text) -> Text {
    if searched(context).is_some() { text("No entry matches.", "没有匹配的条目。") } else { yet }
}

/// Returns the marker at which the page of a list begins.
pub(super) fn marker(context: &Context<'_>) -> Option<String> {
    context.request.queried().non_empty("marker").map(str::to_owned)
}

/// Returns a link to the page of a resource, by its name.
pub(super) fn named(collection: &str, name: &str) -> Markup {
    html! { a href=(path(collection, &[name])) { (foreign(name)) } }
}

const FORBIDDEN: u16 = 403;
