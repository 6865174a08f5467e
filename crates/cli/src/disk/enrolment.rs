//! The key slots that a KMS opens, and changes of them that never lose access to the data.
//!
//! Each change is a sequence of atomic writes of the header. A command that is killed between two of them leaves a
//! volume that opens as before, and the next command completes or reverts the change ([`Enrolment::tidy`]):
//!
//! 1. a token names the future key slot (pending);
//! 2. the key slot is created;
//! 3. the tokens of all keys but the first are written; then the first one stops being pending. The tokens of a new key
//!    slot name the one that it replaces;
//! 4. after the KMS has opened the new key slot, the replaced one is destroyed, then its tokens are removed, then the
//!    new tokens stop naming it.
//!
//! **A key slot is destroyed only if a token of bulla names it, the key unwrapped from that token opens it, and another
//! key slot stays.** A header is untrusted; the KMS and cryptsetup have to confirm it.

use std::collections::BTreeMap;

use super::changed::Changed;
use super::header::{LuksHeader, SlotId, TokenId};
use super::slot_key::{NewKey, SlotKey, VolumeKms, Wrapping};
use super::token::{Token, TokenFault, TokenSlot};
use super::volume::Volume;
use crate::failure::{Exit, Failure};
use crate::kms::KmsConnection;
use crate::messages::note;

/// A volume, and the KMS whose keys open it.
pub(crate) struct Enrolment<'e> {
    volume: &'e Volume,
    kms: VolumeKms<'e>,
}

/// A key slot that a KMS opened.
pub(crate) struct Unlocked {
    pub(crate) slot: SlotId,
    pub(crate) key_id: String,
    pub(crate) key: SlotKey,
}

type Tokens = Vec<(TokenId, Token)>;

impl<'e> Enrolment<'e> {
    pub(crate) fn new(volume: &'e Volume, kms: &'e KmsConnection) -> Self {
        Self { volume, kms: VolumeKms { kms, volume: &volume.uuid } }
    }

    /// Completes or reverts what a killed command began. If there is none, the KMS is not called.
    pub(crate) fn tidy(&self) -> Result<(), Failure> {
        let header = self.volume.checked_header()?;
        for (id, token) in header.good_tokens() {
            if let TokenSlot::Pending(slot) = token.slot {
                if header.has_slot(slot)
                    && self.is_ours(slot, &token).map_err(|failure| self.interrupted(id, failure))?
                {
                    self.destroy(slot)?;
                }
                self.volume.remove_token(id)?;
            }
        }
        // Tokens of removed key slots are obsolete, including what they replace.
        self.remove_stale_tokens()?;
        for (slot, tokens) in by_slot(&self.volume.header()?) {
            // Another KMS may have wrapped these. Until a command with that KMS finishes, both key slots open the
            // volume.
            if let Err(failure) = self.finish_replacing(slot, &tokens) {
                note(format_args!(
                    "key slot {slot} of {} does not replace another one yet: {}",
                    self.volume,
                    failure.into_what()
                ));
            }
        }
        Ok(())
    }

    /// Returns a new key for a key slot.
    pub(crate) fn prepare(&self, wrapping: &Wrapping) -> Result<NewKey, Failure> {
        self.kms.prepare(wrapping)
    }

    /// Creates a key slot that keys of the KMS open. `opens` is a key that opens the volume now.
    pub(crate) fn enroll(&self, opens: &[u8], new: NewKey) -> Result<SlotId, Failure> {
        let header = self.volume.checked_header()?;
        let enrolled = header.good_tokens();
        let is_new = |token: &Token| {
            enrolled.iter().all(|(_, other)| {
                other.ready_slot().is_none() || other.wrapped.key_id != token.wrapped.key_id
            })
        };
        if let Some(token) = new.tokens.iter().find(|token| !is_new(token)) {
            let what = format!("{} opens {} already", token.wrapped.key_id, self.volume);
            let hint = "`bulla disk rewrap` wraps its key again, `bulla disk rekey` replaces it";
            return Err(Failure::new(Exit::Usage, what, hint));
        }
        self.make_slot(opens, new, None)
    }

    /// Replaces the key of each key slot that this KMS opens. The new key is wrapped by the same keys of the KMS, or by
    /// `keys`.
    pub(crate) fn rekey(&self, keys: &[String]) -> Result<Changed<SlotId>, Failure> {
        let slots = self.enrolled_slots(&self.volume.checked_header()?)?;
        Changed::each(slots, |slot, tokens| {
            let (key, token) = self.key_of(slot, tokens)?;
            let wrapping = Wrapping {
                keys: if keys.is_empty() { self.wrapping_keys(slot, &key, tokens)? } else { keys.to_vec() },
                context: token.context.clone(),
                kms: token.kms.clone(),
            };
            let mut new = self.kms.prepare(&wrapping)?;
            new.tokens.iter_mut().for_each(|new| keep_unknown(new, tokens, token));
            let new = self.make_slot(key.bytes(), new, Some(slot))?;
            let tokens = by_slot(&self.volume.header()?).remove(&new).unwrap_or_default();
            self.finish_replacing(new, &tokens)?;
            Ok(new)
        })
    }

    /// Re-wraps the keys of all tokens with the newest versions of their KMS keys, or with `keys`. Key slots stay.
    /// Returns the number of tokens of each key slot.
    pub(crate) fn rewrap(&self, keys: &[String], kms: &str) -> Result<Changed<usize>, Failure> {
        let slots = self.enrolled_slots(&self.volume.checked_header()?)?;
        Changed::each(slots, |slot, tokens| {
            let (key, token) = self.key_of(slot, tokens)?;
            if keys.is_empty() {
                return self.rewrap_each(slot, &key, tokens);
            }
            let wrapping =
                Wrapping { keys: keys.to_vec(), context: token.context.clone(), kms: kms.to_owned() };
            self.rewrap_by(&key, token, tokens, &wrapping)
        })
    }

    /// Removes the tokens of these keys of the KMS, or of all. A key slot that no key of the KMS opens any longer is
    /// destroyed. Returns the number of tokens that each key slot lost.
    pub(crate) fn unenroll(&self, keys: &[String]) -> Result<Changed<usize>, Failure> {
        let header = self.volume.checked_header()?;
        let is_meant = |token: &Token| keys.is_empty() || keys.contains(&token.wrapped.key_id);
        self.check_way_in(&header, is_meant)?;
        let mut slots = by_slot(&header);
        slots.retain(|_, tokens| tokens.iter().any(|(_, token)| is_meant(token)));
        if slots.is_empty() {
            return Err(self.not_enrolled(&header));
        }
        Changed::each(slots, |slot, tokens| {
            if tokens.iter().all(|(_, token)| is_meant(token)) {
                self.key_of(slot, tokens)?;
                self.destroy(slot)?;
            }
            let meant: Vec<_> =
                tokens.iter().filter(|(_, token)| is_meant(token)).map(|(id, _)| *id).collect();
            meant.iter().try_for_each(|id| self.volume.remove_token(*id))?;
            Ok(meant.len())
        })
    }

    /// Refuses to remove tokens, and with them key slots, unless a key slot stays that no KMS opens, or one that this
    /// KMS opens now with another token.
    fn check_way_in(&self, header: &LuksHeader, is_meant: impl Fn(&Token) -> bool) -> Result<(), Failure> {
        if !header.slots_without_kms().is_empty() {
            return Ok(());
        }
        let stays = by_slot(header).into_iter().any(|(slot, mut tokens)| {
            tokens.retain(|(_, token)| !is_meant(token));
            self.key_of(slot, &tokens).is_ok()
        });
        if stays || !header.good_tokens().iter().any(|(_, token)| is_meant(token)) {
            return Ok(());
        }
        Err(self.last_way_in())
    }

    /// Returns the key of the first key slot that the KMS opens.
    pub(crate) fn unlock(&self, header: &LuksHeader) -> Result<Unlocked, Failure> {
        let mut failed = None;
        for (_, token) in header.good_tokens() {
            let Some(slot) = token.ready_slot() else { continue };
            match self.kms.unwrap(&token) {
                Ok(key) if self.volume.opens(Some(slot), key.bytes())? => {
                    return Ok(Unlocked { slot, key_id: token.wrapped.key_id, key });
                }
                Ok(_) => failed = Some(self.wrong_key(slot)),
                Err(failure) => failed = Some(failure),
            }
        }
        Err(failed.unwrap_or_else(|| self.not_enrolled(header)))
    }

    fn make_slot(&self, opens: &[u8], new: NewKey, replaces: Option<SlotId>) -> Result<SlotId, Failure> {
        let header = self.volume.checked_header()?;
        let slot = header.free_slot().ok_or_else(|| self.full("key slot"))?;
        let ids = self.free_tokens(&header, new.tokens.len())?;
        let ready = |token: Token| token.with_slot(TokenSlot::Ready(slot)).replacing(replaces);
        let tokens: Tokens = ids.into_iter().zip(new.tokens.into_iter().map(ready)).collect();
        let (first, others) = tokens.split_first().expect("there is at least one key");
        self.volume.add_token(first.0, &first.1.clone().with_slot(TokenSlot::Pending(slot)))?;
        if let Err(failure) = self.volume.add_slot(slot, opens, new.key.bytes()) {
            // If no key slot was created, the token is removed at once.
            if self.volume.header().is_ok_and(|header| !header.has_slot(slot)) {
                let _ = self.volume.remove_token(first.0);
            }
            return Err(failure);
        }
        others.iter().try_for_each(|(id, token)| self.volume.add_token(*id, token))?;
        self.volume.write_token(first.0, &first.1)?;
        Ok(slot)
    }

    /// Replaces the wrapped key of each token by one of the newest version of its KMS key.
    fn rewrap_each(&self, slot: SlotId, key: &SlotKey, tokens: &Tokens) -> Result<usize, Failure> {
        self.wrapping_keys(slot, key, tokens)?;
        for (id, token) in tokens {
            let keys = vec![token.wrapped.key_id.clone()];
            let wrapping = Wrapping { keys, context: token.context.clone(), kms: token.kms.clone() };
            for new in self.kms.wrap_by_all(key, &wrapping)? {
                self.volume.write_token(*id, &token.clone().with_wrapped(new.wrapped))?;
            }
        }
        Ok(tokens.len())
    }

    /// Writes tokens for other keys beside the tokens of a key slot, then removes those.
    fn rewrap_by(
        &self,
        key: &SlotKey,
        from: &Token,
        tokens: &Tokens,
        wrapping: &Wrapping,
    ) -> Result<usize, Failure> {
        let new = self.kms.wrap_by_all(key, wrapping)?;
        let ids = self.free_tokens(&self.volume.header()?, new.len())?;
        for (id, new) in ids.iter().zip(&new) {
            let mut token = from.clone().with_wrapped(new.wrapped.clone()).with_kms(new.kms.clone());
            keep_unknown(&mut token, tokens, from);
            self.volume.add_token(*id, &token)?;
        }
        tokens.iter().try_for_each(|(id, _)| self.volume.remove_token(*id))?;
        Ok(new.len())
    }

    /// Returns the keys of the KMS with which the tokens of a key slot open it. Each of them must unwrap the current
    /// key: an attacker who wrote the header could otherwise choose which key wraps the next one.
    fn wrapping_keys(&self, slot: SlotId, key: &SlotKey, tokens: &Tokens) -> Result<Vec<String>, Failure> {
        let mut keys = Vec::new();
        for (_, token) in tokens {
            if !self.kms.unwraps(token, key)? {
                return Err(self.wrong_key(slot));
            }
            // A killed rewrap leaves the tokens of both keys, which may be the same key.
            if !keys.contains(&token.wrapped.key_id) {
                keys.push(token.wrapped.key_id.clone());
            }
        }
        Ok(keys)
    }

    /// Destroys the key slot that `slot` replaces, after the KMS has opened `slot`.
    fn finish_replacing(&self, slot: SlotId, tokens: &Tokens) -> Result<(), Failure> {
        let Some(replaced) = tokens.iter().find_map(|(_, token)| token.replaces) else { return Ok(()) };
        self.key_of(slot, tokens)?;
        // If no token names the replaced key slot, another program has created a key slot of this number since.
        if let Some(of_replaced) = by_slot(&self.volume.header()?).remove(&replaced) {
            self.key_of(replaced, &of_replaced)?;
            self.destroy(replaced)?;
        }
        self.remove_stale_tokens()?;
        tokens.iter().try_for_each(|(id, token)| self.volume.write_token(*id, &token.clone().replacing(None)))
    }

    /// Removes the tokens of removed key slots.
    fn remove_stale_tokens(&self) -> Result<(), Failure> {
        let tokens = self.volume.header()?.good_tokens();
        let stale = tokens.iter().filter(|(_, token)| token.slot == TokenSlot::WithoutKeySlot);
        stale.map(|(id, _)| *id).try_for_each(|id| self.volume.remove_token(id))
    }

    /// Destroys a key slot, unless it is the last one. The caller has shown that its key opens it.
    fn destroy(&self, slot: SlotId) -> Result<(), Failure> {
        if self.volume.header()?.slots().all(|other| other == slot) {
            return Err(self.last_way_in());
        }
        self.volume.destroy_slot(slot)
    }

    /// Returns the key of a key slot, verified by opening it, and its token: the first one that the KMS opens.
    fn key_of<'t>(&self, slot: SlotId, tokens: &'t Tokens) -> Result<(SlotKey, &'t Token), Failure> {
        let mut failed = self.wrong_key(slot);
        for (_, token) in tokens {
            match self.kms.unwrap(token) {
                Ok(key) if self.volume.opens(Some(slot), key.bytes())? => return Ok((key, token)),
                Ok(_) => {}
                Err(failure) => failed = failure,
            }
        }
        Err(failed)
    }

    fn is_ours(&self, slot: SlotId, token: &Token) -> Result<bool, Failure> {
        self.volume.opens(Some(slot), self.kms.unwrap(token)?.bytes())
    }

    fn free_tokens(&self, header: &LuksHeader, count: usize) -> Result<Vec<TokenId>, Failure> {
        let ids: Vec<_> = header.free_tokens().take(count).collect();
        if ids.len() == count { Ok(ids) } else { Err(self.full("token")) }
    }

    fn full(&self, what: &str) -> Failure {
        let hint = "remove what is not needed with `bulla disk unenroll` or `cryptsetup luksKillSlot`";
        Failure::new(Exit::Usage, format!("{} has no free {what}", self.volume), hint)
    }

    fn last_way_in(&self) -> Failure {
        let what = format!("nothing else opens {}: nothing was removed", self.volume);
        let hint = "add a passphrase with `cryptsetup luksAddKey` first, or the data is lost";
        Failure::new(Exit::Usage, what, hint)
    }

    /// Reports a token of an interrupted command that the KMS does not open. Without its key, nothing is destroyed.
    fn interrupted(&self, id: TokenId, failure: Failure) -> Failure {
        let remove = format!("`cryptsetup token remove --token-id {id} {}`", self.volume);
        let hint = match failure.exit {
            Exit::Kms => {
                format!(
                    "run this with the KMS that `bulla disk status` names for it, or remove the token: {remove}"
                )
            }
            _ => format!("remove the token: {remove}"),
        };
        let exit = failure.exit;
        let what = format!("token {id} of an interrupted command: {}", failure.into_what());
        Failure::new(exit, what, hint)
    }

    fn wrong_key(&self, slot: SlotId) -> Failure {
        let what = format!("the key of the token does not open key slot {slot} of {}", self.volume);
        let hint = "the header was changed: open the volume by its recovery passphrase and enroll it again";
        Failure::new(Exit::Damaged, what, hint)
    }

    /// Returns the tokens of each key slot. There is at least one.
    fn enrolled_slots(&self, header: &LuksHeader) -> Result<BTreeMap<SlotId, Tokens>, Failure> {
        let slots = by_slot(header);
        if slots.is_empty() { Err(self.not_enrolled(header)) } else { Ok(slots) }
    }

    fn not_enrolled(&self, header: &LuksHeader) -> Failure {
        if let Some((id, fault)) = faulty_tokens(header).into_iter().next() {
            let what = format!("token {id} of {} cannot be used: {fault}", self.volume);
            let hint = "if no newer bulla wrote it, it was changed: restore the header from a backup";
            return Failure::new(Exit::Damaged, what, hint);
        }
        let what = format!("no such key of a KMS opens {}", self.volume);
        Failure::new(Exit::Usage, what, "see `bulla disk status`, and enroll a key with `bulla disk enroll`")
    }
}

/// Returns the tokens of each existing key slot.
fn by_slot(header: &LuksHeader) -> BTreeMap<SlotId, Tokens> {
    let mut slots = BTreeMap::<SlotId, Tokens>::new();
    for (id, token) in header.good_tokens() {
        if let Some(slot) = token.ready_slot().filter(|slot| header.has_slot(*slot)) {
            slots.entry(slot).or_default().push((id, token));
        }
    }
    slots
}

/// Copies unknown members to a new token: from the old token of the same key, or from `other` if the key is new.
fn keep_unknown(new: &mut Token, tokens: &Tokens, other: &Token) {
    let of_key = tokens.iter().map(|(_, old)| old).find(|old| old.wrapped.key_id == new.wrapped.key_id);
    new.keep_unknown(of_key.unwrap_or(other));
}

/// Returns the faults of tokens of bulla that cannot be used.
pub(crate) fn faulty_tokens(header: &LuksHeader) -> Vec<(TokenId, TokenFault)> {
    header.tokens().filter_map(|(id, token)| Some((id, token.err()?))).collect()
}
