//! Parts of pages: tables, what may be hidden from the caller, and the way to the next page of a list.

use bulla_wire::Error;
use maud::{Markup, html};

use crate::context::Context;
use crate::errors::sentence;
use crate::indented::indented;
use crate::layout::foreign;
use crate::paths::{path, with_query};
use crate::texts::{self, Text, text};

/// A table. The first cell of each row names it; the others have the name of their column, for small screens.
pub(super) fn table(context: &Context<'_>, heads: &[Text], rows: &[Vec<Markup>]) -> Markup {
    html! {
        div.table {
            table {
                thead { tr { @for head in heads { th scope="col" { (context.say(*head)) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (at, (head, cell)) in heads.iter().zip(row).enumerate() {
                                @if at == 0 {
                                    th scope="row" { (cell) }
                                } @else {
                                    td data-label=(context.say(*head)) { (cell) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A table, or what to do while it is empty.
pub(super) fn table_or(context: &Context<'_>, heads: &[Text], rows: &[Vec<Markup>], empty: Text) -> Markup {
    html! {
        @if rows.is_empty() { p { (context.say(empty)) } } @else { (table(context, heads, rows)) }
    }
}

/// A part of a page with what the API told, or that the caller may not see it.
pub(super) fn section<T>(
    context: &Context<'_>,
    title: Text,
    told: &Result<T, Error>,
    show: impl FnOnce(&T) -> Markup,
) -> Markup {
    html! {
        h2 { (context.say(title)) }
        @match told {
            Ok(told) => (show(told)),
            Err(error) => p { (untold(context, error)) },
        }
    }
}

/// Why something cannot be shown.
pub(super) fn untold(context: &Context<'_>, error: &Error) -> Markup {
    html! {
        @if error.status() == FORBIDDEN {
            span.fine { (context.say(texts::NOT_ALLOWED)) }
        } @else {
            (sentence(context.view.language, error))
        }
    }
}

/// A policy, with a member on each line.
pub(super) fn document(policy: &str) -> Markup {
    html! { pre tabindex="0" { code { @for line in indented(policy).lines() { (foreign(line)) "\n" } } } }
}

/// Links to the next page of a list, whose address says where this one ended, and back to the first.
pub(super) fn turning(context: &Context<'_>, marker: Option<&str>) -> Markup {
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
                @if !is_first { a href=(to(None)) { (context.say(texts::FIRST_PAGE)) } }
                @if let Some(marker) = marker { a href=(to(Some(marker))) rel="next" { (context.say(texts::MORE)) } }
            }
        }
    }
}

/// The form that looks for things by a part of their name, and the ways to make one.
pub(super) fn search(context: &Context<'_>, offers: &Markup) -> Markup {
    let text_of = context.request.queried();
    html! {
        div.buttons.create { (offers) }
        form.search method="get" action=(context.request.path) role="search" {
            div.field {
                label for="text" { (context.say(text("Part of the name", "名称包含"))) }
                input id="text" name="text" type="search" value=(text_of.get("text").unwrap_or_default()) spellcheck="false";
            }
            div.buttons {
                button.quiet { (context.say(texts::SEARCH)) }
                @if searched(context).is_some() { a href=(context.request.path) { (context.say(texts::CLEAR)) } }
            }
        }
    }
}

/// What is looked for; none if everything is.
pub(super) fn searched(context: &Context<'_>) -> Option<String> {
    context.request.queried().non_empty("text").map(str::to_owned)
}

/// What to do about a list that is empty: nothing was found, or there is nothing yet.
pub(super) fn nothing(context: &Context<'_>, yet: Text) -> Text {
    if searched(context).is_some() {
        text("Nothing has such a name.", "没有名称匹配的结果。")
    } else {
        yet
    }
}

/// Where the page of a list begins.
pub(super) fn marker(context: &Context<'_>) -> Option<String> {
    context.request.queried().non_empty("marker").map(str::to_owned)
}

/// A link to the page of something by its name.
pub(super) fn named(collection: &str, name: &str) -> Markup {
    html! { a href=(path(collection, &[name])) { (foreign(name)) } }
}

const FORBIDDEN: u16 = 403;
