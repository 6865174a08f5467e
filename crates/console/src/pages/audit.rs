//! The audit trail: its state, and a search that begins with the newest line.
//!
//! The address of a page contains the search and the line number before which the page begins, so the page remains the same
//! while the trail grows.

mod fields;
mod lines;
mod state;

use bulla_kms::audit::Rest;
use bulla_kms::{SearchTrail, TrailPage};
use bulla_wire::{Error, Timestamp};
use maud::{Markup, html};

use self::fields::Fields;
use super::Page;
use super::numbered::here_with;
use crate::context::Context;
use crate::paths::path;
use crate::texts::{self, Text, text};
use crate::times::time;

pub(super) async fn show(context: &Context<'_>) -> Result<Page, Error> {
    let fields = Fields::of(context);
    // Without valid conditions, a search for one line returns the state of the trail, if the caller may see it.
    let conditions = fields.conditions();
    let query = SearchTrail {
        conditions: conditions.clone().unwrap_or_default(),
        before: fields.before(),
        page_size: conditions.is_none().then_some(1),
    };
    let content = match context.find(query).await? {
        None => html! { p { (context.text(NO_TRAIL)) } },
        Some(trail) => html! {
            (state::show(context, &trail))
            (fields.form(context))
            @if conditions.is_some() { (found(context, &fields, &trail)) } @else { (fields.problem(context)) }
        },
    };
    Ok(Page { title: context.text(texts::AUDIT_TRAIL).to_owned(), content })
}

fn found(context: &Context<'_>, fields: &Fields, trail: &TrailPage) -> Markup {
    html! {
        h2 { (context.text(text("Lines, newest first", "日志行（由新到旧）"))) }
        @if trail.found.lines.is_empty() { p { (context.text(NONE_FOUND)) } }
        (lines::show(context, &trail.found.lines))
        (rest(context, fields, trail.found.rest))
    }
}

/// Shows what was not searched, with links to it.
fn rest(context: &Context<'_>, fields: &Fields, rest: Rest) -> Markup {
    let next = match rest {
        Rest::Older { before } => Some((before, text("Older lines", "更早的日志行"))),
        Rest::Unsearched { before, .. } => Some((before, text("Continue the search", "继续搜索"))),
        Rest::Nothing => None,
    };
    html! {
        @match rest {
            Rest::Nothing => p.fine { (context.text(text("The trail begins here.", "已到审计日志的开头。"))) },
            Rest::Unsearched { before, back_to } => p {
                (context.text(SEARCHED_BACK_TO)) (time(Timestamp::from_unix(back_to.unix_millis() / 1000)))
                (context.text(texts::OPEN)) (before) (context.text(texts::CLOSE)) (context.text(NOT_SEARCHED))
            },
            Rest::Older { .. } => {}
        }
        @if fields.before().is_some() || next.is_some() {
            nav.turning aria-label=(context.text(text("Pages of the trail", "审计日志分页"))) {
                @if fields.before().is_some() {
                    a rel="prev" href=(fields.newest()) { (context.text(text("Newest lines", "最新的日志行"))) }
                }
                @if let Some((before, words)) = next {
                    a rel="next" href=(here_with(context, &[("before", &before.to_string())])) { (context.text(words)) }
                }
            }
        }
    }
}

/// Returns the path of the page.
fn here() -> String {
    path("audit", &[])
}

const NO_TRAIL: Text = text(
    "There is no audit trail: the configuration of this server switches it off, or the store is used without a server. \
     Requests are not recorded.",
    "没有审计日志：服务器的配置关闭了审计，或者此密钥库未通过服务器使用。所有操作均不留下日志。",
);
const NONE_FOUND: Text = text("No line matches.", "没有符合条件的日志行。");
const SEARCHED_BACK_TO: Text = text("Searched back to the line of ", "已搜索至此时间的日志行：");
const NOT_SEARCHED: Text = text(". Older lines were not searched yet.", "。更早的日志尚未搜索。");

#[cfg(test)]
mod tests;
