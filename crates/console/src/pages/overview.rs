//! The first page: counts of keys, scheduled rotations and deletions, backups, and the requests of the last hour.

mod backups;
mod chart;

use bulla_kms::{Ahead, KeptBackups, KeyCounts, On, Overview, Scheduled, ScheduledEvent, ScheduledOf};
use bulla_wire::{Error, Product};
use maud::{Markup, html};

use super::Page;
use super::keys::state;
use super::parts::{named, table, table_or};
use crate::context::Context;
use crate::layout::{facts, foreign};
use crate::offers::{denied, offer};
use crate::paths::{path, with_query};
use crate::texts::{self, Text, text};
use crate::times::time;

pub(super) async fn show(context: &Context<'_>) -> Result<Page, Error> {
    let ahead = context.find(Overview {}).await?;
    let kept = backups::find(context).await?;
    let content = html! {
        (totals(context, &ahead))
        @if let Some(counts) = &ahead.keys { (counted(context, counts)) }
        h2 { (context.text(text("Scheduled events", "计划中的事件"))) }
        (upcoming(context, &ahead.scheduled))
        (chart::show(context))
        h2 { (context.text(text("About this server", "关于本服务器"))) }
        (facts(&context.view, &about(context, kept.as_ref())))
        p {
            @if super::recovery::is_shown_to(context) {
                a href=(path("recovery", &[])) { (context.text(texts::RECOVERY)) }
            } @else {
                (denied(context, texts::RECOVERY))
            }
        }
    };
    Ok(Page { title: context.text(texts::OVERVIEW).to_owned(), content })
}

fn about(context: &Context<'_>, kept: Option<&KeptBackups>) -> Vec<(Text, Markup)> {
    let mut about = vec![
        (texts::VERSION, html! { "bulla " (env!("CARGO_PKG_VERSION")) }),
        (text("Account", "账号"), html! { code { (context.kms.account()) } }),
        (text("Region", "地域"), html! { code { (context.kms.region()) } }),
    ];
    about.extend(kept.map(|kept| (texts::BACKUPS, backups::show(context, kept))));
    about
}

fn totals(context: &Context<'_>, ahead: &Ahead) -> Markup {
    let count = |to: &str, count: Option<u64>| match count {
        Some(count) => html! { a href=(path(to, &[])) { (count) } },
        None => html! { span.fine { (context.text(texts::NOT_ALLOWED)) } },
    };
    let keys = ahead.keys.as_ref().map(|counts| counts.total);
    html! {
        dl.totals {
            @for (name, count) in [(texts::KEYS, count("keys", keys)), (texts::SECRETS, count("secrets", ahead.secrets))] {
                div {
                    dt { (context.text(name)) }
                    dd { (count) }
                }
            }
        }
        @if keys == Some(0) {
            p { (context.text(texts::NO_KEYS)) }
            div.buttons.create { (offer(context, Product::Kms, "CreateKey", On::Keys, &[])) }
        }
    }
}

/// Shows the counts of keys by state and by type, with links to the lists.
fn counted(context: &Context<'_>, counts: &KeyCounts) -> Markup {
    let link = |name: &str, value: &str, count: u64| {
        html! { a href=(with_query(&path("keys", &[]), &[(name, value)])) { (count) } }
    };
    let by_state = counts
        .by_state
        .iter()
        .map(|(of, count)| vec![state(context, of.name()), link("state", of.name(), *count)]);
    let by_spec = counts
        .by_spec
        .iter()
        .map(|(spec, count)| vec![html! { (spec.name()) }, link("spec", spec.name(), *count)]);
    html! {
        @if counts.total > 0 {
            div.columns {
                section {
                    h2 { (context.text(text("Keys by state", "按状态统计密钥"))) }
                    (table(context, &[texts::STATE, NUMBER], &by_state.collect::<Vec<_>>()))
                }
                section {
                    h2 { (context.text(text("Keys by type", "按规格统计密钥"))) }
                    (table(context, &[texts::TYPE, NUMBER], &by_spec.collect::<Vec<_>>()))
                }
            }
        }
    }
}

fn upcoming(context: &Context<'_>, scheduled: &[Scheduled]) -> Markup {
    let row = |event: &Scheduled| {
        let of = match &event.of {
            ScheduledOf::Key { key_id, aliases } => {
                let alias = aliases.as_ref().and_then(|aliases| aliases.first());
                html! { a href=(path("keys", &[key_id])) { (alias.map_or_else(|| foreign(key_id), |alias| foreign(alias))) } }
            }
            ScheduledOf::Secret { name } => named("secrets", name),
        };
        let kind = match event.of {
            ScheduledOf::Key { .. } => text("Key", "密钥"),
            ScheduledOf::Secret { .. } => texts::SECRET,
        };
        vec![of, html! { (context.text(kind)) }, html! { (context.text(words(event.event))) }, time(event.at)]
    };
    let rows: Vec<_> = scheduled.iter().map(row).collect();
    let heads = [texts::NAME, texts::TYPE, text("Event", "事件"), text("When", "时间")];
    let empty = text(
        "Nothing is scheduled: no rotation, no deletion, and no material that expires.",
        "没有计划中的轮转、删除或密钥材料过期。",
    );
    table_or(context, &heads, &rows, empty)
}

fn words(event: ScheduledEvent) -> Text {
    match event {
        ScheduledEvent::Deletion => text("is deleted", "删除"),
        ScheduledEvent::MaterialExpiry => text("material expires", "密钥材料过期"),
        ScheduledEvent::Rotation => text("is rotated", "轮转"),
    }
}

const NUMBER: Text = text("Number", "数量");
