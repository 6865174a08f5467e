//! The index of import tokens by key and by the time of their expiry.

use bulla_keys::KeyId;
use imbl::OrdSet;
use minicbor::bytes::ByteArray;

use crate::state::kind::{self, Row};
use crate::state::records::{ImportToken, TokenFacts, TokenId};
use crate::state::snapshot::Snapshot;

#[derive(Clone, Default)]
pub(crate) struct ImportTokenIndex {
    by_key: OrdSet<(KeyId, [u8; 32])>,
    by_end: OrdSet<(i64, [u8; 32])>,
}

impl kind::Index<TokenFacts> for ImportTokenIndex {
    fn replace(&mut self, old: Option<&TokenFacts>, new: Option<&TokenFacts>) {
        if let Some(token) = old {
            self.by_key.remove(&(token.key, *token.id));
            self.by_end.remove(&(token.expires, *token.id));
        }
        if let Some(token) = new {
            self.by_key.insert((token.key, *token.id));
            self.by_end.insert((token.expires, *token.id));
        }
    }
}

impl Snapshot {
    pub(crate) fn import_token(&self, id: &TokenId) -> Option<&Row<ImportToken>> {
        self.get(id)
    }

    pub(crate) fn import_tokens_of(&self, key: KeyId) -> impl Iterator<Item = &Row<ImportToken>> {
        let by_key = &self.tables.import_tokens.index.by_key;
        let tokens = by_key.range((key, [0; 32])..=(key, [u8::MAX; 32]));
        tokens.filter_map(|(_, id)| self.import_token(&ByteArray::from(*id)))
    }

    /// Returns the import tokens that have expired at `now`.
    pub(crate) fn import_tokens_until(&self, now: i64) -> impl Iterator<Item = &Row<ImportToken>> {
        let tokens = self.tables.import_tokens.index.by_end.iter().take_while(move |(end, _)| *end <= now);
        tokens.filter_map(|(_, id)| self.import_token(&ByteArray::from(*id)))
    }
}
