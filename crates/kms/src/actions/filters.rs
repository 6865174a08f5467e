//! Parses the `Filters` of ListKeys and ListSecrets: a JSON list of `Key` and `Values`. `searches.rs` uses the result.

use std::collections::BTreeMap;

use bulla_keys::{Key, KeyId, Secret, SecretKind, SecretName};
use bulla_wire::Error;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IntoDeserializer, value};

use super::json;
use crate::authorize::Listing;
use crate::state::{KeyClass, Label, Row};

/// Conditions by name: each name must match with one of its values.
#[derive(Debug)]
pub(super) struct Filters<N>(BTreeMap<N, Vec<Value>>);

/// A value of a filter, parsed once, because it is compared with many records.
#[derive(Debug)]
pub(super) struct Value {
    text: String,
    id: Option<KeyId>,
}

/// The properties that keys are filtered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) enum KeyFilter {
    KeyState,
    KeySpec,
    KeyUsage,
    ProtectionLevel,
    CreatorType,
    DKMSInstanceId,
    #[serde(rename = "keyId", alias = "KeyId")]
    KeyId,
    #[serde(rename = "AliasName")]
    Alias,
    Creator,
    TagKey,
    TagValue,
}

/// The properties that secrets are filtered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) enum SecretFilter {
    SecretName,
    Description,
    SecretType,
    DKMSInstanceId,
    Creator,
    TagKey,
    TagValue,
}

/// How the matches of a filter are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    /// Each value identifies at most one record.
    Name,
    /// Each value matches whole classes of records.
    Class,
    /// The index has a list for each value.
    Label,
}

pub(super) trait FilterName: Copy + Ord + DeserializeOwned {
    fn lookup(self) -> Lookup;
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Filter {
    key: String,
    values: Vec<String>,
}

impl<N: FilterName> Filters<N> {
    /// # Errors
    /// InvalidParameter for anything but a list of at most ten filters with known names, each with at most ten values.
    pub(super) fn parse(text: Option<&str>) -> Result<Self, Error> {
        let list: Vec<Filter> = text.map_or(Ok(Vec::new()), |text| json::list(text, "Filters"))?;
        let invalid = || Error::invalid("Filters");
        if list.len() > MAX_FILTERS || list.iter().any(|filter| filter.values.len() > MAX_VALUES) {
            return Err(invalid());
        }
        let mut filters = Self(BTreeMap::new());
        for Filter { key, values } in list {
            let key = N::deserialize(key.into_deserializer()).map_err(|_: value::Error| invalid())?;
            let values = values.into_iter().map(|text| Value { id: text.parse().ok(), text });
            filters.0.entry(key).or_default().extend(values); // a repeated name adds values
        }
        Ok(filters)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the filters with this lookup, each with its values.
    pub(super) fn of(&self, lookup: Lookup) -> impl Iterator<Item = (N, &[Value])> {
        self.0
            .iter()
            .filter(move |(name, _)| name.lookup() == lookup)
            .map(|(name, values)| (*name, &**values))
    }

    /// Whether `is` returns true for one value of each name.
    pub(super) fn match_all(&self, is: impl Fn(N, &Value) -> bool) -> bool {
        self.0.iter().all(|(name, values)| values.iter().any(|value| is(*name, value)))
    }
}

impl FilterName for KeyFilter {
    fn lookup(self) -> Lookup {
        match self {
            Self::KeyId | Self::Alias | Self::DKMSInstanceId => Lookup::Name,
            Self::KeyState
            | Self::KeySpec
            | Self::KeyUsage
            | Self::ProtectionLevel
            | Self::CreatorType
            | Self::Creator => Lookup::Class,
            Self::TagKey | Self::TagValue => Lookup::Label,
        }
    }
}

impl KeyFilter {
    pub(super) fn matches(self, value: &Value, key: &Key, keys: &Listing<Key>, now: i64) -> bool {
        match self.lookup() {
            Lookup::Name => self.key(value, keys).is_some_and(|row| row.record.id == key.id),
            Lookup::Class => self.matches_class(value, &KeyClass::of(key, now)),
            Lookup::Label => match self {
                Self::TagKey => key.tags.get(&value.text).is_some(),
                _ => key.tags.iter().any(|(_, tag)| tag == value.text),
            },
        }
    }

    /// Returns the key that a value of a filter of [`Lookup::Name`] identifies.
    pub(super) fn key<'s>(self, value: &Value, keys: &'s Listing<Key>) -> Option<&'s Row<Key>> {
        match self {
            Self::KeyId => keys.key(value.id?),
            Self::Alias => keys.key_of_alias(&value.text),
            _ => None, // keys belong to no instance
        }
    }

    /// Whether keys of this class match a filter of [`Lookup::Class`].
    pub(super) fn matches_class(self, value: &Value, class: &KeyClass) -> bool {
        let value = &*value.text;
        match self {
            Self::KeyState => class.state.name() == value,
            Self::KeySpec => class.spec.name() == value,
            Self::KeyUsage => class.usage.name() == value,
            Self::ProtectionLevel => class.protection.name() == value,
            Self::CreatorType => value == if class.is_of_service() { "Service" } else { "User" },
            _ => *class.creator == *value,
        }
    }

    /// Returns the label of the keys that match a filter of [`Lookup::Label`].
    pub(super) fn label(self, value: &Value) -> Label {
        match self {
            Self::TagKey => Label::tag_key(&value.text),
            _ => Label::tag_value(&value.text),
        }
    }
}

impl FilterName for SecretFilter {
    fn lookup(self) -> Lookup {
        match self {
            Self::SecretName | Self::DKMSInstanceId => Lookup::Name,
            Self::SecretType | Self::Creator => Lookup::Class,
            Self::Description | Self::TagKey | Self::TagValue => Lookup::Label,
        }
    }
}

impl SecretFilter {
    pub(super) fn matches(self, value: &Value, secret: &Secret, account: &str) -> bool {
        match self {
            Self::SecretName => secret.name.as_str() == value.text,
            Self::Description => secret.description.as_str() == value.text,
            Self::SecretType => secret.kind.name() == value.text,
            Self::Creator => account == value.text,
            Self::TagKey => secret.tags.get(&value.text).is_some(),
            Self::TagValue => secret.tags.iter().any(|(_, tag)| tag == value.text),
            Self::DKMSInstanceId => false, // secrets belong to no instance
        }
    }

    /// Parses the secret name in a filter of [`Lookup::Name`].
    pub(super) fn secret(self, value: &Value) -> Option<SecretName> {
        match self {
            Self::SecretName => value.text.parse().ok(),
            _ => None,
        }
    }

    /// Whether all secrets match a filter of [`Lookup::Class`]; otherwise none does.
    pub(super) fn matches_every_secret(self, value: &Value, account: &str) -> bool {
        let the_only_kind = match SecretKind::Generic {
            SecretKind::Generic => SecretKind::Generic.name(), // with more kinds, each would need a list in the index
        };
        match self {
            Self::SecretType => value.text == the_only_kind,
            _ => value.text == account,
        }
    }

    /// Returns the label of the secrets that match a filter of [`Lookup::Label`].
    pub(super) fn label(self, value: &Value) -> Label {
        match self {
            Self::TagKey => Label::tag_key(&value.text),
            Self::TagValue => Label::tag_value(&value.text),
            _ => Label::description(&value.text),
        }
    }
}

const MAX_FILTERS: usize = 10;
const MAX_VALUES: usize = 10;
