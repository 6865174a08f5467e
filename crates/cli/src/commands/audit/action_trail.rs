//! Converts lines of the trail into events in the format of ActionTrail, for programs that read those.

use std::collections::BTreeMap;

use bulla_kms::audit::{CallerIdentity, CallerType, Content, Event, Record, Request, Resource};
use bulla_wire::{Product, Timestamp};
use serde_json::{Map, Value, json};

use super::summary::of_gap;

/// Returns the event; `None` for a line of a later version.
pub(super) fn event(record: &Record<'_>) -> Option<Value> {
    let (kind, mut members) = match &record.content {
        Content::Request(request) => ("ApiCall", of_request(request)),
        Content::Event(event) => ("AliyunServiceEvent", of_event(event)),
        Content::Strangers(strangers) => {
            let members = json!({
                "eventName": "Strangers",
                "sourceIpAddress": strangers.source,
                "additionalEventData": { "requests": strangers.requests },
            });
            ("AliyunServiceEvent", members)
        }
        Content::Gap(gap) => {
            let members =
                json!({ "eventName": "Gap", "additionalEventData": { "gap": gap, "detail": of_gap(gap) } });
            ("AliyunServiceEvent", members)
        }
        _ => return None,
    };
    let mut event = Map::new();
    event.insert("eventId".into(), format!("{}-{}", record.store, record.number).into());
    event.insert("eventVersion".into(), "1".into());
    event.insert("eventCategory".into(), "Management".into());
    event.insert("eventType".into(), kind.into());
    event.insert(
        "eventTime".into(),
        Timestamp::from_unix(record.time.unix_millis().div_euclid(1000)).to_string().into(),
    );
    if let Some(members) = members.as_object_mut() {
        event.append(members);
    }
    let mut event = Value::from(event);
    remove_absent(&mut event);
    Some(event)
}

/// Removes members without a value, at every depth.
fn remove_absent(value: &mut Value) {
    if let Some(members) = value.as_object_mut() {
        members.values_mut().for_each(remove_absent);
        members.retain(|_, value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()));
    }
}

fn of_request(request: &Request<'_>) -> Value {
    let product = request.product.as_deref();
    let version = Product::ALL
        .iter()
        .find(|candidate| Some(candidate.name()) == product)
        .map(|candidate| candidate.version());
    let decision = request.decision.as_ref();
    json!({
        "eventName": request.action,
        "eventRW": request.action.as_ref().map(|action| read_or_write(action)),
        "serviceName": product,
        "apiVersion": version,
        "requestId": request.request_id,
        "sourceIpAddress": request.source,
        "userAgent": request.user_agent,
        "userIdentity": identity(request),
        "resourceType": types(&request.resources),
        "resourceName": names(&request.resources),
        "referencedResources": referenced(&request.resources),
        "errorCode": request.outcome.code,
        "additionalEventData": {
            "httpStatus": request.outcome.status,
            "microseconds": request.microseconds,
            "encryptionContext": request.context,
            "decision": decision,
            "session": request.caller.as_ref().map(|caller| &caller.session),
        },
    })
}

fn of_event(event: &Event<'_>) -> Value {
    json!({
        "eventName": event.event,
        "eventRW": "Write",
        "userIdentity": { "type": "system" },
        "resourceType": types(&event.resources),
        "resourceName": names(&event.resources),
        "referencedResources": referenced(&event.resources),
        "additionalEventData": { "detail": event.detail },
    })
}

fn identity(request: &Request<'_>) -> Value {
    let Some(caller) = &request.caller else { return Value::Null };
    let (kind, session) = match caller.kind {
        CallerType::RootAccount | CallerType::Owner => ("root-account", None),
        CallerType::RamUser => ("ram-user", None),
        CallerType::AssumedRole => ("assumed-role", session_name(caller)),
        _ => ("system", None),
    };
    // ActionTrail names a session ROLE:SESSION.
    let with_session = |text: &str| match session {
        Some(session) => format!("{text}:{session}"),
        None => text.to_owned(),
    };
    json!({
        "type": kind,
        "principalId": caller.id.as_deref().map(with_session),
        "userName": caller.name.as_deref().map(with_session),
        "accountId": caller.arn.as_deref().and_then(|arn| arn.split(':').nth(3)),
        "accessKeyId": request.access_key_id,
    })
}

fn session_name<'c>(caller: &'c CallerIdentity<'_>) -> Option<&'c str> {
    caller.session.last()?.session_name.as_ref().map(|name| name.as_str())
}

/// Returns `Read` for an action that changes nothing in the store, otherwise `Write`.
fn read_or_write(action: &str) -> &'static str {
    let is_read = READS.iter().any(|verb| action.starts_with(verb));
    if is_read { "Read" } else { "Write" }
}

fn types(resources: &[Resource<'_>]) -> Option<String> {
    list(resources.iter().map(|resource| type_name(&resource.kind)))
}

fn names(resources: &[Resource<'_>]) -> Option<String> {
    list(resources.iter().map(|resource| resource.name.to_string()))
}

fn list(texts: impl Iterator<Item = String>) -> Option<String> {
    let texts: Vec<String> = texts.collect();
    (!texts.is_empty()).then(|| texts.join(";"))
}

fn referenced(resources: &[Resource<'_>]) -> Option<BTreeMap<String, Vec<String>>> {
    let mut referenced = BTreeMap::<_, Vec<_>>::new();
    for resource in resources {
        referenced.entry(type_name(&resource.kind)).or_default().push(resource.name.to_string());
    }
    (!referenced.is_empty()).then_some(referenced)
}

/// Returns the type of a resource in ActionTrail's spelling: `ACS::KMS::Key`.
fn type_name(kind: &str) -> String {
    let product = if ["key", "alias", "secret"].contains(&kind) { "KMS" } else { "RAM" };
    let mut letters = kind.chars();
    let capital = letters.next().map(|first| first.to_ascii_uppercase());
    format!("ACS::{product}::{}{}", capital.unwrap_or_default(), letters.as_str())
}

/// The prefixes of actions that change nothing.
const READS: [&str; 17] = [
    "Get",
    "List",
    "Describe",
    "Query",
    "Search",
    "Encrypt",
    "Decrypt",
    "ReEncrypt",
    "GenerateDataKey",
    "GenerateAndExportDataKey",
    "ExportDataKey",
    "Asymmetric",
    "AssumeRole",
    // Calls of operators.
    "status",
    "store-check",
    "audit-sync",
    "backup",
];
