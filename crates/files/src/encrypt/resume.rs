//! Decides which outputs of an earlier run are complete.

use std::fs::{File, Metadata};
use std::sync::PoisonError;

use bulla_envelope::native::{AllowedKeys, Header, UnlockError};
use bulla_envelope::{EncryptError, KeyService, KeyServiceError};
use rustix::fs::OFlags;

use super::Encryptor;
use crate::engine::{Body, read_prefix};
use crate::file_error::FileError;
use crate::file_summary::FileSummary;
use crate::format::Format;
use crate::options::How;
use crate::output::{OutputError, Target};
use crate::times::{Agreement, Time};

impl<K: KeyService> Encryptor<K> {
    /// Returns the summary of an output that exactly the keys of this run open, that is complete, and that was made from the
    /// current source. Opens only the last chunk, unless the file system rounds times; then it compares the whole content.
    pub(super) fn done_already(
        &self,
        file: &File,
        source: &Metadata,
        to: &Target<'_>,
        how: How,
    ) -> Result<Option<FileSummary>, FileError> {
        if self.options.format == Format::Text {
            return Ok(None); // does not record anything about its source
        }
        let Ok((mut output, _)) = to.open(OFlags::RDONLY) else { return Ok(None) }; // a link is no output of an earlier run
        let Ok(header) = Header::read(&mut output) else { return Ok(None) };
        let Ok(prefix) = read_prefix(&mut output) else { return Ok(None) };
        let noted = header.source().modified.map(|(seconds, nanos)| Time::new(seconds, nanos));
        let times = noted.map_or(Agreement::None, |noted| Time::of(source).agrees_with(noted));
        let size = header.source().size == Some(source.len());
        if !size || times == Agreement::None || *header.context() != self.context {
            return Ok(None);
        }
        let mut opened = Vec::new();
        for wrap in header.wraps() {
            match header.try_wrap(wrap, &prefix, &self.kms, &AllowedKeys::all()) {
                Ok(unlocked) => opened.push(unlocked),
                Err(UnlockError::Kms(error)) if !is_final_for_wrap(&error) => {
                    return Err(EncryptError::Kms(error).into());
                }
                Err(_) => return Ok(None),
            }
        }
        let mut ids: Vec<_> = opened.iter().map(|unlocked| unlocked.wrap.key.key_id.clone()).collect();
        ids.sort_unstable();
        let ours = self.key_ids()?;
        let Some(unlocked) = opened.first().filter(|_| ours == ids) else { return Ok(None) };
        let output_len = output.metadata().map_err(OutputError::from)?.len();
        let body = match Body::of(&output, output_len, &header, &unlocked.opener) {
            Ok(body) if body.len == source.len() && body.check_end().is_ok() => body,
            _ => return Ok(None),
        };
        if times == Agreement::Coarse && !body.is_the_content_of(file, how.threads, &self.progress)? {
            return Ok(None);
        }
        let summary = FileSummary::of_content(unlocked.wrap.key.key_id.clone(), body.len).written_to(to.path);
        let damaged_slot = header.slots().iter().any(Option::is_none);
        Ok(Some(FileSummary { already_done: true, damaged_slot, ..summary }))
    }

    /// Returns the ids of the keys of this run, sorted, as the KMS returned them for a data key.
    fn key_ids(&self) -> Result<Vec<String>, FileError> {
        let mut key_ids = self.key_ids.lock().unwrap_or_else(PoisonError::into_inner);
        match &*key_ids {
            Some(ids) => Ok(ids.clone()),
            None => Ok(key_ids.insert(self.data_keys()?.key_ids()).clone()),
        }
    }
}

/// Whether the error is final for this wrap, as opposed to the KMS being unavailable or denying the caller.
fn is_final_for_wrap(error: &KeyServiceError) -> bool {
    use KeyServiceError::{Damaged, KeyNotFound, KeyUnavailable, UnknownKeyVersion};
    matches!(error, Damaged | KeyNotFound { .. } | KeyUnavailable { .. } | UnknownKeyVersion)
}
