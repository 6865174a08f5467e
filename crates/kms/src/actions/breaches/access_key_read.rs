//! Reads an access key with its secret.

use bulla_wire::kms::DescribeKey;

use crate::session::Session;

fn breach(session: &Session<'_, DescribeKey>) {
    let _ = session.published.access_key("id");
}
