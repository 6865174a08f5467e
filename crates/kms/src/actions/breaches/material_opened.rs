//! Opens the material of a key without authorization or a check of its state.

use bulla_keys::{Key, KeyVersion};
use bulla_wire::Error;

use crate::keyring::{DecryptBlob, Keyring, OpenKey};

fn breach<'a>(
    keyring: &Keyring,
    key: &'a Key,
    version: &'a KeyVersion,
) -> Result<OpenKey<'a, DecryptBlob>, Error> {
    keyring.open(key, version)
}
