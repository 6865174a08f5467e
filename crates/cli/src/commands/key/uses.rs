//! Usage counts of keys, if the KMS reports them.

use std::time::{SystemTime, UNIX_EPOCH};

use bulla_client::CallError;
use bulla_wire::Timestamp;
use bulla_wire::kms::{DescribeKeyUses, DescribeKeyUsesReply, KeyMetadata, KeyVersionUse, ListKeys};

use super::own_actions::{Unanswered, call_if_known};
use crate::dates::Date;
use crate::failure::{Exit, Failure};
use crate::kms::KmsConnection;
use crate::messages::note;

/// Selects the keys that were not used since a time.
pub(super) struct Unused<'k> {
    kms: &'k KmsConnection,
    since: Timestamp,
}

impl<'k> Unused<'k> {
    /// Checks that the KMS has counted all uses since that time.
    pub(super) fn new(kms: &'k KmsConnection, Date(since): Date) -> Result<Self, Failure> {
        let unused = Self { kms, since };
        let first = ListKeys { page_number: Some(1), page_size: Some(1), filters: None };
        if let Some(any) = kms.call(&first)?.keys.key.first() {
            let counted_since = unused.uses(&any.key_id)?.counted_since;
            if counted_since > since {
                let what = format!("--unused-since {since}: uses are counted since {counted_since}");
                return Err(Failure::new(Exit::Usage, what, "give that time or a later one"));
            }
        }
        Ok(unused)
    }

    /// Returns whether the key is selected. Calls the KMS only about a key that was created before the time.
    pub(super) fn includes(&self, key: &KeyMetadata) -> Result<bool, Failure> {
        if key.creation_date >= self.since {
            return Ok(false);
        }
        Ok(self.uses(&key.key_id)?.last_use_date().is_none_or(|used| used < self.since))
    }

    fn uses(&self, key_id: &str) -> Result<DescribeKeyUsesReply, Failure> {
        let request = DescribeKeyUses { key_id: key_id.to_owned() };
        call_if_known(self.kms, &request)?.map_err(|why| match why {
            Unanswered::Unknown => Failure::new(
                Exit::Usage,
                format!(
                    "--unused-since: the KMS at {} does not report when keys were used",
                    self.kms.place()
                ),
                "the embedded KMS and a bulla server of this version do",
            ),
            Unanswered::Denied => Failure::new(
                Exit::Kms,
                format!("--unused-since: no permission to see when {key_id} was used"),
                "ask an administrator for kms:DescribeKey on all keys",
            ),
        })
    }
}

/// Returns how often a key was used; none if the KMS does not report it to this caller.
pub(super) fn reported(kms: &KmsConnection, key_id: &str) -> Result<Option<DescribeKeyUsesReply>, CallError> {
    Ok(call_if_known(kms, &DescribeKeyUses { key_id: key_id.to_owned() })?.ok())
}

/// Returns the last use of a key in the last 30 days, and warns about it before the key is deleted.
pub(super) fn warn_of_late_use(kms: &KmsConnection, key_id: &str) -> Result<Option<Timestamp>, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let used = reported(kms, key_id)?.and_then(|uses| uses.last_use_date());
    let lately = used.filter(|used| now.saturating_sub(used.unix()) < LATELY);
    if let Some(used) = lately {
        note(format_args!("bulla: {key_id} is in use: it was last used at {used}"));
        note("       `bulla key cancel-deletion` cancels this until the key is deleted");
    }
    Ok(lately)
}

/// Returns a line for each version.
pub(super) fn lines(uses: &DescribeKeyUsesReply) -> Vec<String> {
    uses.key_version_uses.key_version_use.iter().map(line).collect()
}

fn line(uses: &KeyVersionUse) -> String {
    let KeyVersionUse { key_version_id, encryptions, other_operations, last_use_date } = uses;
    let Some(last) = last_use_date else { return format!("{key_version_id}: none") };
    let plural = |count: &u64| if *count == 1 { "" } else { "s" };
    format!(
        "{key_version_id}: {encryptions} encryption{}, {other_operations} other operation{}, last at {last}",
        plural(encryptions),
        plural(other_operations),
    )
}

/// 30 days, in seconds.
const LATELY: i64 = 30 * 86_400;
