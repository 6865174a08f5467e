//! Requests and errors of the last hour, as a chart and in words.

use bulla_kms::On;
use bulla_wire::Product;
use maud::{Markup, html};

use crate::context::Context;
use crate::texts::{self, text};
use crate::traffic::{MINUTES, Minute};

/// The chart. It is for callers who may list keys, as the counts of them are; an embedded store answers no requests.
pub(super) fn show(context: &Context<'_>) -> Markup {
    let Some(traffic) = context.traffic else { return html! {} };
    let is_allowed = context.kms.may(Product::Kms, "ListKeys", On::Keys, &context.origin);
    html! {
        h2 { (context.say(text("Requests of the last hour", "最近一小时的请求"))) }
        @if is_allowed {
            (chart(context, &traffic.last_hour(context.kms.elapsed())))
        } @else {
            p.fine { (context.say(texts::NOT_ALLOWED)) }
        }
    }
}

/// Bars upwards for all requests of a minute, and downwards for those that failed.
fn chart(context: &Context<'_>, hour: &[Minute; MINUTES]) -> Markup {
    let requests: u64 = hour.iter().map(|minute| minute.requests).sum();
    let errors: u64 = hour.iter().map(|minute| minute.errors).sum();
    let most = hour.iter().map(|minute| minute.requests).max().unwrap_or(0);
    let height = |count: u64| if count == 0 { 0 } else { (count * HEIGHT).div_ceil(most) };
    let x = |index: usize| index as u64 * STEP;
    html! {
        figure.chart {
            svg viewBox=(format!("0 0 {} {}", MINUTES as u64 * STEP, 2 * HEIGHT)) preserveAspectRatio="none" aria-hidden="true" {
                @for (index, minute) in hour.iter().enumerate() {
                    @let up = height(minute.requests);
                    rect.requests x=(x(index)) y=(HEIGHT - up) width=(STEP - 2) height=(up) {}
                    rect.errors x=(x(index)) y=(HEIGHT) width=(STEP - 2) height=(height(minute.errors)) {}
                }
                line x1="0" y1=(HEIGHT) x2=(MINUTES as u64 * STEP) y2=(HEIGHT) {}
            }
            div.ends {
                span { (context.say(text("an hour ago", "一小时前"))) }
                span { (context.say(text("now", "现在"))) }
            }
            figcaption {
                (context.say(text("Requests (upwards):", "请求（向上）："))) " " strong { (requests) } "; "
                (context.say(text("with an error (downwards):", "出错（向下）："))) " " strong { (errors) } "; "
                (context.say(text("most in a minute:", "每分钟最多："))) " " strong { (most) }
            }
        }
    }
}

const STEP: u64 = 10;
const HEIGHT: u64 = 60;
