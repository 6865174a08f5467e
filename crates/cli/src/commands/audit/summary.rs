//! A line of the trail for people: time, number, caller, action, resources and outcome.

use bulla_kms::audit::{CallerIdentity, CallerType, Content, Gap, GapReason, Record, Request, Resource};

pub(super) fn summary(record: &Record<'_>) -> String {
    let summary = match &record.content {
        Content::Request(request) => of_request(request),
        Content::Event(event) => {
            let detail = event.detail.as_ref().map_or("", |detail| detail.as_str());
            columns(&["-", &event.event, &named(&event.resources), detail])
        }
        Content::Strangers(strangers) => {
            let from =
                strangers.source.map_or_else(|| "other addresses".to_owned(), |source| source.to_string());
            format!("-  {} requests without a valid signature from {from}", strangers.requests)
        }
        Content::Gap(gap) => format!("-  {}", of_gap(gap)),
        _ => "-  a line of a later version; --json prints it".to_owned(),
    };
    format!("{}  {}  {summary}", record.time, record.number)
}

fn of_request(request: &Request<'_>) -> String {
    let caller = match (&request.caller, request.source) {
        (Some(caller), _) => of_caller(caller),
        (None, Some(source)) => source.to_string(),
        (None, None) => "-".to_owned(),
    };
    let action = request.action.as_deref().unwrap_or("-");
    let outcome = &request.outcome;
    let outcome = match &outcome.code {
        Some(code) => format!("{} {code}", outcome.status),
        None => outcome.status.to_string(),
    };
    columns(&[&caller, action, &named(&request.resources), &outcome])
}

/// Returns the name of a caller, with the name of the session if it has one.
pub(super) fn of_caller(caller: &CallerIdentity<'_>) -> String {
    let name = caller.name.as_deref().or(caller.id.as_deref());
    let session = caller.session.last().and_then(|link| link.session_name.as_ref());
    match (caller.kind, name, session) {
        (CallerType::RootAccount, ..) => "root".to_owned(),
        (CallerType::Owner, ..) => "owner".to_owned(),
        (CallerType::Operator, ..) => "operator".to_owned(),
        (_, Some(name), Some(session)) => format!("{name}/{session}"),
        (_, name, _) => name.unwrap_or("-").to_owned(),
    }
}

/// Returns `TYPE/NAME` of each resource.
pub(super) fn named(resources: &[Resource<'_>]) -> String {
    if resources.is_empty() {
        return "-".to_owned();
    }
    let names = resources.iter().map(|resource| format!("{}/{}", resource.kind, resource.name));
    names.collect::<Vec<_>>().join(",")
}

/// Describes a gap, as a sentence without a full stop.
pub(in crate::commands) fn of_gap(gap: &Gap) -> String {
    let range = match (gap.from, gap.to) {
        (Some(from), Some(to)) if from == to => format!("line {from}"),
        (Some(from), Some(to)) => format!("lines {from} to {to}"),
        _ => "lines".to_owned(),
    };
    match gap.reason {
        GapReason::Missed => {
            let lines = match gap.lines {
                Some(1) => "1 line".to_owned(),
                Some(lines) => format!("{lines} lines"),
                None => "lines".to_owned(),
            };
            let elsewhere = gap.from.map(|_| format!("; other sinks have {range}")).unwrap_or_default();
            format!("{lines} could not be written{elsewhere}")
        }
        GapReason::Cut => format!("{range} were not durable yet when the machine stopped"),
        GapReason::Lost => format!("{range} had been durable, and were removed, replaced or damaged"),
        GapReason::Key => "the private key of the seals was lost; a new one begins here".to_owned(),
        _ => format!("{range} are missing, for a reason of a later version"),
    }
}

fn columns(columns: &[&str]) -> String {
    columns.join("  ").trim_end().to_owned()
}
