//! The data key of a run: drawn by the KMS, wrapped by one key or several, shared by many files.

use std::sync::Arc;

use bulla_envelope::native::{
    BodyKey, Header, HeaderFlaw, HeaderTemplate, SealError, SetId, Source, Wrap, WrapKind,
};
use bulla_envelope::{DataKey, EncryptError, EncryptionContext, GeneratedDataKey, KeyService, WrappedKey};

use crate::file_error::FileError;
use crate::once::Answers;

/// A data key with its wraps, any one of which will open the files.
pub(crate) struct DataKeySet {
    data_key: DataKey,
    wraps: Vec<Wrap>,
    /// The headers of the files, unless no native file can hold the wraps or the context.
    headers: Result<HeaderTemplate, HeaderFlaw>,
}

/// What a new file begins with, and the key of its body.
pub(crate) struct NewFile {
    pub(crate) header: Header,
    pub(crate) key: BodyKey,
}

/// The data keys of a run: one for each list of keys that wrap it and each context.
pub(crate) type DataKeySets = Answers<(Vec<String>, EncryptionContext), Arc<DataKeySet>>;

impl DataKeySet {
    /// A new data key: drawn by the KMS under the first key, wrapped by the others too. [`FileError::NoKeys`] without keys.
    pub(crate) fn generate(
        kms: &dyn KeyService,
        keys: &[String],
        context: &EncryptionContext,
        region: &str,
    ) -> Result<Self, FileError> {
        let (first, others) = keys.split_first().ok_or(FileError::NoKeys)?;
        let GeneratedDataKey { data_key, wrapped } =
            kms.generate_data_key(first, context).map_err(EncryptError::Kms)?;
        let mut wrapped = vec![wrapped];
        for key in others {
            let another = kms.wrap(key, &data_key, context).map_err(EncryptError::Kms)?;
            // Two names of one key.
            if wrapped.iter().all(|known| known.key_id != another.key_id) {
                wrapped.push(another);
            }
        }
        let wrap = |key| Wrap { kind: WrapKind::Set, region: region.to_owned(), key };
        let wraps: Vec<_> = wrapped.into_iter().map(wrap).collect();
        let headers = HeaderTemplate::new(SetId::random(), context.clone(), wraps.clone());
        Ok(Self { data_key, wraps, headers })
    }

    /// The head of a new file.
    pub(crate) fn new_file(&self, source: Source) -> Result<NewFile, SealError> {
        let headers = self.headers.as_ref().map_err(|flaw| SealError::Header(*flaw))?;
        let header = headers.header(source)?;
        let key = BodyKey::of_set(&self.data_key, header.file_id());
        Ok(NewFile { header, key })
    }

    /// The data key and its wrap, for a format that holds one.
    pub(crate) fn only_wrap(&self) -> Option<(&DataKey, &WrappedKey)> {
        let [wrap] = &*self.wraps else { return None };
        Some((&self.data_key, &wrap.key))
    }

    /// The keys that wrap it, in the order of their ids.
    pub(crate) fn key_ids(&self) -> Vec<String> {
        let mut ids: Vec<_> = self.wraps.iter().map(|wrap| wrap.key.key_id.clone()).collect();
        ids.sort_unstable();
        ids
    }

    /// The key that the KMS drew it under.
    pub(crate) fn key_id(&self) -> &str {
        &self.wraps[0].key.key_id
    }
}
