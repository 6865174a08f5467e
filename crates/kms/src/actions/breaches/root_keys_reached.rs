//! Reaches the root keys of the keyring.

use bulla_keys::root::RootKeys;

use crate::keyring::Keyring;

fn breach(keyring: &Keyring) -> &RootKeys {
    &keyring.roots
}
