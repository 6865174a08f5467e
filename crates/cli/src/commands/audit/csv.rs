//! Converts lines of the trail into rows of a table (RFC 4180), for spreadsheets.
//!
//! Callers choose some texts, such as their user agent. A cell that a spreadsheet would evaluate as a formula is
//! prefixed with an apostrophe, and control characters are replaced.

use bulla_kms::audit::{Content, ContextPair, Effect, Event, Record, Request, SessionLink};

use super::summary::{named, of_caller, of_gap};
use crate::messages::on_one_line;

/// The names of the columns. Later versions add some at the end.
pub(super) const HEADER: [&str; 24] = [
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
    "session",
    "statement",
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
        cells.set("session", caller.session.iter().map(link).collect::<Vec<_>>().join(";"));
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
        cells.set_some("statement", decision.statement);
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

/// Returns a link of the chain of a session as `TYPE/NAME`, with the name of the session or the subject of the token if it has one.
/// No part looks like a further link.
fn link(link: &SessionLink<'_>) -> String {
    let id = link.id.as_ref().map(|id| id.as_str());
    let name = link.name.as_deref().or(id).unwrap_or_default(); // a deleted user or role has no name
    let subject = id.filter(|_| link.kind == "oidc");
    let text = match link.session_name.as_ref().map(|name| name.as_str()).or(subject) {
        Some(more) => format!("{}/{name}/{more}", link.kind),
        None => format!("{}/{name}", link.kind),
    };
    text.replace(';', "\u{fffd}")
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
    use bulla_kms::audit::Text;

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

    #[test]
    fn the_chain_of_a_session_names_who_began_it() {
        let of = |kind: &'static str,
                  name: Option<&'static str>,
                  id: &'static str,
                  session: Option<&'static str>| {
            link(&SessionLink {
                kind: kind.into(),
                name: name.map(Into::into),
                id: Some(Text::new(id)),
                session_name: session.map(Text::new),
            })
        };
        assert_eq!(of("user", Some("alice"), "205", None), "user/alice");
        assert_eq!(of("user", None, "205", None), "user/205");
        assert_eq!(of("role", Some("ops"), "305", Some("s1")), "role/ops/s1");
        assert_eq!(of("oidc", Some("idp"), "repo:a;user/root", None), "oidc/idp/repo:a\u{fffd}user/root");
    }
}
