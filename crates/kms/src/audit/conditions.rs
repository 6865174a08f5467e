//! The conditions of a search of the trail.

use super::line::{Content, Request, Resource, Time};
use super::sources::Record;

/// Conditions that a line must all fulfil. Without conditions, every line matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// From this time on.
    pub since: Option<Time>,
    /// Before this time.
    pub until: Option<Time>,
    /// The id, name, version or ARN of a key, secret or other resource.
    pub resource: Option<String>,
    /// The name, id, ARN or access key of the caller, or of the caller who began the session.
    pub caller: Option<String>,
    /// An action or event, in any case.
    pub action: Option<String>,
    /// An error code, in any case, or an HTTP status.
    pub code: Option<String>,
}

impl Conditions {
    /// Whether a line fulfils all of them.
    #[must_use]
    pub fn hold_for(&self, record: &Record<'_>) -> bool {
        let Self { since, until, resource, caller, action, code } = self;
        since.is_none_or(|since| record.time >= since)
            && until.is_none_or(|until| record.time < until)
            && resource.as_ref().is_none_or(|name| resources(record).iter().any(|it| is_called(it, name)))
            && caller.as_ref().is_none_or(|caller| request(record).is_some_and(|it| is_by(it, caller)))
            && action.as_ref().is_none_or(|action| is_action(record, action))
            && code.as_ref().is_none_or(|code| request(record).is_some_and(|it| has_code(it, code)))
    }

    /// Whether a line with this text may fulfil them. This is fast: it only checks that the line contains the names.
    pub(super) fn may_hold_for(&self, line: &str) -> bool {
        // The part after the last slash is in the line, even if the condition has a longer form of the name.
        let resource = self.resource.as_deref().map(|name| name.rsplit('/').next().unwrap_or_default());
        let names = [resource, self.caller.as_deref()];
        let is_as_written =
            |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/@+".contains(&byte));
        names.into_iter().flatten().all(|name| !is_as_written(name) || line.contains(name))
    }
}

fn request<'r>(record: &'r Record<'_>) -> Option<&'r Request<'r>> {
    match &record.content {
        Content::Request(request) => Some(request),
        _ => None,
    }
}

fn resources<'r>(record: &'r Record<'_>) -> &'r [Resource<'r>] {
    match &record.content {
        Content::Request(request) => &request.resources,
        Content::Event(event) => &event.resources,
        _ => &[],
    }
}

/// Whether the resource has this id, name, version or ARN.
fn is_called(resource: &Resource<'_>, identifier: &str) -> bool {
    // acs:PRODUCT:REGION:ACCOUNT:TYPE/NAME
    let identifier = match identifier.strip_prefix("acs:") {
        Some(arn) => arn.splitn(4, ':').last().unwrap_or(arn),
        None => identifier,
    };
    let name = resource.name.as_str();
    let is_version = resource.version.as_ref().is_some_and(|version| version.as_str() == identifier);
    let below_type = identifier.strip_prefix(&*resource.kind).and_then(|rest| rest.strip_prefix('/'));
    name == identifier || is_version || below_type == Some(name)
}

/// Whether the caller has this name, id, ARN or access key, or the caller who began the session has.
fn is_by(request: &Request<'_>, identifier: &str) -> bool {
    let is_wanted = |text: Option<&str>| text == Some(identifier);
    is_wanted(request.access_key_id.as_deref())
        || request.caller.as_ref().is_some_and(|caller| {
            is_wanted(caller.name.as_deref())
                || is_wanted(caller.id.as_deref())
                || is_wanted(caller.arn.as_deref())
                || caller.session.iter().any(|link| {
                    is_wanted(link.name.as_deref()) || is_wanted(link.id.as_ref().map(|id| id.as_str()))
                })
        })
}

fn is_action(record: &Record<'_>, name: &str) -> bool {
    match &record.content {
        Content::Request(request) => {
            request.action.as_ref().is_some_and(|action| action.eq_ignore_ascii_case(name))
        }
        Content::Event(event) => event.event.eq_ignore_ascii_case(name),
        _ => false,
    }
}

fn has_code(request: &Request<'_>, code_or_status: &str) -> bool {
    let outcome = &request.outcome;
    outcome.code.as_ref().is_some_and(|code| code.eq_ignore_ascii_case(code_or_status))
        || code_or_status.parse() == Ok(outcome.status)
}
