//! The editor of a policy, and the excerpt that shows the place of an error.

use bulla_wire::Parameters;
use maud::{Markup, html};

use super::{Control, Field};
use crate::context::Context;
use crate::indented::indented;
use crate::texts::{self, text};

/// Shows the field with the policy that was entered or is stored, else the template.
pub(super) fn editor(context: &Context<'_>, field: &Field, fields: &Parameters, template: &str) -> Markup {
    let value = match fields.get(field.parameter) {
        Some(value) => indented(value),
        None => template.replace("{account}", context.kms.account()).into(),
    };
    let least = if field.needed { 14 } else { 4 };
    let rows = value.lines().count().clamp(least, 40);
    html! {
        textarea.document id=(field.parameter) name=(field.parameter) required[field.needed] rows=(rows) spellcheck="false"
            autocapitalize="off" { "\n" (*value) }
    }
}

/// Shows the line that the message of an error names, if the field is a policy.
pub(super) fn excerpt(context: &Context<'_>, field: &Field, fields: &Parameters, message: &str) -> Markup {
    let is_document = matches!(field.control, Control::Document(_));
    let shown = fields.get(field.parameter).filter(|_| is_document).and_then(|typed| {
        let line = number_after(message, "line ")?;
        let column = number_after(message, "column ")?;
        Some((line, column, typed.lines().nth(line.checked_sub(1)?)?))
    });
    html! {
        @if let Some((number, column, line)) = shown {
            @let (before, after) = split_before(line, column);
            p {
                (context.text(text("Line ", "第 "))) (number) (context.text(text("", " 行"))) (context.text(texts::COLON))
                code { (before) mark { (after) } }
            }
        }
    }
}

/// Splits a line before a column, which counts characters from 1.
fn split_before(line: &str, column: usize) -> (&str, &str) {
    let at = line.char_indices().nth(column.saturating_sub(1)).map_or(line.len(), |(at, _)| at);
    line.split_at(at)
}

fn number_after(message: &str, word: &str) -> Option<usize> {
    let (_, rest) = message.split_once(word)?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_an_error_is_found_in_its_message() {
        let message = "The policy is wrong: line 12, column 3, Statement[0]: unknown member";
        assert_eq!(number_after(message, "line "), Some(12));
        assert_eq!(number_after(message, "column "), Some(3));
        assert_eq!(number_after("no place", "line "), None);
        assert_eq!(split_before("密钥x", 2), ("密", "钥x"));
        assert_eq!(split_before("a", 9), ("a", ""));
    }
}
