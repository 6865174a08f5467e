//! The state of the trail: how far it is sealed, and whether its sinks accept lines.

use bulla_kms::{SinkHealth, TrailPage};
use maud::{Markup, html};

use crate::context::Context;
use crate::layout::{facts, foreign};
use crate::pages::parts::table;
use crate::texts::{self, Text, text};

pub(super) fn show(context: &Context<'_>, trail: &TrailPage) -> Markup {
    let lag = trail.figures.lag.as_millis();
    let rows: Vec<_> = trail.sinks.iter().map(|sink| row(context, sink)).collect();
    html! {
        (facts(&context.view, &[
            (text("Newest seal", "最新封印"), html! { code { (trail.figures.sealed) } }),
            (text("Oldest line without a seal", "最早的未封印日志行"), html! { (lag) " ms" }),
        ]))
        (table(context, &[text("Sink", "输出目标"), texts::STATE, REQUIRED, MISSED], &rows))
    }
}

fn row(context: &Context<'_>, sink: &SinkHealth) -> Vec<Markup> {
    let state = match &sink.fault {
        None => html! { (context.text(text("takes lines", "正常"))) },
        Some(fault) => {
            html! { strong { (context.text(text("takes no lines: ", "无法写入："))) } (foreign(fault)) }
        }
    };
    let required = if sink.is_required { text("yes", "是") } else { text("no", "否") };
    let missed = html! { (sink.missed) };
    vec![foreign(&sink.name), state, html! { (context.text(required)) }, missed]
}

const REQUIRED: Text = text("Required", "必需");
const MISSED: Text = text("Missed since the start", "启动以来缺失的行数");
