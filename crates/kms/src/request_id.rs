//! The ids of requests in replies and logs.

use std::cell::RefCell;
use std::sync::Arc;

use bulla_keys::{Random, SystemRandom};

/// Returns a new id for a request: a lower-case UUID.
#[must_use]
pub fn new_request_id() -> Arc<str> {
    let bytes = DRAWN.with_borrow_mut(|drawn| {
        if drawn.is_empty() {
            let mut bytes = [[0; ID_LEN]; AT_ONCE];
            SystemRandom.fill(bytes.as_flattened_mut());
            drawn.extend(bytes);
        }
        drawn.pop().unwrap_or_default()
    });
    let mut text = uuid::Uuid::encode_buffer();
    Arc::from(&*uuid::Builder::from_random_bytes(bytes).into_uuid().hyphenated().encode_lower(&mut text))
}

thread_local! {
    /// Random bytes for the next requests of this thread. Request ids are not secret, so they may be drawn in advance, which
    /// takes a tenth of the time. Keys and nonces are never drawn in advance, because a running machine may be copied.
    static DRAWN: RefCell<Vec<[u8; ID_LEN]>> = const { RefCell::new(Vec::new()) };
}

const ID_LEN: usize = 16;
const AT_ONCE: usize = 64;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use bulla_keys::KeyId;

    use super::*;

    #[test]
    fn no_two_requests_have_the_same_name() {
        let names: HashSet<_> = (0..3 * AT_ONCE).map(|_| new_request_id()).collect();
        assert_eq!(names.len(), 3 * AT_ONCE);
        for name in names {
            let id: KeyId = name.parse().expect("a UUID");
            assert_eq!(id.to_string(), *name);
        }
    }
}
