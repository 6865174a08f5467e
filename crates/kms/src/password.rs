//! Password hashes: Argon2id (RFC 9106) with the parameters of its second recommendation (section 4), which need only 64 MiB.
//! The hash names its parameters, so that later versions can change them.

mod hasher;
mod turns;

use argon2::password_hash::Error as PhcError;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use bulla_keys::{Random, SystemRandom};
use bulla_wire::SecretText;
use zeroize::{Zeroize, Zeroizing};

pub(crate) use self::hasher::{CheckError, Hasher};
pub(crate) use self::turns::PasswordSource;

/// Maximum bytes of a password. Longer ones cannot be set, so they never match.
pub(crate) const MAX_PASSWORD: usize = 128;

/// Hashes a password with a new salt, and returns a PHC string. Takes a tenth of a second and 64 MiB, which are wiped.
///
/// # Errors
/// There is not enough memory.
fn hash_password(password: &SecretText) -> Result<SecretText, argon2::Error> {
    let mut salt = [0; SALT];
    SystemRandom.fill(&mut salt);
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(TAG))?;
    let mut tag = Zeroizing::new([0; TAG]);
    argon2id(password, &salt, params, &mut Blocks::default(), &mut *tag)?;
    Ok(phc_string(&salt, &*tag).into())
}

/// Whether a password matches a hash, with the parameters that the hash names. The memory of one check can serve the next.
///
/// # Errors
/// The hash was not made by this module; there is not enough memory.
fn verify_password(password: &SecretText, hash: &SecretText, memory: &mut Blocks) -> Result<bool, PhcError> {
    let hash = PasswordHash::new(hash.expose())?;
    let is_ours =
        hash.algorithm == Algorithm::Argon2id.ident() && hash.version == Some(Version::V0x13.into());
    let (Some(salt), Some(expected), true) = (hash.salt, hash.hash, is_ours) else {
        return Err(PhcError::Algorithm);
    };
    let mut tag = Zeroizing::new(vec![0; expected.len()]);
    argon2id(password, &salt, Params::try_from(&hash)?, memory, &mut tag)?;
    Ok(verify_slices_are_equal(&tag, expected.as_bytes()).is_ok())
}

/// A hash that no password matches, so that a check without a user does the same work. It has the parameters of new hashes.
fn no_password_hash() -> SecretText {
    phc_string(&[0; SALT], &[0; TAG]).into()
}

/// A hash that takes no time, for tests of its uses.
#[cfg(test)]
pub(crate) fn cheap_hash(password: &str) -> SecretText {
    use argon2::PasswordHasher;
    let mut salt = [0; SALT];
    SystemRandom.fill(&mut salt);
    let params = Params::new(8, 1, 1, Some(TAG)).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash: PasswordHash = argon2.hash_password_with_salt(password.as_bytes(), &salt).unwrap();
    hash.to_string().into()
}

fn argon2id(
    password: &SecretText,
    salt: &[u8],
    params: Params,
    memory: &mut Blocks,
    tag: &mut [u8],
) -> argon2::Result<()> {
    let blocks = memory.reserve(params.block_count())?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hashed = argon2.hash_password_into_with_memory(password.expose().as_bytes(), salt, tag, blocks);
    memory.wipe();
    hashed
}

/// Allocated in full, so that no part is left in memory.
fn phc_string(salt: &[u8], tag: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(MAX_LEN));
    text.push_str(&format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$"));
    BASE64_STANDARD_NO_PAD.encode_string(salt, &mut text);
    text.push('$');
    BASE64_STANDARD_NO_PAD.encode_string(tag, &mut text);
    text
}

/// The memory of a hash computation, from which a password is guessed faster than from the hash.
#[derive(Default)]
struct Blocks(Vec<Block>);

impl Blocks {
    /// Returns this many blocks. Their content does not matter, because each block is written before it is read.
    fn reserve(&mut self, count: usize) -> argon2::Result<&mut [Block]> {
        let missing = count.saturating_sub(self.0.len());
        self.0.try_reserve_exact(missing).map_err(|_| argon2::Error::OutOfMemory)?;
        self.0.resize(count.max(self.0.len()), Block::default());
        Ok(&mut self.0[..count])
    }

    fn wipe(&mut self) {
        self.0.iter_mut().for_each(Zeroize::zeroize);
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        self.wipe();
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
    use argon2::PasswordVerifier;

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
        let other = hash_password(&password()).unwrap();
        assert_ne!(other, hash);
        let mut memory = Blocks::default();
        for _ in 0..2 {
            assert!(verify_password(&password(), &other, &mut memory).unwrap());
        }
        assert!(memory.0.iter().all(|block| block.as_ref().iter().all(|word| *word == 0)), "it is wiped");
    }
}
