//! The content of a line of the trail. docs/audit-format.md defines each member; members are only ever added.
//!
//! The same types are used for writing and reading. The members `seq` and `prev`, which the trail adds to each line, are in
//! [`super::chain`].

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use bulla_keys::StoreId;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::text::{Text, write_json};

/// The origin of a trail: the same in every line that a process writes.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The store.
    pub store: StoreId,
    /// The process, among those that share the store.
    pub node: String,
    /// The number of restores of the store from a backup.
    pub epoch: u64,
}

/// A line before it is written.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// The time of the event; for a request, that of its reply.
    pub time: Time,
    /// The content.
    pub content: Content<'a>,
}

/// The members of a line as text, rendered once, without `seq` and `prev`. The line of a change is kept in this form until a
/// sink has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members(String);

/// The content of a line: the member `type`, and the members that belong to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Content<'a> {
    /// A request was answered.
    #[serde(borrow)]
    Request(Box<Request<'a>>),
    /// Something happened without a request.
    #[serde(borrow)]
    Event(Event<'a>),
    /// Requests without a valid signature, beyond those that have lines of their own.
    Strangers(Strangers),
    /// Lines are missing.
    Gap(Gap),
    /// The first line of a file: the key of its seals.
    #[serde(borrow)]
    Key(KeyLine<'a>),
    /// A signature over all lines so far.
    #[serde(borrow)]
    Seal(SealLine<'a>),
    /// A type from a later version.
    #[serde(other)]
    Unknown,
}

/// An answered request.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Request<'a> {
    /// The id in the reply.
    #[serde(borrow)]
    pub request_id: Cow<'a, str>,
    /// The caller; none without a valid signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<CallerIdentity<'a>>,
    /// The access key of the signature, if it exists in the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<Cow<'a, str>>,
    /// The source address; none for a call within the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// The client's name for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<Text<'a>>,
    /// The product of the action: Kms, Ram or Sts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<Cow<'a, str>>,
    /// The action, if it exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Cow<'a, str>>,
    /// The keys, secrets and so on that the request concerned, allowed or denied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Resource<'a>>,
    /// The encryption context.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<ContextPair<'a>>,
    /// The decision of the access policies; none if they were not evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision<'a>>,
    /// The reply.
    pub outcome: Outcome<'a>,
    /// The time from the arrival of the request to its reply.
    pub microseconds: u64,
}

/// The identity of the caller of a request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CallerIdentity<'a> {
    /// The kind of caller.
    #[serde(rename = "type")]
    pub kind: CallerType,
    /// The name of the user or role.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    /// The id of the user or role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Cow<'a, str>>,
    /// The ARN of the user, or of the session of a role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<Cow<'a, str>>,
    /// For a session: the caller who began it, and then each role that was assumed, the acting one last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub session: Vec<SessionLink<'a>>,
}

/// A kind of caller, with ActionTrail's name where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CallerType {
    /// The root of the account.
    RootAccount,
    /// A user.
    RamUser,
    /// A session of a role.
    AssumedRole,
    /// The owner of an embedded store, who needs no access key.
    Owner,
    /// The operator, by the control socket.
    Operator,
    /// A kind from a later version.
    #[serde(other)]
    Unknown,
}

/// A link of a session's chain.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionLink<'a> {
    /// `user`, `oidc` or `role`.
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    /// The name of the user, of the OIDC provider, or of the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    /// The id of the user or role, or the subject of the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<'a>>,
    /// The name of the session, which the caller chose on assuming the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_name: Option<Text<'a>>,
}

/// A key, secret, user and so on that a request was about.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Resource<'a> {
    /// `key`, `alias`, `secret`, `user`, `group`, `role`, `policy` and so on.
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    /// Its id or name; as the request wrote it, if there is no such resource.
    pub name: Text<'a>,
    /// The version of the key or secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Text<'a>>,
    /// Whether there was no such resource, so that the name is any text that the caller wrote. No member of a line: the request log
    /// leaves such names out.
    #[serde(skip)]
    pub is_unknown: bool,
}

/// A pair of the encryption context.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ContextPair<'a> {
    /// The name.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// The value, if the configuration enables it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Text<'a>>,
}

/// The decision of the access policies.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Decision<'a> {
    /// Allowed or denied.
    pub effect: Effect,
    /// The policy whose statement decided; none if no statement matched.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Text<'a>>,
    /// The index of the statement in that policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<u32>,
}

/// Allowed or denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Allowed.
    Allow,
    /// Denied.
    Deny,
}

/// The reply to a request.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The error code; none if the request succeeded.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Cow<'a, str>>,
}

/// An event without a request.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Event<'a> {
    /// The event, such as `key-deleted`.
    #[serde(borrow)]
    pub event: Cow<'a, str>,
    /// The resources that it concerns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Resource<'a>>,
    /// Details for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Text<'a>>,
}

/// Requests without a valid signature that have no lines of their own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Strangers {
    /// The source address; none for the sum of all further addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// The number of requests.
    pub requests: u64,
}

/// Lines are missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The reason.
    pub reason: GapReason,
    /// The first number that is missing; none if the lines never had a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// The last number that is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
    /// The number of lines that could not be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<u64>,
}

/// Why lines are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum GapReason {
    /// They could not be written, for example to a full disk.
    Missed,
    /// They were written but not yet durable when the machine stopped.
    Cut,
    /// They were durable, and were removed, replaced or damaged.
    Lost,
    /// The private key of the seals was lost, and a new one is not certified by it.
    Key,
    /// A reason from a later version.
    #[serde(other)]
    Unknown,
}

/// The first line of a file: the key of its seals, signed by the key of the file before it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyLine<'a> {
    /// See [`Identity::epoch`].
    pub epoch: u64,
    /// The public key of the seals of this file, in hex.
    #[serde(borrow)]
    pub public_key: Cow<'a, str>,
    /// The public key that signs this line: that of the file before; its own key if it is not certified.
    pub key: Cow<'a, str>,
    /// The number of losses that the trail has recorded before this file, see [`Gap::is_loss`]: their lines may be deleted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub losses: u64,
    /// The signature, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Cow<'a, str>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A signature over the line before it, and so over all lines so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SealLine<'a> {
    /// See [`Identity::epoch`].
    pub epoch: u64,
    /// A commit of the store that was durable before this line was written.
    pub commit: u64,
    /// The public key of the signature, in hex.
    #[serde(borrow)]
    pub key: Cow<'a, str>,
    /// In the last line of a file: the key of the next file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Cow<'a, str>>,
    /// The signature, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Cow<'a, str>>,
}

/// A point in time in milliseconds since 1970, written `yyyy-MM-ddTHH:mm:ss.SSSZ` (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(i64);

/// The text is not a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotATime;

impl Members {
    /// Renders a line.
    #[must_use]
    pub fn new(identity: &Identity, line: &Line<'_>) -> Self {
        let head = Head { store: &identity.store.to_string(), node: &identity.node, time: line.time };
        let mut text = Vec::with_capacity(USUAL_LEN);
        write_json(&head, &mut text);
        text.pop();
        let content = text.len();
        write_json(&line.content, &mut text);
        text[content] = b',';
        text.pop();
        text.remove(0);
        Self(String::from_utf8(text).expect("JSON is text"))
    }

    /// Returns members from the text of [`Members::as_str`], which was stored meanwhile.
    #[must_use]
    pub fn from_rendered(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The common beginning of all lines, after the number.
#[derive(Serialize)]
struct Head<'a> {
    store: &'a str,
    node: &'a str,
    time: Time,
}

impl Time {
    /// Returns the time `milliseconds` after 1970-01-01T00:00:00Z. Times after [`bulla_wire::Timestamp::MAX_UNIX`] become
    /// that one, times before 1970 become 1970.
    #[must_use]
    pub fn from_unix_millis(milliseconds: i64) -> Self {
        Self(milliseconds.clamp(0, MAX_MILLIS))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix_millis(self) -> i64 {
        self.0
    }

    fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).expect("clamped to the years that jiff knows")
    }
}

impl From<SystemTime> for Time {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

impl FromStr for Time {
    type Err = NotATime;

    /// Parses any RFC 3339 time; fractions of milliseconds are dropped.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time: jiff::Timestamp = text.parse().map_err(|_| NotATime)?;
        Ok(Self::from_unix_millis(time.as_millisecond()))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.timestamp())
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl fmt::Display for NotATime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a time of the form yyyy-MM-ddTHH:mm:ssZ")
    }
}

impl std::error::Error for NotATime {}

/// The usual length of the line of a request, in bytes.
const USUAL_LEN: usize = 768;
/// See [`bulla_wire::Timestamp::MAX_UNIX`].
const MAX_MILLIS: i64 = bulla_wire::Timestamp::MAX_UNIX * 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn members(content: Content<'_>) -> String {
        let identity = Identity { store: StoreId::from_bytes([7; 16]), node: "kms-1".into(), epoch: 1 };
        Members::new(&identity, &Line { time: Time(1_795_000_000_004), content }).as_str().to_owned()
    }

    /// The order of the members is part of the format.
    #[test]
    fn members_have_a_fixed_order_and_absent_ones_are_left_out() {
        let request = Request {
            request_id: "0c5c3d7e".into(),
            user_agent: Some(Text::new("curl\u{202e}\n")),
            action: Some("Decrypt".into()),
            resources: vec![Resource { kind: "key".into(), name: Text::new("k"), ..Resource::default() }],
            outcome: Outcome { status: 403, code: Some("Forbidden.NoPermission".into()) },
            microseconds: 74,
            ..Request::default()
        };
        assert_eq!(
            members(Content::Request(Box::new(request))),
            concat!(
                r#""store":"07070707-0707-0707-0707-070707070707","node":"kms-1","time":"2026-11-18T11:06:40.004Z","#,
                r#""type":"request","request_id":"0c5c3d7e","user_agent":"curl\u202e\n","action":"Decrypt","#,
                r#""resources":[{"type":"key","name":"k"}],"#,
                r#""outcome":{"status":403,"code":"Forbidden.NoPermission"},"microseconds":74"#
            )
        );
    }

    #[test]
    fn content_is_read_as_it_was_written_and_additions_of_later_versions_are_ignored() {
        let gap = Gap { reason: GapReason::Missed, from: None, to: None, lines: Some(3) };
        let text = format!("{{{}}}", members(Content::Gap(gap.clone())));
        assert!(matches!(serde_json::from_str(&text).unwrap(), Content::Gap(read) if read == gap));
        let later = r#"{"type":"strangers","requests":5,"new":{}}"#;
        assert!(
            matches!(serde_json::from_str(later).unwrap(), Content::Strangers(read) if read.requests == 5)
        );
        assert!(matches!(serde_json::from_str(r#"{"type":"later","x":1}"#).unwrap(), Content::Unknown));
    }

    #[test]
    fn times_have_milliseconds_and_one_spelling() {
        for text in ["1970-01-01T00:00:00.000Z", "2026-11-18T13:46:40.120Z", "9999-12-30T22:00:00.000Z"] {
            assert_eq!(text.parse::<Time>().unwrap().to_string(), text);
        }
        assert_eq!(
            "2026-11-18T14:46:40+01:00".parse::<Time>().unwrap().to_string(),
            "2026-11-18T13:46:40.000Z"
        );
        assert_eq!(Time::from_unix_millis(i64::MAX).to_string(), "9999-12-30T22:00:00.000Z");
        assert_eq!("yesterday".parse::<Time>(), Err(NotATime));
    }
}
