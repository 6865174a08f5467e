//! A serde format for flat parameters: each field of a request is one parameter; lists and maps use dotted names.
//!
//! An empty value is treated as an absent parameter, except for a [`MaybeEmpty`]. Booleans ignore case (Python clients send
//! `True`, others `true`); integers are plain decimals. Unknown parameters are ignored, as in the cloud, because the common
//! parameters are in the same list.

use std::fmt;

use serde::de::{self, DeserializeSeed, IgnoredAny, IntoDeserializer, MapAccess, Visitor, value};
use serde::{Deserialize, Deserializer, Serialize, Serializer, forward_to_deserialize_any};
use serde_json::Value as Json;

use crate::actions::Product;
use crate::error::Error;
use crate::parameters::Parameters;

/// A text for which empty differs from absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaybeEmpty(pub String);

impl MaybeEmpty {
    /// The name of the type in serde.
    const NAME: &str = "MaybeEmpty";

    /// Deserializes a field that may be absent. A plain `Option` would treat an empty value as absent.
    pub(crate) fn if_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        Self::deserialize(deserializer).map(Some)
    }
}

/// A parameter that is always refused, so only its presence matters: as one value, or in dotted names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
pub struct Unread(IgnoredAny);

impl Serialize for Unread {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("{}")
    }
}

/// Parses a request to `product` from its parameters.
pub(crate) fn read<T: de::DeserializeOwned>(product: Product, parameters: &Parameters) -> Result<T, Error> {
    T::deserialize(Fields(parameters)).map_err(|fault| fault.refusal(product))
}

/// Returns the names of the parameters of a request: the fields that serde requests.
pub(crate) fn names<T: de::DeserializeOwned>() -> &'static [&'static str] {
    let mut names: &[_] = &[];
    let _ = T::deserialize(FieldNames(&mut names)); // always an error: it stores the names and creates no value
    names
}

/// Prints a request as parameters, without fields that are `None`.
pub(crate) fn print<T: Serialize>(request: &T) -> Parameters {
    let Ok(Json::Object(fields)) = serde_json::to_value(request) else {
        unreachable!("requests are structs of strings, numbers, booleans and lists");
    };
    let mut pairs = Vec::new();
    for (name, value) in fields {
        match value {
            Json::Object(parts) => {
                pairs.extend(parts.into_iter().map(|(part, value)| (format!("{name}.{part}"), text(value))));
            }
            Json::Null => {}
            value => pairs.push((name, text(value))),
        }
    }
    Parameters::from_pairs(pairs).expect("the fields of a struct have different names")
}

fn text(value: Json) -> String {
    match value {
        Json::String(text) => text, // moved, so that a plaintext has one copy, which is wiped
        other => other.to_string(),
    }
}

#[derive(Debug)]
enum Fault {
    Missing(&'static str),
    /// The name of the parameter; empty until its field is known.
    Invalid(String),
    /// The fault of a DryRun request.
    OfDryRun(Box<Self>),
}

impl Fault {
    fn refusal(self, product: Product) -> Error {
        match self {
            Self::Missing(name) => product.missing(name),
            Self::Invalid(name) => product.invalid(&name),
            Self::OfDryRun(fault) => fault.refusal(product).of_dry_run(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Invalid(String::new())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }
}

struct Fields<'a>(&'a Parameters);

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = Fault;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let request = FieldAccess { parameters: self.0, fields: fields.iter(), current: None };
        let dry_run = fields.contains(&DRY_RUN) && self.0.get(DRY_RUN).is_some_and(is_true);
        visitor
            .visit_map(request)
            .map_err(|fault| if dry_run { Fault::OfDryRun(Box::new(fault)) } else { fault })
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Fault> {
        Err(de::Error::custom("a request is a struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// Stores the names of the fields of a request.
struct FieldNames<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = Fault;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Fault> {
        Err(de::Error::custom("only the names are wanted"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// Iterates over the fields of a request that the parameters contain.
struct FieldAccess<'a> {
    parameters: &'a Parameters,
    fields: std::slice::Iter<'static, &'static str>,
    current: Option<(&'static str, Value<'a>)>,
}

impl<'a> FieldAccess<'a> {
    fn value(&self, field: &'static str) -> Option<Value<'a>> {
        let plain = self.parameters.get(field);
        let dotted: Vec<_> = self
            .parameters
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(field)?.strip_prefix('.')?, value)))
            .collect();
        match (plain, dotted.is_empty()) {
            (Some(""), true) => Some(Value::Empty),
            (Some(text), true) => Some(Value::Text(text)),
            (None | Some(""), false) => Some(Value::Dotted(dotted)),
            (Some(_), false) => Some(Value::Both),
            (None, true) => None,
        }
    }
}

impl<'de> MapAccess<'de> for FieldAccess<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        while let Some(field) = self.fields.next() {
            if let Some(value) = self.value(field) {
                self.current = Some((field, value));
                return seed.deserialize((*field).into_deserializer()).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (field, value) = self.current.take().expect("serde asks for a value after its key only");
        seed.deserialize(value).map_err(|fault| match fault {
            Fault::Missing(_) => Fault::Missing(field),
            _ => Fault::Invalid(field.to_owned()),
        })
    }
}

enum Value<'a> {
    /// Treated as absent.
    Empty,
    Text(&'a str),
    Dotted(Vec<(&'a str, &'a str)>),
    Both,
}

macro_rules! deserialize_numbers {
    ($($method:ident $visit:ident $number:ty),*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let text = self.text()?;
            if text.starts_with('+') {
                return Err(de::Error::custom("integers are plain decimals"));
            }
            let number = text.parse::<$number>().map_err(de::Error::custom)?;
            visitor.$visit(number)
        })*
    };
}

impl<'a> Value<'a> {
    fn text(self) -> Result<&'a str, Fault> {
        match self {
            Value::Empty => Err(Fault::Missing("")),
            Value::Text(text) => Ok(text),
            _ => Err(de::Error::custom("dotted names where one value is expected")),
        }
    }
}

impl<'de> Deserializer<'de> for Value<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Value::Empty => Err(Fault::Missing("")),
            Value::Text(text) => visitor.visit_str(text),
            Value::Dotted(pairs) => visitor.visit_map(value::MapDeserializer::new(pairs.into_iter())),
            Value::Both => Err(de::Error::custom("given as one value and as dotted names")),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let text = self.text()?;
        if is_true(text) {
            visitor.visit_bool(true)
        } else if text.eq_ignore_ascii_case("false") {
            visitor.visit_bool(false)
        } else {
            Err(de::Error::custom("neither true nor false"))
        }
    }

    deserialize_numbers!(deserialize_u32 visit_u32 u32, deserialize_i64 visit_i64 i64);

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Value::Empty => visitor.visit_none(),
            value => visitor.visit_some(value),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self {
            Value::Empty if name == MaybeEmpty::NAME => visitor.visit_newtype_struct(Value::Text("")),
            value => visitor.visit_newtype_struct(value),
        }
    }

    /// Deserializes one of several words, such as `Active`.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_enum(self.text()?.into_deserializer())
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

fn is_true(text: &str) -> bool {
    text.eq_ignore_ascii_case("true")
}

/// The parameter that all actions with a dry run have. A request with it is always answered with an error.
const DRY_RUN: &str = "DryRun";
