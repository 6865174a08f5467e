//! From an HTTP request to a call: which action, with which parameters, signed how.

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
    /// The API version, from the signed place.
    pub version: String,
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

    fn from_parts(request: &HttpRequest<'_>, parameters: Parameters) -> Result<Self, Error> {
        let v1_signed = parameters.get("Signature").is_some();
        match request.header("authorization")? {
            Some(_) if v1_signed => Err(ErrorCode::IncompleteSignature.into()),
            Some(header) => {
                let (version, action, signature) = authorization::parse(request, header, &parameters)?;
                Ok(Self { version, action, parameters, signature })
            }
            None => {
                let signature = Signature::V1(v1::parse(request.method, &parameters)?);
                let required = |name| v1::required(&parameters, name).map(str::to_owned);
                Ok(Self { version: required("Version")?, action: required("Action")?, signature, parameters })
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
