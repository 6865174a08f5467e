//! The query Overview: the numbers of keys and secrets, and their next scheduled events.

use std::collections::BTreeMap;

use bulla_keys::{Key, KeySpec, KeyState};
use bulla_wire::{Error, Timestamp};

use crate::authorize::{KeyCatalogue, SecretCatalogue, SeenKey};
use crate::session::Session;
use crate::state::Label;

/// Asks for the numbers of keys and secrets, and the next scheduled events.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overview {}

/// The numbers of keys and secrets, and the next scheduled events, as far as the caller may see them.
#[derive(Clone, Debug, PartialEq)]
pub struct Ahead {
    /// None without `kms:ListKeys`.
    pub keys: Option<KeyCounts>,
    /// The number of secrets; none without `kms:ListSecrets`.
    pub secrets: Option<u64>,
    /// The next events of keys and secrets that the caller may list and describe: the earliest 20, in order.
    pub scheduled: Vec<Scheduled>,
}

/// Numbers of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyCounts {
    /// All keys.
    pub total: u64,
    /// By state, sorted by the names of the states; states without keys are left out.
    pub by_state: Vec<(KeyState, u64)>,
    /// By spec, in the same way.
    pub by_spec: Vec<(KeySpec, u64)>,
}

/// A scheduled event of a key or secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheduled {
    /// The time.
    pub at: Timestamp,
    /// The event.
    pub event: ScheduledEvent,
    /// The key or secret.
    pub of: ScheduledOf,
}

/// A kind of scheduled event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScheduledEvent {
    /// The deletion.
    Deletion,
    /// The expiry of imported material.
    MaterialExpiry,
    /// The next rotation.
    Rotation,
}

/// The record of a scheduled event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScheduledOf {
    /// A key.
    Key {
        /// Its id.
        key_id: String,
        /// Its aliases, as in a [`KeyEntry`](super::KeyEntry).
        aliases: Option<Vec<String>>,
    },
    /// A secret.
    Secret {
        /// Its name.
        name: String,
    },
}

pub(super) async fn ahead(session: &Session<'_, Overview>) -> Result<Ahead, Error> {
    let keys = session.key_catalogue().ok();
    let secrets = session.secret_catalogue().ok();
    let counts = keys.as_ref().map(count);
    let secret_count = secrets.as_ref().map(|secrets| secrets.count() as u64);
    // For a caller who may describe only a few of many, it scans all, so it runs on another thread.
    let scheduled = session.search(move || scheduled(keys.as_ref(), secrets.as_ref())).await?;
    Ok(Ahead { keys: counts, secrets: secret_count, scheduled })
}

fn count(catalogue: &KeyCatalogue) -> KeyCounts {
    let lists = catalogue.lists();
    let mut total = 0;
    let mut by_state = BTreeMap::new();
    let mut by_spec = BTreeMap::new();
    for (id, class) in lists.classes() {
        let count = lists.by_group().part(&(Label::ALL, Some(id))).len() as u64;
        if count > 0 {
            total += count;
            by_state.entry(class.state.name()).or_insert((class.state, 0)).1 += count;
            by_spec.entry(class.spec.name()).or_insert((class.spec, 0)).1 += count;
        }
    }
    KeyCounts { total, by_state: by_state.into_values().collect(), by_spec: by_spec.into_values().collect() }
}

fn scheduled(keys: Option<&KeyCatalogue>, secrets: Option<&SecretCatalogue>) -> Vec<Scheduled> {
    let mut events = Vec::new();
    if let Some(catalogue) = keys {
        let sight = catalogue.sight();
        events.extend(sight.scheduled().filter_map(|key| of_key(&key)).take(MAX_EVENTS));
    }
    if let Some(catalogue) = secrets {
        let sight = catalogue.sight();
        let deletions = sight.scheduled().filter_map(|row| {
            let at = Timestamp::from_unix(row.record.delete_at()?);
            let of = ScheduledOf::Secret { name: row.record.name.to_string() };
            Some(Scheduled { at, event: ScheduledEvent::Deletion, of })
        });
        events.extend(deletions.take(MAX_EVENTS));
    }
    events.sort_by_key(|event| event.at); // keeps keys before secrets
    events.truncate(MAX_EVENTS);
    events
}

fn of_key(key: &SeenKey<'_, '_>) -> Option<Scheduled> {
    let (at, event) = next_event(&key.details()?.record)?;
    let aliases = key.aliases().map(|names| names.iter().map(ToString::to_string).collect());
    let of = ScheduledOf::Key { key_id: key.id().to_string(), aliases };
    Some(Scheduled { at: Timestamp::from_unix(at), event, of })
}

fn next_event(key: &Key) -> Option<(i64, ScheduledEvent)> {
    let events = [
        (key.delete_at(), ScheduledEvent::Deletion),
        (key.material_expires(), ScheduledEvent::MaterialExpiry),
        (key.next_rotation(), ScheduledEvent::Rotation),
    ];
    events.into_iter().filter_map(|(at, event)| Some((at?, event))).min()
}

const MAX_EVENTS: usize = 20;
