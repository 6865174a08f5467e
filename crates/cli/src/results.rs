//! Results on standard output.

use std::fmt::{Display, Write as _};
use std::iter;

use serde::Serialize;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::messages::{on_its_lines, on_one_line, steers};
use crate::streams::write_out;

/// Prints a line of the result, for people.
pub(crate) fn print(line: impl Display) -> Result<(), Failure> {
    print_raw(on_one_line(&line.to_string()))
}

/// Prints text of several lines, for people.
pub(crate) fn print_lines(text: &str) -> Result<(), Failure> {
    print_raw(on_its_lines(text.trim_end()))
}

/// Prints a result unchanged, for programs.
pub(crate) fn print_raw(text: impl Display) -> Result<(), Failure> {
    let line = Zeroizing::new(format!("{text}\n")); // may be the reply to Decrypt
    write_out(line.as_bytes()).map_err(|error| Failure::output(&error))
}

/// Prints a result as JSON, for programs.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    print_raw(&*json(value))
}

/// Returns a result as JSON, wiped on drop: it may hold the secret of an access key.
pub(crate) fn json(value: &impl Serialize) -> Zeroizing<String> {
    let text = serde_json::to_string_pretty(value).expect("names are texts, and no value fails to serialize");
    escaped(Zeroizing::new(text))
}

/// Escapes the characters that control a terminal and that JSON allows unescaped.
pub(crate) fn escaped(json: Zeroizing<String>) -> Zeroizing<String> {
    let is_raw = |character: char| character != '\n' && steers(character);
    let count = json.chars().filter(|character| is_raw(*character)).count();
    if count == 0 {
        return json;
    }
    // The capacity is exact, so the text is never moved and no copy stays in memory.
    let mut text = Zeroizing::new(String::with_capacity(json.len() + count * r"\u0000".len()));
    for character in json.chars() {
        if is_raw(character) {
            let _ = write!(text, r"\u{:04x}", u32::from(character));
        } else {
            text.push(character);
        }
    }
    text
}

/// A table whose columns are as wide as their widest entry, except the last one.
pub(crate) struct Table<const N: usize> {
    header: [&'static str; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(header: [&'static str; N]) -> Self {
        Self { header, rows: Vec::new() }
    }

    pub(crate) fn push(&mut self, row: [String; N]) {
        self.rows.push(row.map(|entry| on_one_line(&entry)));
    }

    pub(crate) fn print(&self) -> Result<(), Failure> {
        print_raw(self.lines().join("\n"))
    }

    fn lines(&self) -> Vec<String> {
        let header = self.header.map(str::to_owned);
        let rows = || iter::once(&header).chain(&self.rows);
        let width = |column: usize| rows().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; N] = std::array::from_fn(width);
        let line = |row: &[String; N]| {
            let entries = row.iter().zip(widths).map(|(entry, width)| format!("{entry:width$}"));
            entries.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        rows().map(line).collect()
    }
}

/// Prints a field and its value, unless the value is empty.
pub(crate) fn print_field(name: &str, value: impl Display) -> Result<(), Failure> {
    match value.to_string() {
        value if value.is_empty() => Ok(()),
        value => print(format_args!("{name:16} {value}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_steers_no_terminal_and_means_the_same() {
        let value = serde_json::json!({"a\u{202e}": "\u{9b}31m\u{7f}\u{1b}\n密", "b": ["\u{2028}"]});
        let text = json(&value);
        assert!(text.lines().all(|line| !line.contains(steers)), "{}", *text);
        assert!(text.contains(r"\u009b31m\u007f\u001b\n密"), "{}", *text);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_entry() {
        let mut table = Table::new(["USER", "NAME"]);
        table.push(["bob".into(), "密\n".into()]);
        table.push(["alexandra".into(), String::new()]);
        assert_eq!(table.lines(), ["USER       NAME", "bob        密\u{fffd}", "alexandra"]);
    }
}
