//! Controls: how a parameter is entered, and how the input becomes its value.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bulla_wire::{Error, Parameters, Timestamp};
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::suggest::{Names, list_id};
use super::{Field, document};
use crate::context::Context;
use crate::texts::{self, Text};

/// How a parameter is entered.
#[derive(Clone, Copy)]
pub(crate) enum Control {
    /// A hidden field, whose value the linking page provides.
    Hidden,
    /// One line.
    Line,
    /// Several lines.
    Area,
    /// A password, which no response contains.
    Secret,
    /// Several lines, which no response contains.
    SecretArea,
    /// Several lines, sent to the action as Base64. No response contains them.
    Base64,
    /// Several lines, of which the action gets the digest as Base64: SHA-256, or that of SM2. No response contains them.
    Digest,
    /// A number.
    Number,
    /// A point in time in UTC, sent to the action in seconds since the Unix epoch.
    Time,
    /// A checkbox.
    Check,
    /// One of these values. An empty value is the default of the API.
    Choice(&'static [(&'static str, Text)]),
    /// One line. An empty one clears the current value.
    Clearable,
    /// One line, with the names of existing resources as suggestions.
    Known(Names),
    /// A policy, with a template for new ones, in which `{account}` is replaced by the id of the account.
    Document(&'static str),
    /// Names and values, sent as a JSON object.
    Members,
    /// Names and values, sent as a JSON list of tags.
    Tags,
    /// Names and values, sent as a JSON list of tags in the format of RAM.
    RamTags,
    /// A hidden name, sent as a JSON list.
    HiddenList,
}

/// How many rows of names and values a form offers.
const ROWS: usize = 4;

impl Control {
    /// Returns the value of a parameter; `None` if nothing was entered.
    ///
    /// # Errors
    /// InvalidParameter for a value without a name or a time that cannot be parsed.
    pub(crate) fn value(self, parameter: &str, fields: &Parameters) -> Result<Option<String>, Error> {
        let entered = || fields.non_empty(parameter);
        Ok(match self {
            Self::Hidden
            | Self::Line
            | Self::Known(_)
            | Self::Secret
            | Self::Number
            | Self::Check
            | Self::Choice(_) => entered().map(str::to_owned),
            Self::Clearable => fields.get(parameter).map(str::to_owned),
            Self::HiddenList => entered().map(|name| json!([name]).to_string()),
            Self::Area | Self::SecretArea | Self::Document(_) => {
                entered().map(|text| text.replace("\r\n", "\n"))
            }
            Self::Base64 => entered().map(|text| BASE64_STANDARD.encode(text.replace("\r\n", "\n"))),
            Self::Digest => entered()
                .map(|text| BASE64_STANDARD.encode(digest(&SHA256, text.replace("\r\n", "\n").as_bytes()))),
            Self::Time => match entered() {
                Some(text) => Some(unix(text).ok_or_else(|| Error::invalid(parameter))?.to_string()),
                None => None,
            },
            Self::Members => {
                let pairs = pairs(parameter, fields)?;
                let members: Map<_, _> =
                    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
                (!members.is_empty()).then(|| Value::Object(members).to_string())
            }
            Self::Tags => {
                let tag = |(name, value): (&str, &str)| json!({"TagKey": name, "TagValue": value});
                list(pairs(parameter, fields)?.into_iter().map(tag))
            }
            Self::RamTags => {
                let tag = |(name, value): (&str, &str)| json!({"Key": name, "Value": value});
                list(pairs(parameter, fields)?.into_iter().map(tag))
            }
        })
    }

    /// Shows the field in a form, with its value in `fields`.
    pub(crate) fn show(self, context: &Context<'_>, field: &Field, fields: &Parameters) -> Markup {
        let value = fields.get(field.parameter).unwrap_or_default();
        let input = match self {
            Self::Hidden | Self::HiddenList => return hidden(field, value),
            Self::Members | Self::Tags | Self::RamTags => return rows(context, field, fields),
            Self::Check => return check(context, field, value),
            Self::Known(_) => html! {
                input id=(field.parameter) name=(field.parameter) value=(value) required[field.needed] spellcheck="false"
                    list=(list_id(field));
            },
            Self::Document(template) => document::editor(context, field, fields, template),
            Self::Line | Self::Clearable => html! {
                input id=(field.parameter) name=(field.parameter) value=(value) required[field.needed] spellcheck="false";
            },
            Self::Number => html! {
                input id=(field.parameter) name=(field.parameter) value=(value) required[field.needed] inputmode="numeric" pattern="[0-9]*";
            },
            Self::Secret => html! {
                input id=(field.parameter) name=(field.parameter) type="password" required[field.needed] autocomplete="new-password";
            },
            Self::Area => html! {
                textarea id=(field.parameter) name=(field.parameter) required[field.needed] rows="6" spellcheck="false" { "\n" (value) }
            },
            Self::Time => html! {
                input id=(field.parameter) name=(field.parameter) value=(value) required[field.needed] type="datetime-local";
            },
            Self::SecretArea | Self::Base64 | Self::Digest => html! {
                textarea id=(field.parameter) name=(field.parameter) required[field.needed] rows="6" spellcheck="false" {}
            },
            Self::Choice(options) => html! {
                select id=(field.parameter) name=(field.parameter) required[field.needed] {
                    @if !field.needed { option value="" { (context.text(texts::DEFAULT)) } }
                    @for (option, label) in options {
                        option value=(option) selected[*option == value] { (context.text(*label)) }
                    }
                }
            },
        };
        html! {
            div.field {
                label for=(field.parameter) { (context.text(field.label)) (optional(context, field)) }
                (input)
            }
        }
    }
}

fn hidden(field: &Field, value: &str) -> Markup {
    html! { @if field.needed || !value.is_empty() { input type="hidden" name=(field.parameter) value=(value); } }
}

fn list(values: impl Iterator<Item = Value>) -> Option<String> {
    let values: Vec<_> = values.collect();
    (!values.is_empty()).then(|| Value::Array(values).to_string())
}

fn check(context: &Context<'_>, field: &Field, value: &str) -> Markup {
    html! {
        div.field.check {
            input id=(field.parameter) name=(field.parameter) type="checkbox" value="true" checked[value == "true"];
            label for=(field.parameter) { (context.text(field.label)) }
        }
    }
}

fn rows(context: &Context<'_>, field: &Field, fields: &Parameters) -> Markup {
    let typed = |part, row| {
        let name = part_name(field.parameter, part, row);
        let value = fields.get(&name).unwrap_or_default().to_owned();
        (name, value)
    };
    html! {
        fieldset.field.rows {
            legend { (context.text(field.label)) (optional(context, field)) }
            @for row in 0..ROWS {
                div.row {
                    @for (part, label) in [(NAME, texts::NAME), (VALUE, texts::VALUE)] {
                        @let (name, value) = typed(part, row);
                        input name=(name) value=(value) aria-label=(format!("{} {}", context.text(label), row + 1))
                            placeholder=(context.text(label)) spellcheck="false";
                    }
                }
            }
        }
    }
}

/// Parses a time in the format of browsers, `2026-01-31T12:30` with or without seconds. Returns seconds since the Unix epoch.
pub(crate) fn unix(text: &str) -> Option<i64> {
    let seconds = if text.len() == "2026-01-31T12:30".len() { ":00" } else { "" };
    Timestamp::parse(&format!("{text}{seconds}Z")).map(Timestamp::unix)
}

fn optional(context: &Context<'_>, field: &Field) -> Markup {
    html! { @if !field.needed { span.fine { (context.text(texts::OPEN)) (context.text(texts::OPTIONAL)) (context.text(texts::CLOSE)) } } }
}

/// Returns the names and values in the rows of a field. A row with a value must have a name.
fn pairs<'a>(parameter: &str, fields: &'a Parameters) -> Result<Vec<(&'a str, &'a str)>, Error> {
    let mut pairs = Vec::new();
    for row in 0..ROWS {
        let part = |part| fields.get(&part_name(parameter, part, row)).unwrap_or_default();
        match (part(NAME), part(VALUE)) {
            ("", "") => {}
            ("", _) => return Err(Error::invalid(parameter)),
            (name, _) if pairs.iter().any(|(earlier, _)| *earlier == name) => {
                return Err(Error::invalid(parameter));
            }
            pair => pairs.push(pair),
        }
    }
    Ok(pairs)
}

fn part_name(parameter: &str, part: &str, row: usize) -> String {
    format!("{parameter}:{part}:{row}")
}

const NAME: &str = "name";
const VALUE: &str = "value";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_texts_become_what_the_api_takes() {
        let fields = Parameters::from_query("Time=2001-09-09T01%3A46&Text=a%0D%0Ab&Odd=soon").unwrap();
        let value = |control: Control, parameter| control.value(parameter, &fields);
        assert_eq!(value(Control::Time, "Time").unwrap().as_deref(), Some("999999960"));
        assert_eq!(value(Control::Time, "Absent").unwrap(), None);
        assert!(value(Control::Time, "Odd").is_err());
        assert_eq!(value(Control::Base64, "Text").unwrap().as_deref(), Some("YQpi"));
        let sha256 = "cAxATKdGnXcwW2ewe4Fvi3o67Z7Jrr9rYHnCfMFYkyU=";
        assert_eq!(value(Control::Digest, "Text").unwrap().unwrap().len(), sha256.len());
    }
}
