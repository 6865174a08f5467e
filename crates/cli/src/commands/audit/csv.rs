//! Converts lines of the trail into rows of a table (RFC 4180), for spreadsheets.
//!
//! Callers choose some texts, such as their user agent. A cell that a spreadsheet would evaluate as a formula is
//! prefixed with an apostrophe, and control characters are replaced.

use bulla_kms::audit::{Content, ContextPair, Effect, Event, Record, Request};

use super::summary::{named, of_caller, of_gap};
use crate::messages::on_one_line;

/// The names of the columns.
pub(super) const HEADER: [&str; 22] = [
    "number",
    "time",
    "store",
    "node",
    "type",
    "request_id",
    "caller_type",
    "caller",
    "caller_id",
    "access_key_id",
    "source",
    "user_agent",
    "product",
    "action",
    "resources",
    "context",
    "effect",
    "policy",
    "status",
    "code",
    "microseconds",
    "detail",
];

/// Returns the line as a row; columns that its type does not have are empty.
pub(super) fn row(record: &Record<'_>) -> String {
    let mut cells = Cells::default();
    cells.set("number", record.number);
    cells.set("time", record.time);
    cells.set("store", &record.store);
    cells.set("node", &record.node);
    match &record.content {
        Content::Request(request) => of_request(&mut cells, request),
        Content::Event(event) => of_event(&mut cells, event),
        Content::Strangers(strangers) => {
            cells.set("type", "strangers");
            cells.set_some("source", strangers.source);
            cells.set("detail", format_args!("{} requests without a valid signature", strangers.requests));
        }
        Content::Gap(gap) => {
            cells.set("type", "gap");
            cells.set("detail", of_gap(gap));
        }
        _ => cells.set("type", "unknown"),
    }
    line(cells.0)
}

pub(super) fn header() -> String {
    line(HEADER.map(str::to_owned))
}

fn of_request(cells: &mut Cells, request: &Request<'_>) {
    cells.set("type", "request");
    cells.set("request_id", &request.request_id);
    if let Some(caller) = &request.caller {
        let kind = serde_json::to_value(caller.kind).unwrap_or_default();
        cells.set("caller_type", kind.as_str().unwrap_or_default());
        cells.set("caller", of_caller(caller));
        cells.set_some("caller_id", caller.id.as_ref());
    }
    cells.set_some("access_key_id", request.access_key_id.as_ref());
    cells.set_some("source", request.source);
    cells.set_some("user_agent", request.user_agent.as_ref());
    cells.set_some("product", request.product.as_ref());
    cells.set_some("action", request.action.as_ref());
    cells.set("resources", named(&request.resources).trim_start_matches('-'));
    cells.set("context", request.context.iter().map(pair).collect::<Vec<_>>().join(";"));
    if let Some(decision) = &request.decision {
        cells.set("effect", if decision.effect == Effect::Allow { "Allow" } else { "Deny" });
        cells.set_some("policy", decision.policy.as_ref());
    }
    cells.set("status", request.outcome.status);
    cells.set_some("code", request.outcome.code.as_ref());
    cells.set("microseconds", request.microseconds);
}

fn of_event(cells: &mut Cells, event: &Event<'_>) {
    cells.set("type", "event");
    cells.set("action", &event.event);
    cells.set("resources", named(&event.resources).trim_start_matches('-'));
    cells.set_some("detail", event.detail.as_ref());
}

fn pair(pair: &ContextPair<'_>) -> String {
    match &pair.value {
        Some(value) => format!("{}={value}", pair.name),
        None => pair.name.to_string(),
    }
}

/// The cells of a row, in the order of the columns.
#[derive(Default)]
struct Cells([String; HEADER.len()]);

impl Cells {
    fn set(&mut self, column: &str, value: impl ToString) {
        let place = HEADER.iter().position(|name| *name == column).expect("a column of the header");
        self.0[place] = value.to_string();
    }

    fn set_some(&mut self, column: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.set(column, value);
        }
    }
}

fn line(cells: [String; HEADER.len()]) -> String {
    cells.map(|text| cell(&text)).join(",")
}

/// Quotes a cell, so that no program reads it as a formula or as two cells.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = on_one_line(text);
    let text = if is_formula { format!("'{text}") } else { text };
    if text.contains([',', '"', ';']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_or_two_cells() {
        for (text, expected) in [
            ("plain", "plain"),
            ("=HYPERLINK(\"x\",1)", "\"'=HYPERLINK(\"\"x\"\",1)\""),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM", "'@SUM"),
            ("\tx", "'\u{fffd}x"),
            ("\r=x", "'\u{fffd}=x"),
            ("a,b", "\"a,b\""),
            ("a\nb\u{202e}", "a\u{fffd}b\u{fffd}"),
            ("", ""),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }
}
