//! Checks quotas before a record is created.

use bulla_keys::{Key, Maker};
use bulla_wire::{Error, ErrorCode};

use super::{Allowed, View};
use crate::origin::Principal;
use crate::people::RecordQuota;
use crate::state::{Made, Row};

impl<'v> View<'v> {
    /// Returns the caller as the maker of records: for a session, who began its chain.
    pub(crate) fn maker(&self) -> Option<Maker> {
        Principal::of(self.caller()).map(|principal| principal.maker())
    }

    /// Checks that the quotas allow one more record of a kind. Needs the permission to create it, because the error reveals
    /// the quota. In a change, the state of all accepted changes before it counts, so concurrent requests cannot exceed a
    /// quota together.
    ///
    /// # Errors
    /// Rejected.LimitExceeded.
    pub(crate) fn check_room<R: Made, P>(
        &self,
        _permission: &Allowed<P>,
        quota: RecordQuota,
    ) -> Result<(), Error> {
        let makers = R::makers(self.snapshot);
        let has_room = quota.total.is_none_or(|total| makers.total() < total);
        let has_own_room =
            quota.per_creator.is_none_or(|own| self.maker().is_none_or(|maker| makers.of(&maker) < own));
        if has_room && has_own_room { Ok(()) } else { Err(ErrorCode::RejectedLimitExceeded.into()) }
    }

    /// Checks that the quotas allow a request to create one more version of a key.
    ///
    /// # Errors
    /// Rejected.LimitExceeded.
    pub(crate) fn check_room_for_version(&self, key: &Allowed<&'v Row<Key>>) -> Result<(), Error> {
        let versions = self.next_version_of(key) as usize;
        let has_room = self.quotas().key_versions.is_none_or(|quota| versions < quota);
        if has_room { Ok(()) } else { Err(ErrorCode::RejectedLimitExceeded.into()) }
    }
}
