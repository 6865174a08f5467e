//! The parameters of a request: the names and values of query string and form body.

use std::fmt;
use std::mem;

use memchr::memchr2;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorCode};

/// Maximum number of parameters of a request, checked before decoding.
///
/// The largest request of the API (TagResources: 50 ids, 20 tags of two parts) has fewer than 110.
pub const MAX_PARAMETERS: usize = 512;

/// The names and values of a request, sorted by name. Each name occurs once.
///
/// All of them are stored in one allocation, which is wiped on drop, and `Debug` does not show values: one of them may be a
/// plaintext. A name in a malformed request may be one too.
#[derive(Clone, Default)]
pub struct Parameters {
    text: Zeroizing<String>,
    /// Sorted by name.
    pairs: Vec<Pair>,
}

/// The places of a parameter's name and value in the text.
#[derive(Clone, Copy)]
struct Pair {
    name: Span,
    value: Span,
}

type Span = (usize, usize);

impl Parameters {
    /// Decodes a query string or form body.
    ///
    /// # Errors
    /// ParseRequestParameterException for too many parameters or bytes that are not UTF-8; InvalidParameter for a repeated name.
    pub fn from_query(query: &str) -> Result<Self, Error> {
        Self::from_parts([query])
    }

    /// Decodes a query string and a form body and merges them.
    ///
    /// # Errors
    /// As [`Parameters::from_query`]. A name that occurs in both is repeated too.
    pub fn from_query_and_form(query: &str, form: &str) -> Result<Self, Error> {
        Self::from_parts([query, form])
    }

    /// Collects decoded pairs.
    ///
    /// # Errors
    /// InvalidParameter for a repeated name.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, Error> {
        let mut parameters = Self::default();
        for (name, value) in pairs {
            let name = parameters.add(&Zeroizing::new(name));
            let value = parameters.add(&Zeroizing::new(value));
            parameters.pairs.push(Pair { name, value });
        }
        parameters.sorted()
    }

    /// Returns the value of `name`, which may be empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        // Most names differ in length, so this compares fewer bytes than a binary search.
        let text = self.text.as_bytes();
        let name = name.as_bytes();
        let is_named = |Pair { name: (begin, end), .. }: &&Pair| {
            end - begin == name.len() && text[*begin..*end] == *name
        };
        self.pairs.iter().find(is_named).map(|pair| self.part(pair.value))
    }

    /// Returns the value of `name`; `None` if it is absent or empty.
    #[must_use]
    pub fn non_empty(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Returns names and values, sorted by the bytes of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|pair| (self.part(pair.name), self.part(pair.value)))
    }

    /// Sets `name` to `value`, replacing its previous value.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = self.add(&Zeroizing::new(value.into()));
        match self.find(name) {
            Ok(index) => self.pairs[index].value = value,
            Err(index) => {
                let name = self.add(name);
                self.pairs.insert(index, Pair { name, value });
            }
        }
    }

    /// Returns `name=value&…`, sorted by the bytes of the names and percent-encoded as the signatures require. This is also a
    /// valid form body.
    #[must_use]
    pub fn encode(&self) -> String {
        // Large enough that the text never grows, which would leave a copy of a part in freed memory.
        let length = self.iter().map(|(name, value)| 2 + (name.len() + value.len()) * 3).sum();
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
        // Decoding never makes it longer, so the text never grows, which would leave a copy of a part in freed memory.
        let mut text = Zeroizing::new(Vec::with_capacity(parts.iter().map(|part| part.len()).sum()));
        let mut found = Vec::with_capacity(count);
        for pair in pairs {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            found.push(Pair { name: form_decode(name, &mut text), value: form_decode(value, &mut text) });
        }
        let text = match String::from_utf8(mem::take(&mut *text)) {
            Ok(text) => Zeroizing::new(text),
            Err(error) => {
                drop(Zeroizing::new(error.into_bytes()));
                return Err(Error::new(ErrorCode::ParseRequestParameterException));
            }
        };
        // The end of one parameter and the beginning of the next could together form a character.
        let is_text = |(begin, end): Span| text.is_char_boundary(begin) && text.is_char_boundary(end);
        if !found.iter().all(|pair| is_text(pair.name) && is_text(pair.value)) {
            return Err(Error::new(ErrorCode::ParseRequestParameterException));
        }
        Self { text, pairs: found }.sorted()
    }

    fn sorted(mut self) -> Result<Self, Error> {
        let Self { text, pairs } = &mut self;
        let bytes = |pair: &Pair| &text.as_bytes()[pair.name.0..pair.name.1];
        pairs.sort_unstable_by(|one, other| bytes(one).cmp(bytes(other)));
        let name = |pair: &Pair| &text[pair.name.0..pair.name.1];
        match pairs.windows(2).find(|pair| name(&pair[0]) == name(&pair[1])) {
            Some(pair) => Err(Error::with(ErrorCode::InvalidParameter, name(&pair[0]))),
            None => Ok(self),
        }
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.pairs.binary_search_by(|pair| self.part(pair.name).cmp(name))
    }

    fn part(&self, (begin, end): Span) -> &str {
        &self.text[begin..end]
    }

    /// Appends to the text. Wipes memory that it outgrows.
    fn add(&mut self, part: &str) -> Span {
        let begin = self.text.len();
        let end = begin + part.len();
        if end > self.text.capacity() {
            let mut larger = Zeroizing::new(String::with_capacity(end * 2));
            larger.push_str(&self.text);
            self.text = larger;
        }
        self.text.push_str(part);
        (begin, end)
    }
}

impl PartialEq for Parameters {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Parameters {}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

/// Percent-encodes by RFC 3986: letters, digits and `-_.~` are unchanged, every other byte becomes `%XX` in upper case.
pub(crate) fn percent_encode(text: &str) -> percent_encoding::PercentEncode<'_> {
    utf8_percent_encode(text, ESCAPED)
}

/// Whether percent-encoding leaves a byte unchanged.
pub(crate) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}

/// Decodes a name or value of a form and appends it to `text`, which must have enough capacity.
fn form_decode(encoded: &str, text: &mut Vec<u8>) -> Span {
    let begin = text.len();
    let mut rest = encoded.as_bytes();
    while let Some(at) = memchr2(b'%', b'+', rest) {
        text.extend_from_slice(&rest[..at]);
        let (byte, length) = match rest[at..] {
            [b'%', high, low, ..] => from_hex(high, low).map_or((b'%', 1), |byte| (byte, 3)),
            [b'+', ..] => (b' ', 1),
            _ => (b'%', 1),
        };
        text.push(byte);
        rest = &rest[at + length..];
    }
    text.extend_from_slice(rest);
    (begin, text.len())
}

fn from_hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode;

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
        for text in ["", "plain", "a+b", "+%2B+", "%E5%AF%86+%E9%92%A5", "100%", "%zz%2", "%%41%4", "%+41"] {
            let mut decoded = Vec::with_capacity(text.len());
            let room = decoded.capacity();
            let span = form_decode(text, &mut decoded);
            assert_eq!((span, decoded.capacity()), ((0, decoded.len()), room), "{text}");
            let blanks = text.replace('+', " ");
            assert_eq!(decoded, percent_decode(blanks.as_bytes()).collect::<Vec<_>>(), "{text}");
        }
        let long = Parameters::from_pairs([("密".repeat(99), "钥&".repeat(99))]).unwrap();
        assert!(long.encode().len() <= 2 + 99 * (3 + 4) * 3, "as much as was foreseen");
    }

    #[test]
    fn a_character_is_not_made_of_two_parameters() {
        for query in ["a=%E5&%AF%86=b", "%E5=%AF%86", "a=b%E5%AF&%86", "a%E5=%AF%86&b"] {
            let error = Parameters::from_query(query).unwrap_err();
            assert_eq!(error.code(), ErrorCode::ParseRequestParameterException, "{query}");
        }
    }

    #[test]
    fn parameters_with_equal_values_are_equal() {
        let mut set = Parameters::from_query("b=1&a=long+value").unwrap();
        set.set("b", "2");
        set.set("c", "");
        set.set("a", "x".repeat(1000));
        let made = Parameters::from_query(&format!("c&a={}&b=2", "x".repeat(1000))).unwrap();
        assert_eq!(set, made);
        assert_ne!(set, Parameters::from_query("c&b=2").unwrap());
        assert_eq!(set.clone().encode(), made.encode());
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
        let count = |query: &str, form: &str| {
            Parameters::from_query_and_form(query, form).map(|all| all.iter().count())
        };
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
