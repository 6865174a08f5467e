//! Paths of the console: parses those of requests, and builds those of links.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::PREFIX;

/// Returns the segments below the console's prefix. They are decoded after the split, so an encoded slash is part of a name.
/// `None` for paths outside the console, with `.` or `..`, or not in UTF-8.
pub(crate) fn segments(path: &str) -> Option<Vec<String>> {
    let rest = path.strip_prefix(PREFIX.trim_end_matches('/'))?;
    let rest = if rest.is_empty() { rest } else { rest.strip_prefix('/')? };
    if rest.is_empty() {
        return Some(Vec::new());
    }
    let decode = |segment: &str| {
        let name = percent_decode_str(segment).decode_utf8().ok()?.into_owned();
        (!matches!(&*name, "" | "." | "..")).then_some(name)
    };
    rest.split('/').map(decode).collect()
}

/// Returns the path of a page: `base`, a path below [`PREFIX`], followed by names, which are encoded.
pub(crate) fn path(base: &str, names: &[&str]) -> String {
    let mut path = format!("{PREFIX}{base}");
    for name in names {
        path.push('/');
        path.extend(utf8_percent_encode(name, SEGMENT));
    }
    path
}

/// Returns a path with a query.
pub(crate) fn with_query(path: &str, fields: &[(&str, &str)]) -> String {
    let mut text = path.to_owned();
    for (index, (name, value)) in fields.iter().enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        text.extend(utf8_percent_encode(name, SEGMENT));
        text.push('=');
        text.extend(utf8_percent_encode(value, SEGMENT));
    }
    text
}

/// Checks a redirect target that came with a request. Only paths of the console are accepted.
pub(crate) fn local(path: &str) -> Option<&str> {
    let is_local = path.starts_with(PREFIX)
        && path.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\<>\"".contains(&byte));
    is_local.then_some(path)
}

const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_decoded_once_and_dots_are_refused() {
        let of = |path| segments(path).map(|segments| segments.join("|"));
        assert_eq!(of("/console"), Some(String::new()));
        assert_eq!(of("/console/"), Some(String::new()));
        assert_eq!(of("/console/secrets/a%2Fb"), Some("secrets|a/b".into()));
        assert_eq!(of("/console/secrets/%252e%252e"), Some("secrets|%2e%2e".into()));
        for path in [
            "/",
            "/consoles",
            "/console//",
            "/console/../",
            "/console/%2e%2e",
            "/console/keys/",
            "/console/%ff",
        ] {
            assert_eq!(of(path), None, "{path}");
        }
    }

    #[test]
    fn printed_paths_are_read_back_and_foreign_ones_are_not_followed() {
        let name = "a/b c%2F?&<ä";
        assert_eq!(segments(&path("secrets", &[name])).unwrap(), ["secrets", name]);
        assert_eq!(with_query("/console/", &[("a", "b&c"), ("d", "")]), "/console/?a=b%26c&d=");
        assert_eq!(local("/console/keys?x=1"), Some("/console/keys?x=1"));
        for foreign in
            ["//evil", "https://evil", "/", "/console", "/console/\r\nSet-Cookie: a", "/console/\\evil"]
        {
            assert_eq!(local(foreign), None, "{foreign:?}");
        }
    }
}
