//! Renders replies as JSON or XML, with the request id that every reply has.

use std::{fmt, io, mem};

use serde::Serialize;
use zeroize::Zeroizing;

use crate::access_denied::AccessDenied;
use crate::actions::{Product, Reply};
use crate::error::{Error, ErrorCode};
use crate::xml;

/// The format of a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyFormat {
    /// The default; also for the text `None`, which one client sends as the format.
    #[default]
    Json,
    /// Only if the request asks for it, such as with `Format=XML`.
    Xml,
}

impl ReplyFormat {
    /// Returns the format for a `Format` parameter or `Accept` header. Everything but XML is JSON.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "xml" | "text/xml" | "application/xml" => Self::Xml,
            _ => Self::Json,
        }
    }

    /// Returns the `Content-Type` of the reply.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json;charset=utf-8",
            Self::Xml => "text/xml;charset=utf-8",
        }
    }
}

/// Renders a reply: its members and `RequestId` as JSON, or as XML below `<{action}Response>`.
#[must_use]
pub fn render_reply(format: ReplyFormat, reply: &Reply, request_id: &str) -> Zeroizing<String> {
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

/// Renders an error like the gateway in front of `product`: `RequestId`, `HostId`, `Code`, `Message`, `Recommend`, and
/// `AccessDeniedDetail` for a denied request.
#[must_use]
pub fn render_error(
    format: ReplyFormat,
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
        #[serde(skip_serializing_if = "Option::is_none")]
        access_denied_detail: Option<&'a AccessDenied>,
    }

    let renamed = (error.code() == ErrorCode::InternalFailure).then(|| Error::new(product.internal()));
    let error = renamed.as_ref().unwrap_or(error);
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
        access_denied_detail: error.access_denied(),
    };
    render(format, "Error", &answer)
}

fn render(format: ReplyFormat, root: &str, answer: &impl Serialize) -> Zeroizing<String> {
    let mut text = WipedText(Zeroizing::new(Vec::with_capacity(USUAL_LEN)));
    let written = match format {
        ReplyFormat::Json => serde_json::to_writer(&mut text, answer).map_err(Error::internal),
        ReplyFormat::Xml => xml::write(&mut text, root, answer).map_err(Error::internal),
    };
    written
        .expect("answers are structs of strings, numbers, booleans and lists, which both formats can write");
    Zeroizing::new(String::from_utf8(mem::take(&mut *text.0)).expect("JSON and XML are text"))
}

/// A text that may contain a plaintext. Wipes memory that it outgrows.
struct WipedText(Zeroizing<Vec<u8>>);

impl WipedText {
    fn push(&mut self, part: &[u8]) {
        if self.0.capacity() - self.0.len() < part.len() {
            let mut larger = Zeroizing::new(Vec::with_capacity((self.0.len() + part.len()) * 2));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(part);
    }
}

impl fmt::Write for WipedText {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.push(part.as_bytes());
        Ok(())
    }
}

impl io::Write for WipedText {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.push(part);
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

/// The initial capacity, enough for the reply to GenerateDataKey and every error that echoes nothing.
const USUAL_LEN: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorReply;

    #[test]
    fn a_denied_request_names_the_denying_policy_if_it_is_known() {
        let access_denied = AccessDenied {
            auth_action: "kms:Decrypt".into(),
            auth_principal_type: "SubUser".into(),
            auth_principal_owner_id: "1".into(),
            auth_principal_display_name: "2".into(),
            no_permission_type: "ImplicitDeny".into(),
            policy_type: "AccountLevelIdentityBasedPolicy".into(),
            encoded_diagnostic_message: None,
        };
        let error = Product::Kms.denied("kms:Decrypt", "acs:kms:r:1:key/k");
        let read = |text: &str| serde_json::from_str::<ErrorReply>(text).unwrap();
        assert_eq!(
            read(&render_error(ReplyFormat::Json, Product::Kms, &error, "r-1", "r")).access_denied,
            None
        );
        let error = error.with_access_denied(access_denied.clone());
        let json = render_error(ReplyFormat::Json, Product::Kms, &error, "r-1", "r");
        assert_eq!(read(&json).access_denied, Some(access_denied));
        let xml = render_error(ReplyFormat::Xml, Product::Kms, &error, "r-1", "r");
        assert!(xml.ends_with(
            "<AccessDeniedDetail><AuthAction>kms:Decrypt</AuthAction><AuthPrincipalType>SubUser</AuthPrincipalType>\
             <AuthPrincipalOwnerId>1</AuthPrincipalOwnerId>\
             <AuthPrincipalDisplayName>2</AuthPrincipalDisplayName>\
             <NoPermissionType>ImplicitDeny</NoPermissionType>\
             <PolicyType>AccountLevelIdentityBasedPolicy</PolicyType></AccessDeniedDetail></Error>"
        ));
    }

    #[test]
    fn a_text_that_outgrows_its_memory_is_whole() {
        let long = "密钥\n".repeat(1000);
        let json = render(ReplyFormat::Json, "r", &long);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), long);
        assert!(render(ReplyFormat::Xml, "r", &long).contains(&long));
    }
}
