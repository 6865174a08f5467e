//! Which lines of the trail are wanted.

use bulla_kms::audit::{Content, Record, Request, Resource, Time};

use crate::args::Wanted;

/// The conditions, with times that stay the same while lines are read.
pub(super) struct Conditions<'w> {
    since: Option<Time>,
    until: Option<Time>,
    wanted: &'w Wanted,
}

impl<'w> Conditions<'w> {
    pub(super) fn new(wanted: &'w Wanted) -> Self {
        let since = wanted.since.map(super::Since::time);
        let until = wanted.until.map(super::Since::time);
        Self { since, until, wanted }
    }

    pub(super) fn hold_for(&self, record: &Record<'_>) -> bool {
        let Wanted { key, caller, action, code, .. } = self.wanted;
        self.since.is_none_or(|since| record.time >= since)
            && self.until.is_none_or(|until| record.time < until)
            && key
                .as_ref()
                .is_none_or(|key| resources(record).iter().any(|resource| is_called(resource, key)))
            && caller.as_ref().is_none_or(|caller| request(record).is_some_and(|it| is_by(it, caller)))
            && action.as_ref().is_none_or(|action| is_action(record, action))
            && code.as_ref().is_none_or(|code| request(record).is_some_and(|it| has_code(it, code)))
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
fn is_called(resource: &Resource<'_>, wanted: &str) -> bool {
    // acs:PRODUCT:REGION:ACCOUNT:TYPE/NAME
    let wanted = match wanted.strip_prefix("acs:") {
        Some(arn) => arn.splitn(4, ':').last().unwrap_or(arn),
        None => wanted,
    };
    let name = resource.name.as_str();
    let is_version = resource.version.as_ref().is_some_and(|version| version.as_str() == wanted);
    let below_type = wanted.strip_prefix(&*resource.kind).and_then(|rest| rest.strip_prefix('/'));
    name == wanted || is_version || below_type == Some(name)
}

/// Whether the caller has this name, id, ARN or access key, or began the session.
fn is_by(request: &Request<'_>, wanted: &str) -> bool {
    let is_wanted = |text: Option<&str>| text == Some(wanted);
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

fn is_action(record: &Record<'_>, wanted: &str) -> bool {
    match &record.content {
        Content::Request(request) => {
            request.action.as_ref().is_some_and(|action| action.eq_ignore_ascii_case(wanted))
        }
        Content::Event(event) => event.event.eq_ignore_ascii_case(wanted),
        _ => false,
    }
}

fn has_code(request: &Request<'_>, wanted: &str) -> bool {
    let outcome = &request.outcome;
    outcome.code.as_ref().is_some_and(|code| code.eq_ignore_ascii_case(wanted))
        || wanted.parse() == Ok(outcome.status)
}
