//! The search form, and the conditions that it describes.

use bulla_kms::audit::{Conditions, Time};
use bulla_wire::Parameters;
use maud::{Markup, html};

use super::here;
use crate::context::Context;
use crate::forms::unix;
use crate::paths::with_query;
use crate::texts::{self, Text, text};

/// The input, as the query of the address contains it.
pub(super) struct Fields(Parameters);

impl Fields {
    pub(super) fn of(context: &Context<'_>) -> Self {
        Self(context.request.queried())
    }

    /// Returns the conditions; `None` if a time cannot be parsed.
    pub(super) fn conditions(&self) -> Option<Conditions> {
        let entered = |name| Some(self.get(name).to_owned()).filter(|text| !text.is_empty());
        let [since, until] = ["from", "to"].map(|name| self.time(name));
        Some(Conditions {
            since: since.ok()?,
            until: until.ok()?,
            resource: entered("resource"),
            caller: entered("caller"),
            action: entered("action"),
            code: entered("code"),
        })
    }

    /// Returns the number of the line before which the page begins.
    pub(super) fn before(&self) -> Option<u64> {
        self.get("before").parse().ok()
    }

    /// Returns the address of the first page.
    pub(super) fn newest(&self) -> String {
        let entered: Vec<_> = FIELDS.iter().map(|name| (*name, self.get(name))).collect();
        let entered: Vec<_> = entered.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        with_query(&here(), &entered)
    }

    pub(super) fn form(&self, context: &Context<'_>) -> Markup {
        let moment = |name: &str, label: Text| {
            html! {
                div.field {
                    label for=(name) { (context.text(label)) }
                    input id=(name) name=(name) type="datetime-local" step="1" value=(self.get(name));
                }
            }
        };
        let line = |name: &str, label: Text| {
            html! {
                div.field {
                    label for=(name) { (context.text(label)) }
                    input id=(name) name=(name) type="search" value=(self.get(name)) spellcheck="false" autocapitalize="off";
                }
            }
        };
        html! {
            form.search method="get" action=(here()) role="search" {
                (moment("from", text("From (UTC)", "开始时间（UTC）")))
                (moment("to", text("To (UTC)", "结束时间（UTC）")))
                (line("caller", text("Caller: name, id, ARN or access key id", "调用者：名称、ID、ARN 或访问密钥 ID")))
                (line("resource", text("Key, secret or other resource: id, name or ARN", "密钥、凭据或其他资源：ID、名称或 ARN")))
                (line("action", text("Action or event", "操作或事件")))
                (line("code", text("Error code or HTTP status", "错误码或 HTTP 状态码")))
                div.buttons {
                    button.quiet { (context.text(texts::SEARCH)) }
                    @if !self.are_none() { a href=(here()) { (context.text(texts::CLEAR)) } }
                }
            }
        }
    }

    /// Shows the error about the times.
    pub(super) fn problem(&self, context: &Context<'_>) -> Markup {
        html! { div.problem role="alert" { p { (context.text(NO_TIME)) } } }
    }

    fn are_none(&self) -> bool {
        FIELDS.iter().all(|name| self.get(name).is_empty())
    }

    /// Returns the input of a field, trimmed.
    fn get(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_default().trim()
    }

    /// Returns a time; `None` if none was entered.
    ///
    /// # Errors
    /// If the text is not a time.
    fn time(&self, name: &str) -> Result<Option<Time>, ()> {
        match self.get(name) {
            "" => Ok(None),
            text => unix(text).map(|unix| Some(Time::from_unix_millis(unix * 1000))).ok_or(()),
        }
    }
}

const FIELDS: [&str; 6] = ["from", "to", "caller", "resource", "action", "code"];
const NO_TIME: Text = text(
    "Write times as 2026-01-31T12:30 or 2026-01-31T12:30:00, in UTC.",
    "请按 2026-01-31T12:30 或 2026-01-31T12:30:00 的格式填写 UTC 时间。",
);
