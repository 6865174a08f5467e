//! Usage counts of keys, if the KMS reports them.

use std::time::{SystemTime, UNIX_EPOCH};

use bulla_wire::Timestamp;
use bulla_wire::kms::{DescribeKeyUsesReply, KeyMetadata, KeyVersionUse, ListKeys};

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
        let first = ListKeys { page_number: Some(1), page_size: Some(1), filters: None };
        if let Some(any) = kms.call(&first)?.keys.key.first() {
            let Some(DescribeKeyUsesReply { counted_since, .. }) = kms.key_uses(&any.key_id)? else {
                return Err(Failure::new(
                    Exit::Usage,
                    "--unused-since: the API of a server does not report when keys were used",
                    "the page of a key in the server's console shows it",
                ));
            };
            if counted_since > since {
                let what = format!("--unused-since {since}: uses are counted since {counted_since}");
                return Err(Failure::new(Exit::Usage, what, "give that time or a later one"));
            }
        }
        Ok(Self { kms, since })
    }

    /// Returns whether the key is selected.
    pub(super) fn includes(&self, key: &KeyMetadata) -> Result<bool, Failure> {
        let used = self.kms.key_uses(&key.key_id)?.and_then(|uses| uses.last_use_date());
        Ok(key.creation_date < self.since && used.is_none_or(|used| used < self.since))
    }
}

/// Returns the last use of a key in the last 30 days, and warns about it before the key is deleted.
pub(super) fn warn_of_late_use(kms: &KmsConnection, key_id: &str) -> Result<Option<Timestamp>, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let used = kms.key_uses(key_id)?.and_then(|uses| uses.last_use_date());
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
