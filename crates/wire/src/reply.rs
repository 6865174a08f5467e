//! Answers as JSON or XML, with the request id that every answer carries.

use serde::Serialize;

use crate::error::{Error, ErrorCode};

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The default; also for `None`, which one client sends.
    #[default]
    Json,
    /// Only when asked for by `Format=XML`.
    Xml,
}

impl Format {
    /// What a request asks for by its `Format` parameter or `Accept` header; anything but XML is JSON.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "xml" | "text/xml" | "application/xml" => Self::Xml,
            _ => Self::Json,
        }
    }

    /// The `Content-Type` of the answer.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json;charset=utf-8",
            Self::Xml => "text/xml;charset=utf-8",
        }
    }
}

/// Renders the reply to `action`: JSON fields and `RequestId`, or XML below `<{action}Response>`.
pub fn render_reply(format: Format, action: &str, reply: &impl Serialize, request_id: &str) -> String {
    #[derive(Serialize)]
    struct Answer<'a, T> {
        #[serde(flatten)]
        reply: &'a T,
        #[serde(rename = "RequestId")]
        request_id: &'a str,
    }

    render(format, &format!("{action}Response"), &Answer { reply, request_id })
}

/// Renders an error as the gateway does: `RequestId`, `HostId`, `Code`, `Message`, `Recommend`.
#[must_use]
pub fn render_error(format: Format, error: &Error, request_id: &str, host_id: &str) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer<'a> {
        request_id: &'a str,
        host_id: &'a str,
        code: &'a str,
        message: &'a str,
        recommend: &'a str,
    }

    let (code, message) = (error.code_text(), error.message());
    let recommend =
        format!("https://api.aliyun.com/troubleshoot?q={code}&product=Kms&requestId={request_id}");
    let answer = Answer { request_id, host_id, code: &code, message: &message, recommend: &recommend };
    render(format, "Error", &answer)
}

fn render(format: Format, root: &str, answer: &impl Serialize) -> String {
    let text = match format {
        Format::Json => serde_json::to_string(answer).map_err(Error::internal),
        Format::Xml => quick_xml::se::to_string_with_root(root, answer).map_err(Error::internal),
    };
    text.expect("answers are structs of strings, numbers, booleans and lists, which both formats can write")
}

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}
