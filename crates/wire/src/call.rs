//! Parses an HTTP request into a call: action, parameters and signature. The caller of this crate verifies the signature
//! afterwards.

use crate::actions::{Product, Request};
use crate::error::{Error, ErrorCode};
use crate::parameters::Parameters;
use crate::reply::ReplyFormat;
use crate::signature::{Signature, authorization, v1};

/// An HTTP request as received, not authenticated yet.
#[derive(Clone, Copy)]
pub struct HttpRequest<'a> {
    /// The method as received: `GET` or `POST`, if the request is valid.
    pub method: &'a str,
    /// The path, without the query.
    pub path: &'a str,
    /// The query string, without the question mark.
    pub query: &'a str,
    /// The headers: names in lower case, values as received.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body, without chunk framing.
    pub body: &'a [u8],
}

/// A parsed request whose signature is not verified yet.
#[derive(Debug)]
pub struct Call {
    /// The product of the API version in the signed part of the request; `None` if no product has the version.
    pub product: Option<Product>,
    /// The name of the action in the signed part of the request.
    pub action: String,
    /// All parameters of query and form body.
    pub parameters: Parameters,
    /// The signature with which the caller authenticates.
    pub signature: Signature,
}

impl Call {
    /// Parses a request. The format for the reply is returned even if parsing fails, as far as the request has one.
    ///
    /// # Errors
    /// The errors of the cloud's gateway: for an unknown method or path, parameters that cannot be parsed or are repeated, a
    /// missing common parameter, or a signature that does not cover everything.
    pub fn parse(request: &HttpRequest<'_>) -> (ReplyFormat, Result<Self, Error>) {
        let parameters = match request.parameters() {
            Ok(parameters) => parameters,
            Err(error) => return (request.accepted_format(), Err(error)),
        };
        let format = match parameters.get("Format") {
            Some(name) => ReplyFormat::from_name(name),
            None => request.accepted_format(),
        };
        (format, Self::from_parts(request, parameters))
    }

    /// Parses the request that version and action name.
    ///
    /// # Errors
    /// InvalidVersion if no product has the version, otherwise as [`Request::parse`].
    pub fn request(&self) -> Result<Request, Error> {
        let product = self.product.ok_or(ErrorCode::InvalidVersion)?;
        Request::parse(product, &self.action, &self.parameters)
    }

    fn from_parts(request: &HttpRequest<'_>, parameters: Parameters) -> Result<Self, Error> {
        let v1_signed = parameters.get("Signature").is_some();
        match request.header("authorization")? {
            Some(_) if v1_signed => Err(ErrorCode::IncompleteSignature.into()),
            Some(header) => {
                let (product, action, signature) = authorization::parse(request, header, &parameters)?;
                Ok(Self { product, action, parameters, signature })
            }
            None if v1::is_absent(&parameters) && may_be_unsigned(&parameters) => {
                Self::from_parameters(parameters, Signature::Unsigned)
            }
            None => {
                let signature = Signature::V1(v1::parse(request.method, &parameters)?);
                Self::from_parameters(parameters, signature)
            }
        }
    }

    /// Returns a call without an `Authorization` header, whose product and action are parameters.
    fn from_parameters(parameters: Parameters, signature: Signature) -> Result<Self, Error> {
        let product = Product::from_version(v1::required(&parameters, "Version")?);
        let action = v1::required(&parameters, "Action")?.to_owned();
        Ok(Self { product, action, parameters, signature })
    }
}

/// Whether the action that the parameters name may be unsigned.
fn may_be_unsigned(parameters: &Parameters) -> bool {
    let product = parameters.get("Version").and_then(Product::from_version);
    let action = parameters.get("Action").unwrap_or_default();
    product.is_some_and(|product| product.may_be_unsigned(action))
}

impl<'a> HttpRequest<'a> {
    /// Returns the value of a header that must not be repeated.
    ///
    /// # Errors
    /// IncompleteSignature if the header is repeated or is not text.
    pub fn header(&self, name: &str) -> Result<Option<&'a str>, Error> {
        let mut values = self.headers.iter().filter(|(header, _)| *header == name);
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some((_, value)), None) => match str::from_utf8(value) {
                Ok(text) => Ok(Some(text.trim_matches([' ', '\t']))),
                Err(_) => Err(ErrorCode::IncompleteSignature.into()),
            },
            (Some(_), Some(_)) => Err(ErrorCode::IncompleteSignature.into()),
        }
    }

    fn parameters(&self) -> Result<Parameters, Error> {
        if !matches!(self.method, "GET" | "POST") {
            return Err(ErrorCode::UnsupportedHttpMethod.into());
        }
        if !matches!(self.path, "" | "/") {
            return Err(ErrorCode::InvalidActionNotFound.into());
        }
        Parameters::from_query_and_form(self.query, self.form()?)
    }

    /// Returns the form body. A body of another type is an error, because no part of the request may be ignored.
    fn form(&self) -> Result<&'a str, Error> {
        if self.body.is_empty() {
            return Ok("");
        }
        let kind = self.header("content-type")?.unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        match str::from_utf8(self.body) {
            Ok(form) if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") => Ok(form),
            _ => Err(ErrorCode::ParseRequestParameterException.into()),
        }
    }

    fn accepted_format(&self) -> ReplyFormat {
        self.header("accept").ok().flatten().map(ReplyFormat::from_name).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::acs3::Outgoing;

    const DATE: &str = "2026-11-23T21:32:10Z";

    /// Returns the same request, signed by version 1 and by version 3.
    fn calls(version: &str, action: &str, typed: &str) -> [Call; 2] {
        let mut parameters = Parameters::from_query(typed).unwrap();
        let outgoing = Outgoing {
            host: "h",
            version,
            action,
            body: typed,
            date: DATE,
            nonce: "n",
            security_token: None,
        };
        let headers = outgoing.headers("testid", "testsecret");
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        parameters.set("Version", version);
        parameters.set("Action", action);
        v1::sign("POST", &mut parameters, "testid", "testsecret", DATE, "n");
        let in_query =
            HttpRequest { method: "POST", path: "/", query: &parameters.encode(), headers: &[], body: b"" };
        let in_headers =
            HttpRequest { method: "POST", path: "/", query: "", headers: &headers, body: typed.as_bytes() };
        [in_query, in_headers].map(|request| Call::parse(&request).1.unwrap())
    }

    fn parse(query: &str, headers: &[(&str, &[u8])]) -> Result<Call, String> {
        let request = HttpRequest { method: "POST", path: "/", query, headers, body: b"" };
        Call::parse(&request).1.map_err(|error| error.code_text())
    }

    #[test]
    fn one_action_takes_requests_without_a_signature() {
        let mut taken = Vec::new();
        for product in Product::ALL {
            let others = product.not_implemented().iter().map(|(name, _)| *name);
            for action in product.actions().iter().copied().chain(others).chain(["Assume", ""]) {
                let query = format!("Version={}&Action={action}", product.version());
                match parse(&query, &[]) {
                    Ok(call) => taken.push((call.product, call.action)),
                    Err(code) => assert_eq!(code, "MissingAccessKeyId", "{query}"),
                }
            }
        }
        assert_eq!(taken, [(Some(Product::Sts), "AssumeRoleWithOIDC".to_owned())]);
        for query in [
            "Action=AssumeRoleWithOIDC",
            "Action=AssumeRoleWithOIDC&Version=2017-01-01",
            "Action=AssumeRoleWithOIDC&Version=2016-01-20",
            "Action=AssumeRoleWithOIDC&Version=2015-05-01",
            "Action=assumerolewithoidc&Version=2015-04-01",
        ] {
            assert_eq!(parse(query, &[]).unwrap_err(), "MissingAccessKeyId", "{query}");
        }
    }

    #[test]
    fn without_a_signature_there_is_no_signer_and_nothing_verifies() {
        let call =
            parse("Version=2015-04-01&Action=AssumeRoleWithOIDC&Signature=&AccessKeyId=", &[]).unwrap();
        assert!(matches!(call.signature, Signature::Unsigned));
        assert_eq!(call.signature.signer().unwrap_err().code_text(), "MissingAccessKeyId");
        assert_eq!(call.signature.verify("").unwrap_err().code_text(), "MissingAccessKeyId");
    }

    #[test]
    fn a_part_of_a_signature_is_not_overlooked() {
        let query = "Version=2015-04-01&Action=AssumeRoleWithOIDC";
        let code = |more: &str| parse(&format!("{query}&{more}"), &[]).unwrap_err();
        assert_eq!(code("AccessKeyId=a"), "MissingSignature");
        assert_eq!(code("Signature=a"), "MissingAccessKeyId");
        assert_eq!(code("SecurityToken=a"), "MissingAccessKeyId");
        for authorization in ["", "ACS3-HMAC-SHA256 Credential=a", "Bearer a"] {
            let headers = [
                ("x-acs-version", &b"2015-04-01"[..]),
                ("x-acs-action", b"AssumeRoleWithOIDC"),
                ("authorization", authorization.as_bytes()),
            ];
            let signature =
                parse(query, &headers).map(|call| call.signature.verify("").unwrap_err().code_text());
            assert_eq!(signature.unwrap_or_else(|code| code), "IncompleteSignature", "{authorization}");
        }
    }

    #[test]
    fn the_token_is_that_of_the_signed_place() {
        for version in ["2016-01-20", "2015-04-01"] {
            let [in_query, in_headers] = calls(version, "A", "SecurityToken=t");
            let token = |call: &Call| {
                let token = call.signature.signer().unwrap().security_token.clone();
                token.map(|token| token.expose().to_owned())
            };
            assert_eq!(token(&in_query).as_deref(), Some("t"));
            assert_eq!(token(&in_headers), None, "there it is a header");
        }
    }

    /// Any caller can set headers that claim to say where a request comes from.
    #[test]
    fn no_action_takes_a_claim_about_the_connection() {
        for product in Product::ALL {
            for action in product.actions() {
                let parameters = product.parameters(action).unwrap();
                assert!(
                    !parameters.contains(&"SourceIp") && !parameters.contains(&"SecureTransport"),
                    "{action}"
                );
            }
        }
    }

    #[test]
    fn version_and_action_together_name_the_request() {
        let kms = Product::Kms.version();
        let toy = Product::Toy.version();
        for (version, action, found) in [
            (kms, "TagResources", Err("MissingRegionId")),
            (toy, "TagResources", Ok((Product::Toy, "TagResources"))),
            (kms, "DescribeRegions", Ok((Product::Kms, "DescribeRegions"))),
            (toy, "DescribeRegions", Err("InvalidAction.NotFound")),
            (kms, "GetToy", Err("InvalidAction.NotFound")),
            (kms, "describeregions", Err("InvalidAction.NotFound")),
            ("2017-01-01", "DescribeRegions", Err("InvalidVersion")),
            ("2017-01-01", "TagResources", Err("InvalidVersion")),
        ] {
            for call in calls(version, action, "ResourceNames=a") {
                call.signature.verify("testsecret").unwrap();
                let request = call.request();
                let request = request.as_ref().map(Request::action).map_err(Error::code_text);
                assert_eq!(request, found.map_err(str::to_owned), "{version} {action}");
            }
        }
    }
}
