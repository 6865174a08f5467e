//! The line of a request in the log: a view of the record from which the audit trail has its line, so they cannot contradict each
//! other.
//!
//! A line holds nothing that a caller made up: the access key, the action and the names of resources only if they exist, and
//! neither what the client calls itself nor an encryption context. Members that the record lacks are `-` if every line has them, and
//! left out otherwise. Members are only ever added, at the end.

use std::fmt;

use bulla_kms::audit::{CallerIdentity, CallerType, Decision, Effect, Request, Resource, SessionLink, Time};

/// A record, displayed as a line without its end.
pub(super) struct RequestLine<'r> {
    pub(super) time: Time,
    pub(super) request: &'r Request<'r>,
}

impl fmt::Display for RequestLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { time, request } = self;
        write!(f, "time={time} request={} from=", request.request_id)?;
        match request.source {
            Some(source) => write!(f, "{source}")?,
            None => f.write_str("-")?,
        }
        write!(f, " key={}", Word(request.access_key_id.as_deref()))?;
        let caller = request.caller.as_ref();
        let user = caller.filter(|caller| caller.kind == CallerType::RamUser);
        if let Some(id) = user.and_then(|user| user.id.as_deref()) {
            write!(f, " user={}", Word(Some(id)))?;
        }
        write!(
            f,
            " action={} status={} code={} us={}",
            Word(request.action.as_deref()),
            request.outcome.status,
            Word(request.outcome.code.as_deref()),
            request.microseconds,
        )?;
        if let Some(product) = &request.product {
            write!(f, " product={}", Word(Some(product)))?;
        }
        caller.map_or(Ok(()), |caller| write_caller(f, caller))?;
        list(f, "resources", &request.resources, write_resource)?;
        request.decision.as_ref().map_or(Ok(()), |decision| write_decision(f, decision))
    }
}

/// The ARN, or what the caller is, with its id if it has one.
fn write_caller(f: &mut fmt::Formatter<'_>, caller: &CallerIdentity<'_>) -> fmt::Result {
    match (&caller.arn, &caller.id) {
        (Some(arn), _) => write!(f, " caller={}", Word(Some(arn)))?,
        (None, Some(id)) => write!(f, " caller={}/{}", kind(caller.kind), Word(Some(id)))?,
        (None, None) => write!(f, " caller={}", kind(caller.kind))?,
    }
    list(f, "session", &caller.session, write_link)
}

fn kind(kind: CallerType) -> &'static str {
    match kind {
        CallerType::RootAccount => "root-account",
        CallerType::RamUser => "ram-user",
        CallerType::AssumedRole => "assumed-role",
        CallerType::Owner => "owner",
        CallerType::Operator => "operator",
        _ => "?",
    }
}

/// A user or role by its name, or by its id if it was deleted; a token by its provider and its subject.
fn write_link(f: &mut fmt::Formatter<'_>, link: &SessionLink<'_>) -> fmt::Result {
    let SessionLink { kind, name, id, .. } = link;
    let id = id.as_ref().map(|id| id.as_str());
    match name {
        Some(name) if kind == OIDC => write!(f, "{kind}/{}/{}", Word(Some(name)), Word(id)),
        Some(name) => write!(f, "{kind}/{}", Word(Some(name))),
        None => write!(f, "{kind}/{}", Word(id)),
    }
}

fn write_resource(f: &mut fmt::Formatter<'_>, resource: &Resource<'_>) -> fmt::Result {
    let Resource { kind, name, version, is_unknown } = resource;
    let name = if *is_unknown { UNKNOWN } else { name.as_str() };
    // Names of aliases have a prefix already.
    let is_prefixed = name.strip_prefix(&**kind).is_some_and(|rest| rest.starts_with('/'));
    if !is_prefixed {
        write!(f, "{kind}/")?;
    }
    write!(f, "{}", Word(Some(name)))?;
    match version {
        Some(version) => write!(f, "@{}", Word(Some(version.as_str()))),
        None => Ok(()),
    }
}

fn write_decision(f: &mut fmt::Formatter<'_>, decision: &Decision<'_>) -> fmt::Result {
    let effect = match decision.effect {
        Effect::Allow => "Allow",
        Effect::Deny => "Deny",
    };
    write!(f, " decision={effect}")?;
    if let Some(policy) = &decision.policy {
        write!(f, " policy={}", Word(Some(policy.as_str())))?;
    }
    decision.statement.map_or(Ok(()), |statement| write!(f, " statement={statement}"))
}

/// A member with several values, if it has one.
fn list<T>(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    values: &[T],
    write_value: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, value) in values.iter().enumerate() {
        if index == 0 {
            write!(f, " {name}=")?;
        } else {
            f.write_str(",")?;
        }
        write_value(f, value)?;
    }
    Ok(())
}

/// A value that needs no quotes; anything else is shown as `?`, so that no line can be forged.
struct Word<'a>(Option<&'a str>);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None | Some("") => f.write_str("-"),
            Some(word) if word.len() <= WORD_BYTES && word.bytes().all(is_plain) => f.write_str(word),
            Some(_) => f.write_str(UNKNOWN),
        }
    }
}

/// The characters of ids, names and ARNs.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-/:+=@*".contains(&byte)
}

const OIDC: &str = "oidc";
/// The replacement of a name that the line does not repeat.
const UNKNOWN: &str = "?";
/// The longest value: an ARN has a name of up to 128 characters, and that of a session another one of up to 64.
const WORD_BYTES: usize = 300;
