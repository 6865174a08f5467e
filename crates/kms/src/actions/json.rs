//! Parses parameters that contain JSON: an object, or a list of objects.

use std::fmt;
use std::marker::PhantomData;

use bulla_wire::Error;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Parses a list. `null`, which Go clients send for a nil slice, is an empty list.
///
/// # Errors
/// InvalidParameter naming `parameter`.
pub(super) fn list<T: DeserializeOwned>(text: &str, parameter: &str) -> Result<Vec<T>, Error> {
    let objects: Option<Vec<Object<T>>> =
        serde_json::from_str(text).map_err(|_| Error::invalid(parameter))?;
    Ok(objects.into_iter().flatten().map(|Object(entry)| entry).collect())
}

/// Parses one object.
///
/// # Errors
/// InvalidParameter naming `parameter`.
pub(super) fn object<T: DeserializeOwned>(text: &str, parameter: &str) -> Result<T, Error> {
    let Object(object) = serde_json::from_str(text).map_err(|_| Error::invalid(parameter))?;
    Ok(object)
}

/// An object with named fields: serde would also accept a list of the values in their order.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByName<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ByName<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<T, M::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_map(ByName(PhantomData)).map(Self)
    }
}
