//! The parameters of a request: names and values from the query string and the form body, merged.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};
use zeroize::{Zeroize, Zeroizing};

use crate::error::{Error, ErrorCode};

/// The most parameters one request may carry, counted before anything is decoded.
///
/// The largest request of the API (TagResources: 50 ids, 20 tags of two parts) stays below 110.
pub const MAX_PARAMETERS: usize = 512;

/// Names and values of a request, sorted by name, each name once.
///
/// Names and values are wiped when dropped, and values left out of `Debug`: one of them may be a plaintext, and so may a
/// name in a request that is not well-formed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Decodes a query string or form body.
    ///
    /// # Errors
    /// ParseRequestParameterException for too many parameters or bytes that are not UTF-8;
    /// InvalidParameter for a repeated name.
    pub fn from_query(query: &str) -> Result<Self, Error> {
        Self::from_parts([query])
    }

    /// Decodes a query string and a form body and merges them.
    ///
    /// # Errors
    /// As [`Parameters::from_query`]; a name that stands in both is repeated too.
    pub fn from_query_and_form(query: &str, form: &str) -> Result<Self, Error> {
        Self::from_parts([query, form])
    }

    /// Collects pairs that are already decoded.
    ///
    /// # Errors
    /// InvalidParameter for a repeated name.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, Error> {
        Self(pairs.into_iter().collect()).sorted()
    }

    /// The value of `name`, also if it is empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let index = self.0.binary_search_by(|(key, _)| key.as_str().cmp(name)).ok()?;
        Some(&self.0[index].1)
    }

    /// The value of `name` unless it is absent or empty.
    #[must_use]
    pub fn non_empty(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Names and values in byte order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Sets `name` to `value`, replacing what was there.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        match self.0.binary_search_by(|(key, _)| key.as_str().cmp(name)) {
            Ok(index) => {
                self.0[index].1.zeroize();
                self.0[index].1 = value.into();
            }
            Err(index) => self.0.insert(index, (name.to_owned(), value.into())),
        }
    }

    /// `name=value&…` in byte order of the names, percent-encoded as the signatures want it; this is also a
    /// valid form body.
    #[must_use]
    pub fn encode(&self) -> String {
        // Enough for all, so that it never grows and leaves a part of itself behind.
        let length = self.0.iter().map(|(name, value)| 2 + (name.len() + value.len()) * 3).sum();
        let mut text = String::with_capacity(length);
        for (name, value) in self.iter() {
            if !text.is_empty() {
                text.push('&');
            }
            text.extend(percent_encode(name));
            text.push('=');
            text.extend(percent_encode(value));
        }
        text
    }

    fn from_parts<const N: usize>(parts: [&str; N]) -> Result<Self, Error> {
        let pairs = parts.iter().flat_map(|part| part.split('&')).filter(|pair| !pair.is_empty());
        let count = pairs.clone().count();
        if count > MAX_PARAMETERS {
            return Err(Error::new(ErrorCode::ParseRequestParameterException));
        }
        let mut parameters = Self(Vec::with_capacity(count));
        for pair in pairs {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            parameters.0.push((form_decode(name)?, form_decode(value)?));
        }
        parameters.sorted()
    }

    fn sorted(mut self) -> Result<Self, Error> {
        self.0.sort_unstable();
        match self.0.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(Error::with(ErrorCode::InvalidParameter, pair[0].0.clone())),
            None => Ok(self),
        }
    }
}

impl Drop for Parameters {
    fn drop(&mut self) {
        for (name, value) in &mut self.0 {
            name.zeroize();
            value.zeroize();
        }
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// RFC 3986: letters, digits and `-_.~` stay, every other byte becomes `%XX` in upper case.
pub(crate) fn percent_encode(text: &str) -> percent_encoding::PercentEncode<'_> {
    utf8_percent_encode(text, ESCAPED)
}

/// Decodes into one piece of memory that is large enough from the start: one that grows, and every intermediate text,
/// would leave a part of a plaintext behind.
fn form_decode(text: &str) -> Result<String, Error> {
    let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
    for (index, part) in text.as_bytes().split(|byte| *byte == b'+').enumerate() {
        if index > 0 {
            decoded.push(b' ');
        }
        decoded.extend(percent_decode(part));
    }
    String::from_utf8(std::mem::take(&mut *decoded)).map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        Error::new(ErrorCode::ParseRequestParameterException)
    })
}

const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_forms_and_encodes_for_signing() {
        let parameters = Parameters::from_query("b=a+b%20c&a=%E5%AF%86*~'()!&c&&d=").unwrap();
        assert_eq!(parameters.get("b"), Some("a b c"));
        assert_eq!(parameters.get("c"), Some(""));
        assert_eq!(parameters.non_empty("d"), None);
        assert_eq!(parameters.encode(), "a=%E5%AF%86%2A~%27%28%29%21&b=a%20b%20c&c=&d=");
    }

    #[test]
    fn what_is_decoded_never_moves() {
        for text in ["", "plain", "a+b", "+%2B+", "%E5%AF%86+%E9%92%A5", "100%", "%zz%2"] {
            let decoded = form_decode(text).unwrap();
            assert!(decoded.capacity() <= text.len(), "{text}: in the memory it was given at first");
        }
        let long = Parameters::from_pairs([("密".repeat(99), "钥&".repeat(99))]).unwrap();
        assert!(long.encode().len() <= 2 + 99 * (3 + 4) * 3, "as much as was foreseen");
    }

    #[test]
    fn refuses_repeated_names() {
        let both = Parameters::from_query_and_form("KeyId=1", "%4BeyId=1").unwrap_err();
        assert_eq!(both.to_string(), r#"InvalidParameter: The specified parameter "KeyId" is not valid."#);
        assert!(Parameters::from_query("a=1&a=1").is_err());
    }

    #[test]
    fn refuses_too_many_and_bad_utf8() {
        let many: Vec<String> = (0..10_000).map(|i| format!("p{i}=1")).collect();
        assert_eq!(
            Parameters::from_query(&many.join("&")).unwrap_err().code(),
            ErrorCode::ParseRequestParameterException
        );
        assert!(Parameters::from_query("a=%FF").is_err());
    }

    #[test]
    fn counts_parameters_not_separators() {
        let pairs = |range: std::ops::Range<usize>| -> String {
            range.map(|i| format!("p{i}=1")).collect::<Vec<_>>().join("&")
        };
        let count =
            |query: &str, form: &str| Parameters::from_query_and_form(query, form).map(|all| all.0.len());
        let all = pairs(0..MAX_PARAMETERS);
        for (query, form) in [
            (all.clone(), String::new()),
            (String::new(), all.clone()),
            (pairs(0..200), pairs(200..MAX_PARAMETERS)),
            (format!("&{all}&&"), "&".repeat(1000)),
        ] {
            assert_eq!(count(&query, &form).unwrap(), MAX_PARAMETERS);
            let error = count(&format!("{query}&more"), &form).unwrap_err();
            assert_eq!(error.code(), ErrorCode::ParseRequestParameterException);
        }
        assert_eq!(count("&", "").unwrap(), 0);
    }

    #[test]
    fn debug_shows_names_only() {
        let parameters = Parameters::from_query("Plaintext=hunter2").unwrap();
        assert_eq!(format!("{parameters:?}"), r#"["Plaintext"]"#);
    }
}
