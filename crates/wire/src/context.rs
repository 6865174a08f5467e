//! The type of the parameter EncryptionContext, which clients send as a JSON object or as dotted names.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The names and values of an encryption context in a request. Each name occurs once.
///
/// Clients send a JSON object of strings (`EncryptionContext={"a":"b"}`) or dotted names (`EncryptionContext.a=b`, where the name
/// is everything after the first dot). For an empty context they also send an empty string, or `null`, which is the JSON of a nil
/// map in Go. It is printed as JSON. A context has at most [`ContextParameter::MAX_CHARS`] characters of JSON; dotted names count
/// as the equivalent JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContextParameter(pub BTreeMap<String, String>);

impl ContextParameter {
    /// Maximum length of a context, in characters of its JSON text.
    pub const MAX_CHARS: usize = 8192;

    fn from_json(text: &str) -> Result<Self, &'static str> {
        if text.chars().count() > Self::MAX_CHARS {
            return Err(TOO_LONG);
        }
        let mut json = serde_json::Deserializer::from_str(text);
        let pairs =
            json.deserialize_any(Pairs).map_err(|_| "not a JSON object of strings with unique names")?;
        json.end().map_err(|_| "something follows the JSON object")?;
        Ok(Self(pairs))
    }

    fn to_json(&self) -> String {
        serde_json::to_string(&self.0).expect("a map of strings is always JSON")
    }
}

impl<'de> Deserialize<'de> for ContextParameter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Spelling;

        impl<'de> Visitor<'de> for Spelling {
            type Value = ContextParameter;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object of strings, or dotted names")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                ContextParameter::from_json(text).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let context = ContextParameter(Pairs.visit_map(map)?);
                match context.to_json().chars().count() {
                    0..=ContextParameter::MAX_CHARS => Ok(context),
                    _ => Err(de::Error::custom(TOO_LONG)),
                }
            }
        }

        deserializer.deserialize_any(Spelling)
    }
}

impl Serialize for ContextParameter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_json())
    }
}

/// Deserializes a map of strings and refuses repeated names, where `BTreeMap` would silently overwrite the value.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings, or null")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(BTreeMap::new())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, String>()? {
            if pairs.insert(name, value).is_some() {
                return Err(de::Error::custom("a name is repeated"));
            }
        }
        Ok(pairs)
    }
}

const TOO_LONG: &str = "the encryption context is longer than 8192 characters";

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Result<ContextParameter, &'static str> {
        ContextParameter::from_json(text)
    }

    #[test]
    fn reads_json_objects_of_strings() {
        let context = json(r#" {"b":"2","a":"\u4e2d"} "#).unwrap();
        assert_eq!(context.to_json(), r#"{"a":"中","b":"2"}"#);
        assert_eq!(json("{}").unwrap(), ContextParameter::default());
        assert_eq!(json(" null\n").unwrap(), ContextParameter::default(), "a map that was never made");
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            r#"{"a":"1","\u0061":"2"}"#,
            r#"{"a":null}"#,
            r#"{"a":1}"#,
            r#"{"a":{"b":"c"}}"#,
            r#"{"a":["b"]}"#,
            r#"["a"]"#,
            r#""a""#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":"b"}x"#,
            r#"{"a":"b","#,
            r#""null""#,
            "nullx",
            "Null",
            " ",
        ] {
            assert!(json(text).is_err(), "{text}");
        }
    }

    #[test]
    fn counts_characters_not_bytes() {
        let longest = format!(r#"{{"a":"{}"}}"#, "中".repeat(8192 - 8));
        assert!(json(&longest).is_ok());
        assert!(json(&longest.replace(r#""a""#, r#""aa""#)).is_err());
    }
}
