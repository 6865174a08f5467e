//! From an HTTP request to a call: which action, with which parameters, signed how.

use crate::actions::{Product, Request};
use crate::error::{Error, ErrorCode};
use crate::parameters::Parameters;
use crate::reply::Format;
use crate::signature::{Signature, authorization, v1};

/// One HTTP request as it came, before any of it is believed.
#[derive(Clone, Copy)]
pub struct HttpRequest<'a> {
    /// `GET` or `POST`, as on the wire.
    pub method: &'a str,
    /// The path, without the query.
    pub path: &'a str,
    /// The query string, without the question mark.
    pub query: &'a str,
    /// Names in lower case, and values as they came.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body, without chunk framing.
    pub body: &'a [u8],
}

/// A request taken apart, its signature not yet checked.
#[derive(Debug)]
pub struct Call {
    /// The product with the API version in the signed place; none if no product has it.
    pub product: Option<Product>,
    /// The name of the action, from the signed place.
    pub action: String,
    /// All parameters, from query and form body.
    pub parameters: Parameters,
    /// What the caller proves itself with.
    pub signature: Signature,
}

impl Call {
    /// Takes a request apart. The format is known, as well as it can be, also when the rest fails.
    ///
    /// # Errors
    /// The gateway's answers: a method or path that is not served, parameters that cannot be parsed or are
    /// repeated, a missing common parameter, a signature that covers too little.
    pub fn parse(request: &HttpRequest<'_>) -> (Format, Result<Self, Error>) {
        let parameters = match request.parameters() {
            Ok(parameters) => parameters,
            Err(error) => return (request.accepted_format(), Err(error)),
        };
        let format = match parameters.get("Format") {
            Some(name) => Format::from_name(name),
            None => request.accepted_format(),
        };
        (format, Self::from_parts(request, parameters))
    }

    /// The request that version and action name.
    ///
    /// # Errors
    /// InvalidVersion for the version of no product, else as [`Request::parse`].
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
            None => {
                let signature = Signature::V1(v1::parse(request.method, &parameters)?);
                let product = Product::from_version(v1::required(&parameters, "Version")?);
                let action = v1::required(&parameters, "Action")?.to_owned();
                Ok(Self { product, action, parameters, signature })
            }
        }
    }
}

impl<'a> HttpRequest<'a> {
    /// The value of a header that may be given once only.
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

    /// The form body. A body of any other kind would be a part of the request that nobody reads.
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

    fn accepted_format(&self) -> Format {
        self.header("accept").ok().flatten().map(Format::from_name).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::acs3::Outgoing;

    const DATE: &str = "2026-11-23T21:32:10Z";

    /// The same request signed by version 1 and by version 3.
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
