//! Indents one-line JSON, keeping the order of members.

use zeroize::Zeroizing;

/// Returns the text with one member a line; unchanged if it has several lines already. The text may contain a secret, so the
/// buffer has its final size from the start and is never reallocated.
pub(crate) fn indented(json: &str) -> Zeroizing<String> {
    let mut length = 0;
    walk(json, &mut |letter| length += letter.len_utf8());
    let mut text = Zeroizing::new(String::with_capacity(length));
    walk(json, &mut |letter| text.push(letter));
    text
}

fn walk(json: &str, put: &mut impl FnMut(char)) {
    if json.trim().contains('\n') {
        return json.chars().for_each(put);
    }
    let mut depth = 0_usize;
    let mut is_in_string = false;
    let mut is_escaped = false;
    let mut letters = json.chars().peekable();
    while let Some(letter) = letters.next() {
        if is_in_string {
            put(letter);
            is_in_string = letter != '"' || is_escaped;
            is_escaped = letter == '\\' && !is_escaped;
            continue;
        }
        match letter {
            '{' | '[' => {
                put(letter);
                let closing = if letter == '{' { '}' } else { ']' };
                if let Some(closing) = letters.next_if_eq(&closing) {
                    put(closing);
                } else {
                    depth += 1;
                    begin_line(put, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                begin_line(put, depth);
                put(letter);
            }
            ',' => {
                put(letter);
                begin_line(put, depth);
            }
            ':' => ": ".chars().for_each(&mut *put),
            letter if letter.is_whitespace() => {}
            letter => {
                is_in_string = letter == '"';
                put(letter);
            }
        }
    }
}

fn begin_line(put: &mut impl FnMut(char), depth: usize) {
    put('\n');
    (0..depth).for_each(|_| "  ".chars().for_each(&mut *put));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_and_strings_their_content() {
        let json = r#"{"b": ["x,{\"", 1],"a":{},"c":[]}"#;
        let expected = "{\n  \"b\": [\n    \"x,{\\\"\",\n    1\n  ],\n  \"a\": {},\n  \"c\": []\n}";
        assert_eq!(*indented(json), expected);
        assert_eq!(*indented("{\n \"a\" : 1}"), "{\n \"a\" : 1}");
        assert_eq!(*indented("no json }"), "nojson\n}");
    }
}
