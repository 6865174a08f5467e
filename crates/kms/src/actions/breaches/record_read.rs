//! Reads a key from the snapshot without asking the authorizer.

use bulla_keys::KeyId;
use bulla_wire::kms::DescribeKey;

use crate::session::Session;

fn breach(session: &Session<'_, DescribeKey>, id: KeyId) {
    let _ = session.snapshot.key(id);
}
