//! What commands are expected to print, and whether they have printed it.

/// Whether the lines that were printed are the expected ones. A line `...` matches any lines, `[..]` for any part of a line.
pub(super) fn matches(expected: &[String], printed: &[String]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first.trim() == "..." => {
            (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..]))
        }
        Some((first, rest)) => {
            printed.split_first().is_some_and(|(line, lines)| fits(first, line) && matches(rest, lines))
        }
    }
}

/// Whether a line is the expected one, in which `[..]` matches any text.
fn fits(expected: &str, line: &str) -> bool {
    let mut parts = expected.split("[..]");
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let Some(last) = expected.rsplit_once("[..]").map(|(_, last)| last) else { return rest.is_empty() };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    line.ends_with(last)
}

/// The lines of a text with all that differs from run to run replaced: ids, times, hashes, addresses, and numbers if `numbers`.
pub(super) fn stable(text: &str, numbers: bool) -> Vec<String> {
    text.lines().map(|line| stable_line(line, numbers)).collect()
}

fn stable_line(line: &str, numbers: bool) -> String {
    let mut stable = String::new();
    let mut rest = line;
    'line: while let Some(first) = rest.chars().next() {
        // A shape does not begin in the middle of a word.
        if !stable.ends_with(|c: char| c.is_ascii_alphanumeric()) {
            for (shape, name) in SHAPES {
                if let Some(length) = length(rest, shape) {
                    stable.push_str(name);
                    rest = &rest[length..];
                    continue 'line;
                }
            }
        }
        rest = &rest[first.len_utf8()..];
        if !(numbers && first.is_ascii_digit()) {
            stable.push(first);
        } else if !stable.ends_with('9') {
            stable.push('9');
        }
    }
    stable.trim_end().to_owned()
}

/// `x` matches a hexadecimal digit, `0` a decimal one, `*` a letter or a digit, `+` the rest of a word.
const SHAPES: [(&str, &str); 7] = [
    ("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", "[ID]"),
    ("0000-00-00T00:00:00.000Z", "[TIME]"),
    ("0000-00-00T00:00:00Z", "[TIME]"),
    ("127.0.0.1:+", "[ADDRESS]"),
    ("BULLA****************", "[ACCESS KEY]"),
    ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "[HASH]"),
    ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "[ID]"),
];

/// The length of what has a shape at the beginning of a text.
fn length(text: &str, shape: &str) -> Option<usize> {
    let word = |text: &str| text.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let (shape, open) = shape.strip_suffix('+').map_or((shape, false), |shape| (shape, true));
    let found = text.get(..shape.len())?;
    let fits = found.bytes().zip(shape.bytes()).all(|(byte, shape)| match shape {
        b'x' => byte.is_ascii_hexdigit(),
        b'0' => byte.is_ascii_digit(),
        b'*' => byte.is_ascii_alphanumeric(),
        _ => byte == shape,
    });
    let tail = word(&text[shape.len()..]);
    (fits && (open || tail == 0)).then_some(shape.len() + if open { tail } else { 0 })
}

#[test]
fn lines_match_with_wildcards() {
    let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    let matches = |expected: &str, printed: &str| matches(&lines(expected), &lines(printed));
    assert!(matches("a\nb", "a\nb"));
    assert!(!matches("a\nb", "a"));
    assert!(!matches("a", "a\nb"));
    assert!(matches("a\n...\nd", "a\nb\nc\nd"));
    assert!(matches("a\n...", "a"));
    assert!(!matches("...\nd", "a\nb"));
    assert!(matches("a [..] c[..]", "a b c d"));
    assert!(!matches("a [..] c", "a b c d"));
    assert!(!matches("[..]x", "a b c d"));
}

#[test]
fn what_differs_from_run_to_run_is_replaced() {
    let line = "key fed3b11e-3c00-41a9-8468-670f9f3c2d14 at 2026-11-24T02:00:00Z by BULLApc7738ep5umfxita on 127.0.0.1:8443: 12 of 340";
    let expected = "key [ID] at [TIME] by [ACCESS KEY] on [ADDRESS]: 12 of 340";
    assert_eq!(stable(line, false), [expected]);
    assert_eq!(stable(line, true), [expected.replace("12", "9").replace("340", "9")]);
    assert_eq!(stable("BULLApc7738ep5umfxita9 xfed3b11e-3c00-41a9-8468-670f9f3c2d14", false).len(), 1);
}
