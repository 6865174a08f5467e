//! A strict parser of JSON (RFC 8259) for tokens, which are small.
//!
//! The parser of another crate would be the largest part of this plugin, which other projects' programs load and run as root. An
//! object with a repeated name is refused, because parsers disagree about which value counts.

/// A JSON value. Numbers are kept as written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Value {
    /// Parses a text with one value; `None` if it is malformed or nested too deeply.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut reader = Reader { rest: text };
        let value = reader.value(MAX_DEPTH)?;
        reader.rest.is_empty().then_some(value)
    }

    /// Returns the member `name` of an object.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(each, _)| each == name).map(|(_, value)| value),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Maximum depth; the same as that of json-c, the parser of libcryptsetup.
const MAX_DEPTH: usize = 32;

/// The rest of the text. White space is skipped after each value.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Option<Value> {
        self.skip_white_space();
        let depth = depth.checked_sub(1)?;
        let value = match self.rest.bytes().next()? {
            b'{' => Value::Object(self.object(depth)?),
            b'[' => Value::Array(self.array(depth)?),
            b'"' => Value::Text(self.string()?),
            b'-' | b'0'..=b'9' => Value::Number(self.number()?),
            _ => self.word()?,
        };
        self.skip_white_space();
        Some(value)
    }

    fn object(&mut self, depth: usize) -> Option<Vec<(String, Value)>> {
        let mut members: Vec<(String, Value)> = Vec::new();
        self.sequence('{', '}', |reader| {
            let name = reader.string()?;
            reader.skip_white_space();
            reader.take(':')?;
            let value = reader.value(depth)?;
            let is_new = members.iter().all(|(each, _)| *each != name);
            members.push((name, value));
            is_new.then_some(())
        })?;
        Some(members)
    }

    fn array(&mut self, depth: usize) -> Option<Vec<Value>> {
        let mut items = Vec::new();
        self.sequence('[', ']', |reader| {
            items.push(reader.value(depth)?);
            Some(())
        })?;
        Some(items)
    }

    /// Parses items with `item`, separated by commas, between `open` and `close`.
    fn sequence(
        &mut self,
        open: char,
        close: char,
        mut item: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.take(open)?;
        self.skip_white_space();
        if self.take(close).is_some() {
            return Some(());
        }
        loop {
            self.skip_white_space();
            item(self)?;
            self.skip_white_space();
            if self.take(close).is_some() {
                return Some(());
            }
            self.take(',')?;
        }
    }

    fn string(&mut self) -> Option<String> {
        self.take('"')?;
        let mut text = String::new();
        loop {
            let mut letters = self.rest.chars();
            let letter = letters.next()?;
            self.rest = letters.as_str();
            match letter {
                '"' => return Some(text),
                '\\' => text.push(self.escape()?),
                '\0'..='\x1f' => return None,
                _ => text.push(letter),
            }
        }
    }

    /// Parses the rest of an escape sequence, after the backslash.
    fn escape(&mut self) -> Option<char> {
        let mut letters = self.rest.chars();
        let letter = letters.next()?;
        self.rest = letters.as_str();
        Some(match letter {
            '"' | '\\' | '/' => letter,
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => return self.code_point(),
            _ => return None,
        })
    }

    /// Parses the rest of `\u`: a UTF-16 code unit, or two that form a surrogate pair.
    fn code_point(&mut self) -> Option<char> {
        let first = self.code_unit()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first.into());
        }
        self.take('\\')?;
        self.take('u')?;
        let second = self.code_unit()?;
        char::decode_utf16([first, second]).next()?.ok()
    }

    fn code_unit(&mut self) -> Option<u16> {
        let digits = self.rest.get(..4)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        self.rest = &self.rest[4..];
        u16::from_str_radix(digits, 16).ok()
    }

    fn number(&mut self) -> Option<String> {
        let begin = self.rest;
        let _ = self.take('-');
        let integer = self.digits();
        if integer.is_empty() || (integer.len() > 1 && integer.starts_with('0')) {
            return None;
        }
        if self.take('.').is_some() && self.digits().is_empty() {
            return None;
        }
        if self.take('e').or_else(|| self.take('E')).is_some() {
            let _ = self.take('+').or_else(|| self.take('-'));
            if self.digits().is_empty() {
                return None;
            }
        }
        Some(begin[..begin.len() - self.rest.len()].to_owned())
    }

    fn digits(&mut self) -> String {
        let rest = self.rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
        let digits = &self.rest[..self.rest.len() - rest.len()];
        self.rest = rest;
        digits.to_owned()
    }

    fn word(&mut self) -> Option<Value> {
        let words = [("null", Value::Null), ("true", Value::Bool(true)), ("false", Value::Bool(false))];
        for (word, value) in words {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, letter: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(letter)?;
        Some(())
    }

    fn skip_white_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn values_of_every_kind_are_read() {
        let value =
            Value::parse(" {\"a\": [1, -0.5e+3, null, true, false],\r\n\t\"b\": {}, \"c\": []} ").unwrap();
        let numbers = [Value::Number("1".to_owned()), Value::Number("-0.5e+3".to_owned())];
        let words = [Value::Null, Value::Bool(true), Value::Bool(false)];
        assert_eq!(value.member("a"), Some(&Value::Array(numbers.into_iter().chain(words).collect())));
        assert_eq!(value.member("b"), Some(&Value::Object(Vec::new())));
        assert_eq!(value.member("c"), Some(&Value::Array(Vec::new())));
        assert_eq!(value.member("d"), None);
    }

    #[test]
    fn escapes_of_strings_are_resolved() {
        let value = Value::parse(r#""\"\\\/\b\f\n\r\t\u00e9\u4e2d\ud83d\ude00 é中""#);
        assert_eq!(value, Some(text("\"\\/\x08\x0c\n\r\té中😀 é中")));
    }

    #[test]
    fn malformed_texts_are_refused() {
        let texts = [
            "",
            " ",
            "{",
            "}",
            "[1,]",
            "[1 2]",
            "[,1]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{'a':1}",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "NaN",
            "nul",
            "truefalse",
            "1 1",
            "\"",
            "\"\\\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u+123\"",
            "\"\\ud83d\"",
            "\"\\ude00\"",
            "\"\\ud83d\\u0041\"",
            "\"a\nb\"",
            "\"\0\"",
            "/* */ 1",
            "{\"a\":1,\"a\":2}",
            "\u{feff}1",
            "\"\\u00é\"",
        ];
        for text in texts {
            assert_eq!(Value::parse(text), None, "{text}");
        }
    }

    #[test]
    fn nesting_is_limited() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Value::parse(&nested(MAX_DEPTH)).is_some());
        assert_eq!(Value::parse(&nested(MAX_DEPTH + 1)), None);
        assert_eq!(Value::parse(&"[".repeat(1_000_000)), None);
    }
}
