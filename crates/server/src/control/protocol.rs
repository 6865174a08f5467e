//! The messages of the control channel: one JSON object per line, one call per connection.
//!
//! ```text
//! request   {"bulla":1,"call":"status"}
//! answer    {"bulla":1,"progress":{"done":4096,"of":20000}}       any number of times, while a call takes long
//!           {"bulla":1,"data":65536}                              followed by as many bytes, any number of times
//!           {"bulla":1,"ok":{...}}                                the last line; without it, the answer is incomplete
//!           {"bulla":1,"error":{"kind":"...","what":"...","do":"..."}}      or this one
//! ```
//!
//! Members are only ever added, and readers ignore unknown members. A change that an older reader would misunderstand
//! is another version.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the protocol.
pub(super) const VERSION: u64 = 1;
/// The maximum length of a request, with its line end.
pub(super) const REQUEST_BYTES: usize = 64 * 1024;
/// The maximum length of a line of an answer: a report about a store in which every record is damaged.
pub(super) const ANSWER_BYTES: usize = 1 << 30;
/// The maximum number of bytes that follow one line.
pub(super) const DATA_BYTES: usize = 1 << 20;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Request {
    #[serde(rename = "bulla")]
    pub(super) version: u64,
    pub(super) call: String,
}

/// A line of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    #[serde(rename = "bulla")]
    pub(super) version: u64,
    #[serde(flatten)]
    pub(super) frame: Frame,
}

/// The content of a line of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Frame {
    Progress(Progress),
    /// The number of bytes that follow the line.
    Data(usize),
    Ok(Value),
    Error(CallError),
}

/// The progress of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The amount done, such as a number of records.
    pub done: u64,
    /// The total amount; `None` if it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
}

/// Why a call was refused or failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallError {
    /// The kind of the error, for programs.
    pub kind: ErrorKind,
    /// What happened.
    pub what: String,
    /// What the operator can do.
    #[serde(rename = "do")]
    pub hint: String,
}

/// The kinds of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is invalid, too long, or did not arrive in time.
    Malformed,
    /// The request is of another version of the protocol.
    Version,
    /// The server does not have the call.
    UnknownCall,
    /// The server has too many connections or long calls.
    Busy,
    /// The audit trail takes no lines, or the server stops.
    Unavailable,
    /// The call failed.
    Failed,
    /// A kind of a later version.
    #[serde(other)]
    Unknown,
}

/// Why a server returns no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The request is too long.
    TooLong,
    /// The request did not arrive in time.
    Late,
    /// The request is not a JSON object with the members of a request.
    NoRequest,
    /// The request is of this version of the protocol.
    OtherVersion(u64),
    /// The server has no call of this name.
    UnknownCall,
    /// Too many connections are open.
    TooManyConnections,
    /// Another long call is running.
    OtherLongCall,
    /// The audit trail takes no lines, for this reason.
    NoTrail(String),
    /// The server writes no audit trail.
    TrailIsOff,
    /// The server stops.
    Stopping,
    /// The client disconnected before the answer was complete.
    Disconnected,
    /// The client reads too slowly.
    Slow,
    /// The call failed, for this reason.
    Failed(String),
}

impl Line {
    pub(super) fn new(frame: Frame) -> Self {
        Self { version: VERSION, frame }
    }

    /// Returns the line with its line end.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self)
            .expect("it has neither maps with other keys than texts nor a failing type");
        bytes.push(b'\n');
        bytes
    }
}

impl Refusal {
    /// Returns why a part of an answer could not be written.
    pub(super) fn of_client(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::TimedOut { Self::Slow } else { Self::Disconnected }
    }

    /// Returns the status in the audit line.
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::TooLong => 413,
            Self::Late | Self::Slow => 408,
            Self::NoRequest | Self::OtherVersion(_) => 400,
            Self::UnknownCall => 404,
            Self::TrailIsOff => 409,
            Self::TooManyConnections | Self::OtherLongCall => 429,
            Self::NoTrail(_) | Self::Stopping => 503,
            Self::Disconnected => 499,
            Self::Failed(_) => 500,
        }
    }

    /// Returns the error code in the audit line.
    pub(super) fn code(&self) -> &'static str {
        match self.kind() {
            ErrorKind::Malformed => "Malformed",
            ErrorKind::Version => "Version",
            ErrorKind::UnknownCall => "UnknownCall",
            ErrorKind::Busy => "Busy",
            ErrorKind::Unavailable => "Unavailable",
            ErrorKind::Failed | ErrorKind::Unknown => "Failed",
        }
    }

    fn kind(&self) -> ErrorKind {
        match self {
            Self::TooLong | Self::Late | Self::NoRequest => ErrorKind::Malformed,
            Self::OtherVersion(_) => ErrorKind::Version,
            Self::UnknownCall => ErrorKind::UnknownCall,
            Self::TooManyConnections | Self::OtherLongCall => ErrorKind::Busy,
            Self::NoTrail(_) | Self::Stopping => ErrorKind::Unavailable,
            Self::TrailIsOff | Self::Disconnected | Self::Slow | Self::Failed(_) => ErrorKind::Failed,
        }
    }

    /// Returns the error for the client.
    pub(super) fn to_error(&self) -> CallError {
        let (what, hint) = self.texts();
        CallError { kind: self.kind(), what, hint: hint.to_owned() }
    }

    fn texts(&self) -> (String, &'static str) {
        match self {
            Self::TooLong => (
                format!("the request is longer than {REQUEST_BYTES} bytes"),
                "send one JSON object in one line",
            ),
            Self::Late => {
                ("the request did not arrive in time".into(), "send one JSON object and a line feed")
            }
            Self::NoRequest => (
                "this is not a request of the control protocol".into(),
                r#"send {"bulla":1,"call":"status"} and a line feed"#,
            ),
            Self::OtherVersion(version) => (
                format!(
                    "the request uses version {version} of the control protocol, and the server, bulla \
                     {SERVER_VERSION}, has version {VERSION}"
                ),
                SAME_VERSION,
            ),
            Self::UnknownCall => {
                (format!("the server, bulla {SERVER_VERSION}, does not know this call"), SAME_VERSION)
            }
            Self::TooManyConnections => {
                ("the control socket has too many connections".into(), "close some, or try again later")
            }
            Self::OtherLongCall => (
                "the server is busy with another check or backup".into(),
                "try again when the other command is done",
            ),
            Self::NoTrail(why) => (
                format!("the audit trail takes no lines, so every call is refused: {why}"),
                "free space or restore the directory of the trail; `bulla status` still works",
            ),
            Self::TrailIsOff => {
                ("the server writes no audit trail".into(), "switch it on: [[audit]] in the configuration")
            }
            Self::Stopping => ("the server is being stopped".into(), "try again when it runs"),
            Self::Disconnected => ("the client has disconnected".into(), "call again"),
            Self::Slow => ("the client reads too slowly".into(), "write to a faster disk"),
            Self::Failed(why) => (why.clone(), "see the log of the server"),
        }
    }
}

const SERVER_VERSION: &str = env!("CARGO_PKG_VERSION");
const SAME_VERSION: &str =
    "use the version of bulla that the server runs, or restart the server with this one";

#[cfg(test)]
mod tests {
    use super::*;

    fn text(frame: Frame) -> String {
        String::from_utf8(Line::new(frame).to_bytes()).unwrap()
    }

    #[test]
    fn lines_are_written_as_documented() {
        let progress = |of| Frame::Progress(Progress { done: 4096, of });
        assert_eq!(text(progress(Some(20_000))), "{\"bulla\":1,\"progress\":{\"done\":4096,\"of\":20000}}\n");
        assert_eq!(text(progress(None)), "{\"bulla\":1,\"progress\":{\"done\":4096}}\n");
        assert_eq!(text(Frame::Data(65_536)), "{\"bulla\":1,\"data\":65536}\n");
        assert_eq!(
            text(Frame::Ok(serde_json::json!({ "a": "b\n" }))),
            "{\"bulla\":1,\"ok\":{\"a\":\"b\\n\"}}\n"
        );
        let error = text(Frame::Error(Refusal::UnknownCall.to_error()));
        assert!(
            error.starts_with("{\"bulla\":1,\"error\":{\"kind\":\"unknown-call\",\"what\":\""),
            "{error}"
        );
    }

    #[test]
    fn lines_are_read_as_they_were_written_also_with_members_of_a_later_version() {
        for frame in [
            Frame::Progress(Progress { done: 1, of: None }),
            Frame::Data(7),
            Frame::Ok(serde_json::json!({ "n": [1, 2] })),
            Frame::Error(Refusal::Stopping.to_error()),
        ] {
            let line = Line::new(frame);
            assert_eq!(serde_json::from_slice::<Line>(&line.to_bytes()).unwrap(), line);
        }
        let later = r#"{"bulla":1,"new":[1],"error":{"kind":"new","what":"w","do":"d","new":1}}"#;
        let Frame::Error(error) = serde_json::from_str::<Line>(later).unwrap().frame else {
            panic!("{later}")
        };
        assert_eq!((error.kind, &*error.what, &*error.hint), (ErrorKind::Unknown, "w", "d"));
    }
}
