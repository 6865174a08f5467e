//! A data key for new files: issued by the KMS, and wrapped under one key or several. Usually all files of a run share one;
//! `rekey` uses one for each combination of wrapping keys and context.

use std::sync::Arc;

use bulla_envelope::native::{
    BodyKey, Header, HeaderFlaw, HeaderTemplate, SealError, SetId, SourceMetadata, Wrap, WrapKind,
};
use bulla_envelope::{DataKey, EncryptError, EncryptionContext, GeneratedDataKey, KeyService, WrappedKey};

use crate::file_error::FileError;
use crate::once::OnceMap;

/// A data key with its wraps, each of which opens the files.
pub(crate) struct DataKeySet {
    data_key: DataKey,
    wraps: Vec<Wrap>,
    /// The headers of the files; an error if the wraps or the context do not fit into a native file.
    headers: Result<HeaderTemplate, HeaderFlaw>,
}

/// The header of a new file, and the key of its body.
pub(crate) struct NewFile {
    pub(crate) header: Header,
    pub(crate) key: BodyKey,
}

/// The data keys of a run: one for each combination of wrapping keys and context.
pub(crate) type DataKeySets = OnceMap<(Vec<String>, EncryptionContext), Arc<DataKeySet>>;

impl DataKeySet {
    /// Generates a data key with the KMS under the first key, and wraps it under the others. Returns [`FileError::NoKeys`] for an
    /// empty list.
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
            // Two names may mean the same key.
            if wrapped.iter().all(|earlier| earlier.key_id != another.key_id) {
                wrapped.push(another);
            }
        }
        let wrap = |key| Wrap { kind: WrapKind::Set, region: region.to_owned(), key };
        let wraps: Vec<_> = wrapped.into_iter().map(wrap).collect();
        let headers = HeaderTemplate::new(SetId::random(), context.clone(), wraps.clone());
        Ok(Self { data_key, wraps, headers })
    }

    /// Returns the header and the body key of a new file.
    pub(crate) fn new_file(&self, source: SourceMetadata) -> Result<NewFile, SealError> {
        let headers = self.headers.as_ref().map_err(|flaw| SealError::Header(*flaw))?;
        let header = headers.header(source)?;
        let key = BodyKey::of_set(&self.data_key, header.file_id());
        Ok(NewFile { header, key })
    }

    /// Returns the data key and its wrap, if it has only one, for formats that store one.
    pub(crate) fn only_wrap(&self) -> Option<(&DataKey, &WrappedKey)> {
        let [wrap] = &*self.wraps else { return None };
        Some((&self.data_key, &wrap.key))
    }

    /// Returns the ids of the wrapping keys, sorted.
    pub(crate) fn key_ids(&self) -> Vec<String> {
        let mut ids: Vec<_> = self.wraps.iter().map(|wrap| wrap.key.key_id.clone()).collect();
        ids.sort_unstable();
        ids
    }

    /// Returns the id of the key under which the KMS generated the data key.
    pub(crate) fn key_id(&self) -> &str {
        &self.wraps[0].key.key_id
    }
}
