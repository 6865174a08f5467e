//! Answers as JSON or XML, with the request id that every answer carries.

use std::{fmt, io};

use serde::Serialize;
use zeroize::Zeroizing;

use crate::actions::{Product, Reply};
use crate::error::{Error, ErrorCode};
use crate::xml;

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

/// Renders a reply: JSON fields and `RequestId`, or XML below `<{action}Response>`.
#[must_use]
pub fn render_reply(format: Format, reply: &Reply, request_id: &str) -> Zeroizing<String> {
    #[derive(Serialize)]
    struct Answer<'a> {
        #[serde(flatten)]
        reply: &'a Reply,
        #[serde(rename = "RequestId")]
        request_id: &'a str,
    }

    let (_, action) = reply.action();
    render(format, &format!("{action}Response"), &Answer { reply, request_id })
}

/// Renders an error as the gateway in front of `product` does: `RequestId`, `HostId`, `Code`, `Message`, `Recommend`.
#[must_use]
pub fn render_error(
    format: Format,
    product: Product,
    error: &Error,
    request_id: &str,
    region: &str,
) -> Zeroizing<String> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer<'a> {
        request_id: &'a str,
        host_id: &'a str,
        code: &'a str,
        message: &'a str,
        recommend: &'a str,
    }

    let code = error.code_text();
    let message = Zeroizing::new(error.message());
    let recommend = format!(
        "https://api.aliyun.com/troubleshoot?q={code}&product={}&requestId={request_id}",
        product.name()
    );
    let answer = Answer {
        request_id,
        host_id: &product.host(region),
        code: &code,
        message: &message,
        recommend: &recommend,
    };
    render(format, "Error", &answer)
}

fn render(format: Format, root: &str, answer: &impl Serialize) -> Zeroizing<String> {
    let mut text = WipedText(Zeroizing::new(String::with_capacity(USUAL_LEN)));
    let written = match format {
        Format::Json => serde_json::to_writer(&mut text, answer).map_err(Error::internal),
        Format::Xml => xml::write(&mut text, root, answer).map_err(Error::internal),
    };
    written
        .expect("answers are structs of strings, numbers, booleans and lists, which both formats can write");
    text.0
}

/// Text that may hold a plaintext: when it outgrows its memory, what it leaves behind is wiped.
struct WipedText(Zeroizing<String>);

impl fmt::Write for WipedText {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        if self.0.capacity() - self.0.len() < part.len() {
            let mut larger = Zeroizing::new(String::with_capacity((self.0.len() + part.len()) * 2));
            larger.push_str(&self.0);
            self.0 = larger;
        }
        self.0.push_str(part);
        Ok(())
    }
}

impl io::Write for WipedText {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        let text = str::from_utf8(part).map_err(io::Error::other)?;
        fmt::Write::write_str(self, text).map_err(io::Error::other)?;
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}

/// Room for the reply to GenerateDataKey and every error that echoes nothing.
const USUAL_LEN: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_outgrows_its_memory_is_whole() {
        let long = "密钥\n".repeat(1000);
        let json = render(Format::Json, "r", &long);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), long);
        assert!(render(Format::Xml, "r", &long).contains(&long));
    }
}
