//! `bulla disk status`: the keys of a KMS that open a volume, according to its header.

use std::path::Path;

use serde::Serialize;

use crate::disk::{LuksHeader, Token, TokenSlot, Volume, faulty_tokens};
use crate::failure::Failure;
use crate::messages::note;
use crate::results::{print, print_json};

pub(super) fn run(device: &Path, json: bool) -> Result<(), Failure> {
    let volume = Volume::find(device)?;
    let header = volume.header()?;
    if json { print_json(&Status::of(&volume, &header)) } else { print_lines(&volume, &header) }
}

/// The output of `--json`.
#[derive(Serialize)]
struct Status {
    uuid: String,
    /// Why bulla does not open the volume.
    refused: Option<String>,
    /// The key slots that no KMS opens.
    other_key_slots: Vec<u32>,
    tokens: Vec<TokenStatus>,
    unusable_tokens: Vec<Unusable>,
}

#[derive(Serialize)]
struct TokenStatus {
    token: u32,
    state: &'static str,
    key_slot: Option<u32>,
    key_id: String,
    key_version_id: String,
    context: std::collections::BTreeMap<String, String>,
    kms: String,
}

#[derive(Serialize)]
struct Unusable {
    token: u32,
    reason: String,
}

impl Status {
    fn of(volume: &Volume, header: &LuksHeader) -> Self {
        Self {
            uuid: volume.uuid.to_string(),
            refused: header.check().err().map(|fault| fault.to_string()),
            other_key_slots: header.slots_without_kms().into_iter().map(|slot| slot.0).collect(),
            tokens: header
                .good_tokens()
                .into_iter()
                .map(|(id, token)| TokenStatus::of(id.0, token))
                .collect(),
            unusable_tokens: faulty_tokens(header)
                .into_iter()
                .map(|(id, fault)| Unusable { token: id.0, reason: fault.to_string() })
                .collect(),
        }
    }
}

impl TokenStatus {
    fn of(token: u32, of: Token) -> Self {
        Self {
            token,
            state: state(of.slot),
            key_slot: of.any_slot().map(|slot| slot.0),
            key_id: of.wrapped.key_id,
            key_version_id: of.wrapped.key_version_id,
            context: of.context,
            kms: of.kms,
        }
    }
}

fn print_lines(volume: &Volume, header: &LuksHeader) -> Result<(), Failure> {
    print(format_args!("{volume}: LUKS2 volume {}", volume.uuid))?;
    for (id, token) in header.good_tokens() {
        let slot = token.any_slot().map_or("none".to_owned(), |slot| slot.to_string());
        let Token { wrapped, kms, .. } = &token;
        print(format_args!(
            "key slot {slot}  {} ({}, token {id}) at {kms}",
            wrapped.key_id,
            state(token.slot)
        ))?;
        for (name, value) in &token.context {
            print(format_args!("            {name}={value}"))?;
        }
    }
    for (id, fault) in faulty_tokens(header) {
        print(format_args!("token {id} of bulla cannot be used: {fault}"))?;
    }
    let others = header.slots_without_kms();
    for slot in &others {
        print(format_args!("key slot {slot}  a passphrase, or another program"))?;
    }
    if let Err(fault) = header.check() {
        note(format_args!("bulla does not open this volume: {fault}"));
    }
    if others.is_empty() {
        note(
            "no passphrase opens this volume when the KMS is unavailable: add one with `cryptsetup luksAddKey`",
        );
    }
    Ok(())
}

fn state(slot: TokenSlot) -> &'static str {
    match slot {
        TokenSlot::Ready(_) => "ready",
        TokenSlot::Pending(_) => "interrupted",
        TokenSlot::WithoutKeySlot => "without key slot",
    }
}
