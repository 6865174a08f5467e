//! The token that `bulla disk` writes into the header of a volume: checks its form, and formats it for `cryptsetup luksDump`.
//!
//! The header is unauthenticated, and so is the content of a token. `bulla disk unlock` decides whether to trust it.

use crate::json::Value;
use crate::text::push_visibly;

/// What is wrong with the form of a token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// It is not a JSON object, or it is too large.
    NotAnObject,
    /// It has another type.
    Type,
    /// A later version of bulla wrote it.
    Version,
    /// A member is missing, has another type, or is empty or too long.
    Member(&'static str),
}

/// Checks the form of a token, also while its enrolment is unfinished. Unknown members are allowed.
pub(crate) fn check(token: &str) -> Result<(), Malformed> {
    let token = parse(token)?;
    if token.member("type").and_then(Value::text) != Some("bulla") {
        return Err(Malformed::Type);
    }
    if token.member("version") != Some(&Value::Number("1".to_owned())) {
        return Err(Malformed::Version);
    }
    for member in MEMBERS {
        let is_good = token.member(member.name).map_or(!member.is_required, member.is_good);
        if !is_good {
            return Err(Malformed::Member(member.name));
        }
    }
    Ok(())
}

/// Returns the lines that `cryptsetup luksDump` shows for a token. Malformed members do not hide the others.
pub(crate) fn describe(token: &str) -> Vec<String> {
    let Ok(token) = parse(token) else {
        return Vec::new();
    };
    let texts =
        [("Key id:", "key_id"), ("Version:", "key_version_id"), ("KMS:", "kms"), ("Pending:", "pending")];
    let mut lines: Vec<String> = texts
        .iter()
        .filter_map(|(label, name)| Some(line(label, token.member(name)?.text()?, None)))
        .collect();
    if let Some(Value::Object(context)) = token.member("context") {
        let pairs = context.iter().filter_map(|(key, value)| Some((key, value.text()?)));
        let labels = std::iter::once("Context:").chain(std::iter::repeat(""));
        lines.extend(labels.zip(pairs).map(|(label, (key, value))| line(label, key, Some(value))));
    }
    lines
}

/// Formats a line like cryptsetup does for tokens: a tab, and the value in the thirteenth column.
fn line(label: &str, text: &str, value: Option<&str>) -> String {
    let mut line = format!("\t{label:<12}");
    push_visibly(&mut line, text, MAX_SHOWN);
    if let Some(value) = value {
        line.push('=');
        push_visibly(&mut line, value, MAX_SHOWN);
    }
    line.push('\n');
    line
}

fn parse(token: &str) -> Result<Value, Malformed> {
    let object = if token.len() > MAX_TOKEN { None } else { Value::parse(token) };
    object.filter(|value| matches!(value, Value::Object(_))).ok_or(Malformed::NotAnObject)
}

/// A member that this version knows, with its check.
struct Member {
    name: &'static str,
    is_required: bool,
    is_good: fn(&Value) -> bool,
}

/// All members except `type` and `version`.
const MEMBERS: &[Member] = &[
    Member { name: "keyslots", is_required: true, is_good: is_list_of_key_slots },
    Member { name: "key_id", is_required: true, is_good: is_name },
    Member { name: "key_version_id", is_required: true, is_good: is_name },
    Member { name: "wrapped_key", is_required: true, is_good: is_blob },
    Member { name: "context", is_required: true, is_good: is_context },
    Member { name: "kms", is_required: false, is_good: is_address },
    Member { name: "pending", is_required: false, is_good: is_number },
    Member { name: "replaces", is_required: false, is_good: is_number },
];

/// The list is empty while the key slot is being enrolled.
fn is_list_of_key_slots(value: &Value) -> bool {
    matches!(value, Value::Array(slots) if slots.len() <= MAX_KEY_SLOTS && slots.iter().all(is_number))
}

/// The number of a key slot or token, which LUKS2 writes as a string.
fn is_number(value: &Value) -> bool {
    value
        .text()
        .is_some_and(|text| matches!(text.len(), 1..=2) && text.bytes().all(|digit| digit.is_ascii_digit()))
}

fn is_name(value: &Value) -> bool {
    value.text().is_some_and(|text| (1..=MAX_NAME).contains(&text.len()))
}

fn is_blob(value: &Value) -> bool {
    value.text().is_some_and(|text| !text.is_empty())
}

fn is_address(value: &Value) -> bool {
    value.text().is_some_and(|text| text.len() <= MAX_NAME)
}

fn is_context(value: &Value) -> bool {
    matches!(value, Value::Object(pairs) if pairs.iter().all(|(_, value)| value.text().is_some()))
}

/// Maximum length of a token: twice as long as any that bulla writes.
const MAX_TOKEN: usize = 16 << 10;
/// Maximum length of a name. ARNs and addresses are shorter.
const MAX_NAME: usize = 2 << 10;
/// The maximum of LUKS2.
const MAX_KEY_SLOTS: usize = 32;
/// Maximum number of characters of a text in a dump.
const MAX_SHOWN: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = r#"{"type":"bulla","keyslots":["1"],"version":1,"key_id":"key-1","key_version_id":"v-1",
        "wrapped_key":"YWJj","context":{"machine":"web-1…","team":"a b"},"kms":"https://kms.example","later":[{}]}"#;

    fn with(from: &str, to: &str) -> String {
        assert!(TOKEN.contains(from), "{from}");
        TOKEN.replace(from, to)
    }

    #[test]
    fn tokens_of_every_stage_are_good() {
        assert_eq!(check(TOKEN), Ok(()));
        assert_eq!(check(include_str!("../../../testdata/luks/token.json")), Ok(()));
        assert_eq!(check(&with(r#"["1"]"#, r#"[],"pending":"31","replaces":"0""#)), Ok(()));
        assert_eq!(check(&with(r#"["1"]"#, "[]")), Ok(()));
        assert_eq!(check(&with(r#""kms":"https://kms.example","#, "")), Ok(()));
        assert_eq!(check(&with(r#"{"machine":"web-1…","team":"a b"}"#, "{}")), Ok(()));
        assert_eq!(check(&with("YWJj", &"A".repeat(9000))), Ok(()));
    }

    #[test]
    fn other_types_and_versions_are_refused() {
        assert_eq!(check(&with(r#""bulla""#, r#""clevis""#)), Err(Malformed::Type));
        assert_eq!(check(&with(r#""type":"bulla","#, "")), Err(Malformed::Type));
        for version in ["2", "1.0", r#""1""#, "null", "10"] {
            let token = with(r#""version":1"#, &format!(r#""version":{version}"#));
            assert_eq!(check(&token), Err(Malformed::Version), "{version}");
        }
    }

    #[test]
    fn what_is_no_object_of_a_size_is_refused() {
        for token in ["", "[]", "\"bulla\"", "{", &with("YWJj", &"A".repeat(MAX_TOKEN))] {
            assert_eq!(check(token), Err(Malformed::NotAnObject));
        }
    }

    #[test]
    fn each_member_is_checked() {
        let long = format!("\"{}\"", "A".repeat(MAX_NAME + 1));
        let cases = [
            ("keyslots", r#"["1"]"#, vec!["1", "[1]", r#"["x"]"#, r#"["123"]"#, r#"[""]"#, "null"]),
            ("key_id", r#""key-1""#, vec!["1", r#""""#, &long]),
            ("key_version_id", r#""v-1""#, vec!["{}", r#""""#, &long]),
            ("wrapped_key", r#""YWJj""#, vec!["[]", r#""""#]),
            ("context", r#""a b""#, vec!["1", "null", "{}"]),
            ("kms", r#""https://kms.example""#, vec!["7", &long]),
        ];
        for (name, good, bad) in cases {
            for value in bad {
                assert_eq!(check(&with(good, value)), Err(Malformed::Member(name)), "{name}: {value}");
            }
        }
        for name in ["pending", "replaces"] {
            let token = with(r#""later":[{}]"#, &format!(r#""{name}":1"#));
            assert_eq!(check(&token), Err(Malformed::Member(name)));
        }
        for required in ["keyslots", "key_id", "key_version_id", "wrapped_key", "context"] {
            assert_eq!(check(&with(required, "other")), Err(Malformed::Member(required)));
        }
    }

    /// Flips every bit of every byte, including those between the members.
    #[test]
    fn a_token_with_a_changed_byte_is_checked_and_described() {
        let token = include_str!("../../../testdata/luks/token.json");
        let mut refused = 0;
        for at in 0..token.len() {
            for bit in 0..8 {
                let mut changed = token.as_bytes().to_vec();
                changed[at] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(changed) else { continue };
                refused += usize::from(check(&changed).is_err());
                let lines = describe(&changed);
                assert!(lines.iter().all(|line| line.matches('\n').count() == 1), "byte {at}, bit {bit}");
            }
        }
        assert!(refused > token.len(), "{refused}");
    }

    #[test]
    fn a_dump_shows_what_people_look_for() {
        let shown = "\tKey id:     key-1\n\tVersion:    v-1\n\tKMS:        https://kms.example\n\
             \tContext:    machine=web-1…\n\t            team=a b\n";
        assert_eq!(describe(TOKEN).concat(), shown);
        let pending = describe(&with(r#"["1"]"#, r#"[],"pending":"1""#)).concat();
        assert!(pending.contains("\tPending:    1\n"), "{pending}");
    }

    #[test]
    fn a_dump_of_a_hostile_token_stays_on_its_lines() {
        let token = with("key-1", r"key\n\u001b[31m\u202e").replace("team", r"te\nam");
        let lines = describe(&token);
        assert_eq!(lines[0], "\tKey id:     key\u{fffd}\u{fffd}[31m\u{fffd}\n");
        assert_eq!(lines[4], "\t            te\u{fffd}am=a b\n");
        assert!(lines.iter().all(|line| line.matches('\n').count() == 1));
        assert_eq!(describe("{"), Vec::<String>::new());
        assert_eq!(
            describe(r#"{"key_id":7,"kms":"k","context":{"a":1,"b":""}}"#),
            ["\tKMS:        k\n", "\tContext:    b=\n"]
        );
    }
}
