//! JSON values that know their place in the text, so that errors have a line, a column and a path.
//!
//! `serde_json` parses the text. A value is a slice of it, whose content is parsed only on request and no deeper than policies
//! are nested, so the nesting depth of a document is not limited.

use std::collections::HashSet;
use std::fmt;
use std::rc::Rc;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{PolicyError, Reason};

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    document: &'a str,
    raw: &'a str,
    /// `None` for the whole document.
    path: Option<Rc<Step>>,
}

/// The last step of a path. Paths are formatted only for errors.
#[derive(Debug)]
struct Step {
    parent: Option<Rc<Self>>,
    part: Part,
}

#[derive(Debug)]
enum Part {
    Name(Rc<str>),
    Index(usize),
}

/// A member of an object. [`Member::refused`] reports errors at its name.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    pub(crate) name: Rc<str>,
    pub(crate) value: Node<'a>,
    at: usize,
}

impl<'a> Node<'a> {
    /// Parses a document.
    pub(crate) fn parse(document: &'a str) -> Result<Self, PolicyError> {
        match serde_json::from_str::<&RawValue>(document) {
            Ok(raw) => Ok(Self { document, raw: raw.get(), path: None }),
            Err(error) => {
                let at = offset(document, error.line(), error.column());
                Err(PolicyError::at(document, at, String::new(), syntax(&error)))
            }
        }
    }

    /// Returns the members of an object in order. A repeated name is an error, because JSON parsers disagree about which one
    /// counts.
    pub(crate) fn members(&self) -> Result<Vec<Member<'a>>, PolicyError> {
        let Entries(entries) = self.read('{', "an object")?;
        let mut from = self.offset() + 1;
        let mut members = Vec::with_capacity(entries.len());
        for (name, raw) in entries {
            let at = from + self.document[from..].find('"').expect("a name is between two values");
            let name: Rc<str> = name.into();
            let value = self.below(raw, Part::Name(Rc::clone(&name)));
            from = value.offset() + value.raw.len();
            members.push(Member { name, value, at });
        }
        match repeated(&members) {
            Some(member) => Err(member.refused(Reason::RepeatedName)),
            None => Ok(members),
        }
    }

    /// Returns the values of a list.
    pub(crate) fn items(&self) -> Result<Vec<Self>, PolicyError> {
        let raw: Vec<&RawValue> = self.read('[', "a list")?;
        Ok(raw.into_iter().enumerate().map(|(at, raw)| self.below(raw, Part::Index(at))).collect())
    }

    /// Returns the values of a list that is not empty, or a single value that is written without a list.
    pub(crate) fn one_or_more(&self) -> Result<Vec<Self>, PolicyError> {
        if !self.raw.starts_with('[') {
            return Ok(vec![self.clone()]);
        }
        let items = self.items()?;
        if items.is_empty() { Err(self.refused(Reason::Empty)) } else { Ok(items) }
    }

    /// Returns a string.
    pub(crate) fn string(&self) -> Result<String, PolicyError> {
        self.read('"', "a string")
    }

    /// Returns a string, or a number or boolean as it is written.
    pub(crate) fn scalar(&self) -> Result<String, PolicyError> {
        match self.raw.as_bytes()[0] {
            b'"' => self.string(),
            b'{' | b'[' | b'n' => Err(self.refused(Reason::Expected("a string, a number or a boolean"))),
            _ => Ok(self.raw.to_owned()),
        }
    }

    /// Returns an error at this value.
    pub(crate) fn refused(&self, reason: Reason) -> PolicyError {
        PolicyError::at(self.document, self.offset(), self.path(), reason)
    }

    /// Returns the line of the value, from 1.
    pub(crate) fn line(&self) -> u32 {
        crate::error::line(self.document, self.offset())
    }

    fn read<T: Deserialize<'a>>(&self, first: char, expected: &'static str) -> Result<T, PolicyError> {
        if !self.raw.starts_with(first) {
            return Err(self.refused(Reason::Expected(expected)));
        }
        serde_json::from_str(self.raw).map_err(|error| self.refused(syntax(&error)))
    }

    /// Returns the offset of the value in the document.
    fn offset(&self) -> usize {
        self.raw.as_ptr().addr() - self.document.as_ptr().addr()
    }

    fn below(&self, raw: &'a RawValue, part: Part) -> Self {
        let step = Step { parent: self.path.clone(), part };
        Self { document: self.document, raw: raw.get(), path: Some(Rc::new(step)) }
    }

    fn path(&self) -> String {
        self.path.as_ref().map(|step| step.to_string()).unwrap_or_default()
    }
}

impl Member<'_> {
    /// Returns an error at the name.
    pub(crate) fn refused(&self, reason: Reason) -> PolicyError {
        PolicyError::at(self.value.document, self.at, self.value.path(), reason)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = &self.parent {
            write!(formatter, "{parent}")?;
        }
        match (&self.parent, &self.part) {
            (_, Part::Index(at)) => write!(formatter, "[{at}]"),
            (Some(_), Part::Name(name)) => write!(formatter, ".{name}"),
            (None, Part::Name(name)) => formatter.write_str(name),
        }
    }
}

/// Returns the first member whose name an earlier member has too.
fn repeated<'m, 'a>(members: &'m [Member<'a>]) -> Option<&'m Member<'a>> {
    // Most objects are too small for a set to be faster.
    if members.len() <= 8 {
        let earlier = |at: usize| members[..at].iter().any(|one| one.name == members[at].name);
        return (0..members.len()).find(|at| earlier(*at)).map(|at| &members[at]);
    }
    let mut names = HashSet::new();
    members.iter().find(|member| !names.insert(&*member.name))
}

/// The members of an object in order, with repeated names.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Entries<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

/// Returns the message of `serde_json` without its place, which is relative to the beginning of the value.
fn syntax(error: &serde_json::Error) -> Reason {
    let text = error.to_string();
    Reason::Syntax(text.split(" at line ").next().unwrap_or_default().to_owned())
}

/// Returns the byte offset of a line and a column, where the column counts bytes.
fn offset(document: &str, line: usize, column: usize) -> usize {
    let start: usize = document.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (start + column.saturating_sub(1)).min(document.len())
}
