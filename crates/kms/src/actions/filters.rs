//! The `Filters` of ListKeys and ListSecrets: a JSON list of `Key` and `Values`.

use std::collections::BTreeMap;

use bulla_keys::{Key, KeyId, Secret};
use bulla_wire::Error;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IntoDeserializer, value};

use super::json;
use crate::keyring::Keyring;

/// Conditions by the names `N`: every name must match, by one of its values.
#[derive(Debug)]
pub(super) struct Filters<N>(BTreeMap<N, Vec<Value>>);

/// One of the values of a name. It is compared with everything there is, so it is read once.
#[derive(Debug)]
pub(super) struct Value {
    text: String,
    id: Option<KeyId>,
}

/// What keys are found by.
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

/// What secrets are found by.
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

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Filter {
    key: String,
    values: Vec<String>,
}

impl<N: Copy + Ord + DeserializeOwned> Filters<N> {
    /// # Errors
    /// InvalidParameter: not a list of at most ten filters by known names, each of at most ten values.
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
            filters.0.entry(key).or_default().extend(values); // the same name twice is one with more values
        }
        Ok(filters)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `is` holds for one value of each name.
    pub(super) fn match_all(&self, is: impl Fn(N, &Value) -> bool) -> bool {
        self.0.iter().all(|(name, values)| values.iter().any(|value| is(*name, value)))
    }
}

impl KeyFilter {
    pub(super) fn matches(self, value: &Value, key: &Key, keyring: &Keyring<'_>) -> bool {
        let Value { text: value, id } = value;
        match self {
            Self::KeyState => key.state(keyring.now).name() == value,
            Self::KeySpec => key.spec.name() == value,
            Self::KeyUsage => key.usage.name() == value,
            Self::ProtectionLevel => key.protection.name() == value,
            Self::CreatorType => value == if key.is_service() { "Service" } else { "User" },
            Self::Creator => *key.creator == *value,
            Self::KeyId => *id == Some(key.id),
            Self::Alias => keyring.snapshot.alias(value).is_some_and(|alias| alias.record.key == key.id),
            Self::TagKey => key.tags.get(value).is_some(),
            Self::TagValue => key.tags.iter().any(|(_, tag)| tag == value),
            Self::DKMSInstanceId => false, // no key is in an instance
        }
    }
}

impl SecretFilter {
    pub(super) fn matches(self, value: &Value, secret: &Secret, keyring: &Keyring<'_>) -> bool {
        let value = &value.text;
        match self {
            Self::SecretName => secret.name.as_str() == value,
            Self::Description => secret.description.as_str() == value,
            Self::SecretType => secret.kind.name() == value,
            Self::Creator => keyring.account == value,
            Self::TagKey => secret.tags.get(value).is_some(),
            Self::TagValue => secret.tags.iter().any(|(_, tag)| tag == value),
            Self::DKMSInstanceId => false, // no secret is in an instance
        }
    }
}

const MAX_FILTERS: usize = 10;
const MAX_VALUES: usize = 10;
