//! JSON that is written in one line, as people read it: indented, its members in their order.

/// The text with a member on each line; as it is if it has lines already.
pub(crate) fn indented(json: &str) -> String {
    if json.trim().contains('\n') {
        return json.to_owned();
    }
    let mut text = String::with_capacity(json.len() * 2);
    let mut depth = 0_usize;
    let mut is_in_string = false;
    let mut is_escaped = false;
    let mut letters = json.chars().peekable();
    while let Some(letter) = letters.next() {
        if is_in_string {
            text.push(letter);
            is_in_string = letter != '"' || is_escaped;
            is_escaped = letter == '\\' && !is_escaped;
            continue;
        }
        match letter {
            '{' | '[' => {
                text.push(letter);
                let closing = if letter == '{' { '}' } else { ']' };
                if let Some(closing) = letters.next_if_eq(&closing) {
                    text.push(closing);
                } else {
                    depth += 1;
                    begin_line(&mut text, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                begin_line(&mut text, depth);
                text.push(letter);
            }
            ',' => {
                text.push(letter);
                begin_line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            letter if letter.is_whitespace() => {}
            letter => {
                is_in_string = letter == '"';
                text.push(letter);
            }
        }
    }
    text
}

fn begin_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_and_strings_their_content() {
        let json = r#"{"b": ["x,{\"", 1],"a":{},"c":[]}"#;
        let expected = "{\n  \"b\": [\n    \"x,{\\\"\",\n    1\n  ],\n  \"a\": {},\n  \"c\": []\n}";
        assert_eq!(indented(json), expected);
        assert_eq!(indented("{\n \"a\" : 1}"), "{\n \"a\" : 1}");
        assert_eq!(indented("no json }"), "nojson\n}");
    }
}
