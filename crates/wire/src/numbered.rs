//! The types of fields that are lists in numbered parameters: `ResourceId.1=…&ResourceId.2=…`, and tags as
//! `Tag.1.Key=…&Tag.1.Value=…`. `flat.rs` collects the parameters of a field by the name before the first dot.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A list of texts in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbered(pub Vec<String>);

/// A list of names with values in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NumberedTags(pub Vec<(String, String)>);

impl Serialize for Numbered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map((1..).zip(&self.0).map(|(number, text): (u32, _)| (number.to_string(), text)))
    }
}

impl Serialize for NumberedTags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (number, (name, value)) in (1..).zip(&self.0) {
            let number: u32 = number;
            map.serialize_entry(&format!("{number}.Key"), name)?;
            map.serialize_entry(&format!("{number}.Value"), value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Numbered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = deserializer.deserialize_any(Dotted)?;
        let numbered = texts.into_iter().map(|(name, text)| Some((number(&name)?, text)));
        let numbered: Option<BTreeMap<_, _>> = numbered.collect();
        let texts = numbered.ok_or_else(|| D::Error::custom("not a number"))?.into_values();
        Ok(Self(texts.filter(|text| !text.is_empty()).collect())) // empty values are treated as absent
    }
}

impl<'de> Deserialize<'de> for NumberedTags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let invalid = || D::Error::custom("not the key or value of a numbered tag");
        let mut tags = BTreeMap::<u32, (Option<String>, String)>::new();
        for (name, text) in deserializer.deserialize_any(Dotted)? {
            let (number, part) =
                name.split_once('.').and_then(|(n, part)| Some((number(n)?, part))).ok_or_else(invalid)?;
            let tag = tags.entry(number).or_default();
            match part {
                "Key" => tag.0 = Some(text),
                "Value" => tag.1 = text,
                _ => return Err(invalid()),
            }
        }
        let tags = tags.into_values().map(|(name, value)| Some((name?, value)));
        tags.collect::<Option<_>>().map(Self).ok_or_else(invalid)
    }
}

/// Parses a number from 1 in plain decimals.
fn number(text: &str) -> Option<u32> {
    let plain = !text.starts_with(['+', '0']);
    text.parse().ok().filter(|_| plain)
}

/// Collects the dotted names behind the first dot, in the order of the parameters.
struct Dotted;

impl<'de> Visitor<'de> for Dotted {
    type Value = Vec<(String, String)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("numbered parameters")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut texts = Vec::new();
        while let Some(entry) = map.next_entry()? {
            texts.push(entry);
        }
        Ok(texts)
    }
}
