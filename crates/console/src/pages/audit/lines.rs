//! Lines of the trail: a summary of each, which opens to all members.
//!
//! Callers chose most of the texts in a line, so all of them are shown as untrusted text.

use bulla_kms::audit::{
    CallerIdentity, CallerType, Content, Event, FoundLine, Gap, GapReason, Record, Request, Resource,
    Strangers,
};
use bulla_wire::Timestamp;
use maud::{Markup, html};

use crate::context::Context;
use crate::layout::foreign;
use crate::pages::parts::document;
use crate::texts::{self, Text, text};
use crate::times::time;

pub(super) fn show(context: &Context<'_>, lines: &[FoundLine]) -> Markup {
    html! { div.trail { @for line in lines { (one(context, line)) } } }
}

fn one(context: &Context<'_>, line: &FoundLine) -> Markup {
    let record = Record::parse(line.text.as_bytes());
    html! {
        details {
            summary {
                span.number { "#" (line.number) }
                @if let Some(record) = &record {
                    " " (time(Timestamp::from_unix(record.time.unix_millis() / 1000)))
                    " " (in_short(context, &record.content))
                }
            }
            (document(&line.text))
        }
    }
}

fn in_short(context: &Context<'_>, content: &Content<'_>) -> Markup {
    match content {
        Content::Request(request) => of_request(request),
        Content::Event(event) => of_event(event),
        Content::Strangers(strangers) => of_strangers(context, strangers),
        Content::Gap(gap) => of_gap(context, gap),
        _ => html! { (context.text(OF_LATER_VERSION)) },
    }
}

fn of_request(request: &Request<'_>) -> Markup {
    let outcome = &request.outcome;
    let class = if outcome.status < 400 { "good" } else { "bad" };
    html! {
        span.who {
            @match (&request.caller, request.source) {
                (Some(caller), _) => (who(caller)),
                (None, Some(source)) => (source),
                (None, None) => "–",
            }
        }
        " " strong { (foreign(request.action.as_deref().unwrap_or("–"))) }
        @for resource in &request.resources { " " (about(resource)) }
        " " span.outcome.(class) {
            (outcome.status)
            @if let Some(code) = &outcome.code { " " (foreign(code)) }
        }
    }
}

fn of_event(event: &Event<'_>) -> Markup {
    html! {
        strong { (foreign(&event.event)) }
        @for resource in &event.resources { " " (about(resource)) }
        @if let Some(detail) = &event.detail { " " (foreign(detail.as_str())) }
    }
}

fn of_strangers(context: &Context<'_>, strangers: &Strangers) -> Markup {
    html! {
        (context.text(text("Requests without a valid signature: ", "没有有效签名的请求数：")))
        (strangers.requests)
        @match strangers.source {
            Some(source) => { (context.text(texts::OPEN)) (source) (context.text(texts::CLOSE)) },
            None => { (context.text(texts::OPEN)) (context.text(text("other addresses", "其他地址"))) (context.text(texts::CLOSE)) },
        }
    }
}

fn of_gap(context: &Context<'_>, gap: &Gap) -> Markup {
    let words = match gap.reason {
        GapReason::Missed => text("Lines could not be written", "有日志行无法写入"),
        GapReason::Cut => {
            text("Lines were not durable yet when the machine stopped", "机器停止时尚未落盘的日志行")
        }
        GapReason::Lost => text(
            "Lines had been durable, and were removed, replaced or damaged",
            "已落盘的日志行被删除、替换或损坏",
        ),
        GapReason::Key => text(
            "The private key of the seals was lost; a new one begins here",
            "封印私钥已丢失，从此处开始使用新的私钥",
        ),
        _ => text("Lines are missing", "缺少日志行"),
    };
    html! {
        strong { (context.text(words)) }
        @if let (Some(from), Some(to)) = (gap.from, gap.to) { " #" (from) "–#" (to) }
        @if let Some(lines) = gap.lines { (context.text(texts::OPEN)) (lines) (context.text(texts::CLOSE)) }
    }
}

/// Shows the name of a caller; for a session, with the name of the session.
fn who(caller: &CallerIdentity<'_>) -> Markup {
    let name = caller.name.as_deref().or(caller.id.as_deref());
    let session = caller.session.last().and_then(|link| link.session_name.as_ref());
    match (caller.kind, name) {
        (CallerType::RootAccount, _) => html! { "root" },
        (CallerType::Owner, _) => html! { "owner" },
        (CallerType::Operator, _) => html! { "operator" },
        (_, name) => html! {
            (foreign(name.unwrap_or("–")))
            @if let Some(session) = session { "/" (foreign(session.as_str())) }
        },
    }
}

/// Shows a resource as `TYPE/NAME`.
fn about(resource: &Resource<'_>) -> Markup {
    html! { code { (foreign(&resource.kind)) "/" (foreign(resource.name.as_str())) } }
}

const OF_LATER_VERSION: Text = text("A line of a later version", "更高版本写入的日志行");
