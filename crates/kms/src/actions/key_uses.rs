//! The action DescribeKeyUses: how often the versions of a key were used.

use bulla_wire::kms::{DescribeKey, DescribeKeyUses, DescribeKeyUsesReply, KeyVersionUse, KeyVersionUseList};
use bulla_wire::{Error, Timestamp};

use crate::authorize::Permission;
use crate::key_uses::UseCounts;
use crate::session::Session;

/// Needs the permission to describe the key: the counts are a part of its description that the API of the cloud lacks.
pub(super) async fn describe(session: &Session<'_, DescribeKeyUses>) -> Result<DescribeKeyUsesReply, Error> {
    let view = session.with_permission(Permission::of::<DescribeKey>());
    let key = view.key(&session.request.key_id)?;
    let versions = view.versions_of(&key).after(None).map(|version| {
        let UseCounts { encryptions, others, last_used } = view.uses_of(&key, &version.record);
        KeyVersionUse {
            key_version_id: version.record.id.to_string(),
            encryptions,
            other_operations: others,
            last_use_date: last_used.map(Timestamp::from_unix),
        }
    });
    Ok(DescribeKeyUsesReply {
        counted_since: Timestamp::from_unix(view.uses_counted_since(&key)),
        key_version_uses: KeyVersionUseList { key_version_use: versions.collect() },
    })
}
