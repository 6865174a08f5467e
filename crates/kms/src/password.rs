//! Hashes of passwords: Argon2id (RFC 9106) with the parameters that its section 4 recommends second, which needs 64 MiB
//! and no more. The parameters stand in the hash, so that later ones can differ.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use bulla_keys::{Random, SystemRandom};
use bulla_wire::SecretText;
use zeroize::{Zeroize, Zeroizing};

/// The hash of a password under a new salt, as a PHC string. Takes a tenth of a second and 64 MiB, which are wiped.
///
/// # Errors
/// There is not enough memory.
pub(crate) fn hash_password(password: &SecretText) -> Result<SecretText, argon2::Error> {
    let mut salt = [0; SALT];
    SystemRandom.fill(&mut salt);
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(TAG))?;
    let mut blocks = Blocks(Vec::new());
    blocks.0.try_reserve_exact(params.block_count()).map_err(|_| argon2::Error::OutOfMemory)?;
    blocks.0.resize(params.block_count(), Block::default());
    let mut tag = Zeroizing::new([0; TAG]);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into_with_memory(password.expose().as_bytes(), &salt, &mut *tag, &mut blocks.0)?;
    Ok(phc_string(&salt, &*tag).into())
}

/// Of this length from the start, so that no part of it is left behind.
fn phc_string(salt: &[u8], tag: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(MAX_LEN));
    text.push_str(&format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$"));
    BASE64_STANDARD_NO_PAD.encode_string(salt, &mut text);
    text.push('$');
    BASE64_STANDARD_NO_PAD.encode_string(tag, &mut text);
    text
}

/// The memory of a hash, from which a password is guessed faster than from the hash.
struct Blocks(Vec<Block>);

impl Drop for Blocks {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(Zeroize::zeroize);
    }
}

const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 4;
const SALT: usize = 16;
const TAG: usize = 32;
const MAX_LEN: usize = 128;

#[cfg(test)]
mod tests {
    use argon2::password_hash::phc::PasswordHash;
    use argon2::{Argon2, PasswordVerifier};

    use super::*;

    #[test]
    fn a_hash_verifies_its_password_alone_and_has_a_salt_of_its_own() {
        let password = || SecretText::from(String::from("correct Horse 7"));
        let hash = hash_password(&password()).unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=65536,t=3,p=4$"));
        assert!(hash.expose().len() <= MAX_LEN);
        let parsed = PasswordHash::new(hash.expose()).unwrap();
        let verify = |password: &str| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
        assert!(verify("correct Horse 7") && !verify("correct Horse 8"));
        assert_ne!(hash_password(&password()).unwrap(), hash);
    }
}
