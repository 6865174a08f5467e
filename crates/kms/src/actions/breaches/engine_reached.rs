//! Reaches the engine from a session.

use bulla_wire::kms::DescribeKey;

use crate::session::Session;

fn breach(session: &Session<'_, DescribeKey>) {
    let _ = session.kms;
}
