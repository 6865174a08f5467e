//! Requests and errors of the last hour, as a chart and in words.

use bulla_kms::On;
use bulla_wire::Product;
use maud::{Markup, html};

use crate::context::Context;
use crate::texts::{self, text};
use crate::traffic::{MINUTES, Minute};

/// Shows the chart to callers who may list keys. An embedded store answers no requests and has no chart.
pub(super) fn show(context: &Context<'_>) -> Markup {
    let Some(traffic) = context.traffic else { return html! {} };
    let is_allowed = context.kms.may(Product::Kms, "ListKeys", On::Keys, &context.origin);
    html! {
        h2 { (context.text(text("Requests of the last hour", "最近一小时的请求"))) }
        @if is_allowed {
            (chart(context, &traffic.last_hour(context.kms.elapsed())))
        } @else {
            p.fine { (context.text(texts::NOT_ALLOWED)) }
        }
    }
}

/// Draws a bar upwards for the requests of each minute, and one downwards for the failed ones, to the same scale.
fn chart(context: &Context<'_>, hour: &[Minute; MINUTES]) -> Markup {
    let requests: u64 = hour.iter().map(|minute| minute.requests).sum();
    let errors: u64 = hour.iter().map(|minute| minute.errors).sum();
    let most = hour.iter().map(|minute| minute.requests).max().unwrap_or(0);
    html! {
        @if requests == 0 {
            p { (context.text(text("No requests.", "没有请求。"))) }
        } @else {
            figure.chart {
                div.ends { span { (context.text(text("most in a minute: ", "每分钟最多："))) (most) } }
                (bars(hour, most))
                div.ends {
                    span { (context.text(text("an hour ago", "一小时前"))) }
                    span { (context.text(text("now", "现在"))) }
                }
                figcaption {
                    span.swatch { (context.text(text("Requests (upwards): ", "请求（向上）："))) strong { (requests) } } " "
                    span.swatch.errors { (context.text(text("with an error (downwards): ", "出错（向下）："))) strong { (errors) } }
                }
            }
        }
    }
}

fn bars(hour: &[Minute; MINUTES], most: u64) -> Markup {
    let most_errors = hour.iter().map(|minute| minute.errors).max().unwrap_or(0);
    // Rounded up, so that a single request is visible.
    let height = |count: u64| (count * HEIGHT).div_ceil(most + most_errors);
    let ground = height(most).min(HEIGHT);
    let width = MINUTES as u64 * STEP;
    html! {
        svg viewBox=(format!("0 0 {width} {HEIGHT}")) preserveAspectRatio="none" aria-hidden="true" {
            @for (minute, x) in hour.iter().zip((0..).step_by(STEP as usize)) {
                @let up = height(minute.requests).min(ground);
                rect.requests x=(x) y=(ground - up) width=(STEP - 2) height=(up) {}
                rect.errors x=(x) y=(ground) width=(STEP - 2) height=(height(minute.errors)) {}
            }
            line x1="0" y1=(ground) x2=(width) y2=(ground) vector-effect="non-scaling-stroke" {}
        }
    }
}

const STEP: u64 = 10;
const HEIGHT: u64 = 120;
