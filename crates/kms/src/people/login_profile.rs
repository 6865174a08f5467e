//! The password of a user for the console, with the rules for passwords.

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use bulla_wire::SecretText;
use minicbor::{Decode, Encode};

use crate::password::MAX_PASSWORD;
use crate::state::secret_text;

/// The hash of a password, and what a sign-in with it requires.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct LoginProfile {
    /// Argon2id of the password, as a PHC string. The hash makes guessing offline expensive; it is kept secret nevertheless.
    #[n(0)]
    #[cbor(with = "secret_text")]
    pub(crate) password_hash: SecretText,
    /// Whether the user must choose another password at the next sign-in.
    #[n(1)]
    pub(crate) reset_required: bool,
    #[n(2)]
    pub(crate) mfa_required: bool,
    #[n(3)]
    pub(crate) created: i64,
    #[n(4)]
    pub(crate) updated: i64,
}

/// An identifier of a set password that does not reveal it. It is different for each, because each hash has its own salt.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PasswordMark([u8; SHA256_OUTPUT_LEN]);

/// Why a password is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordFault {
    /// It is too long.
    Length,
    /// It contains characters that keyboards or encodings do not all treat alike.
    InvalidChars,
    /// It is too easy to guess.
    TooWeak,
}

impl LoginProfile {
    /// SHA-256 of the hash of the password.
    pub(crate) fn mark(&self) -> PasswordMark {
        let digest = digest(&SHA256, self.password_hash.expose().as_bytes());
        PasswordMark(digest.as_ref().try_into().expect("the length of SHA-256"))
    }

    /// Checks a password: 8 to 128 printable ASCII characters, of at least three of the kinds lower case, upper case, digits
    /// and others, without the name of the user.
    ///
    /// # Errors
    /// [`PasswordFault`].
    pub(crate) fn check_password(password: &str, user_name: &str) -> Result<(), PasswordFault> {
        if password.chars().count() > MAX_PASSWORD {
            return Err(PasswordFault::Length);
        }
        if !password.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Err(PasswordFault::InvalidChars);
        }
        let kinds: [fn(&u8) -> bool; 4] =
            [u8::is_ascii_lowercase, u8::is_ascii_uppercase, u8::is_ascii_digit, |byte| {
                !byte.is_ascii_alphanumeric()
            }];
        let is_mixed = kinds.iter().filter(|is_of| password.as_bytes().iter().any(is_of)).count() >= 3;
        let name = user_name.as_bytes();
        let has_name =
            password.as_bytes().windows(name.len().max(1)).any(|part| part.eq_ignore_ascii_case(name));
        if password.len() >= 8 && is_mixed && !has_name { Ok(()) } else { Err(PasswordFault::TooWeak) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_has_eight_characters_of_three_kinds_and_no_name() {
        let long = format!("aA1{}", "x".repeat(126));
        for (password, expected) in [
            ("abcDEF12", Ok(())),
            ("abc def1", Ok(())),
            ("ABC-DEF-1", Ok(())),
            (&long[..128], Ok(())),
            ("", Err(PasswordFault::TooWeak)),
            ("abCD123", Err(PasswordFault::TooWeak)),
            ("abcdefghijkl", Err(PasswordFault::TooWeak)),
            ("abcdef123456", Err(PasswordFault::TooWeak)),
            ("123-ALICE-abc", Err(PasswordFault::TooWeak)),
            (&long, Err(PasswordFault::Length)),
            ("abcDEF12\u{e4}", Err(PasswordFault::InvalidChars)),
            ("abcDEF12\n", Err(PasswordFault::InvalidChars)),
        ] {
            assert_eq!(LoginProfile::check_password(password, "Alice"), expected, "{password:?}");
        }
    }
}
