//! Time-based one-time codes (TOTP, RFC 6238) with the parameters that every authenticator app supports: SHA-1, 6 digits,
//! steps of 30 s.
//!
//! ```text
//! step = floor(Unix time / 30)
//! code = Truncate(HMAC-SHA-1(seed, u64be(step))) mod 10^6          (RFC 4226, section 5.3)
//! ```
//!
//! SHA-1 is no weakness here: HMAC does not depend on collision resistance (RFC 4226, appendix B.2).
//!
//! The time is the believed time ([`Kms::now`](crate::Kms::now)), which does not follow jumps of the clock, so setting the
//! clock back does not make an observed code valid again. If the believed time is wrong by more than a step, the server
//! refuses right codes; it never accepts a code twice, because the device's row has the latest accepted step.

use std::str::FromStr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY};
use bulla_keys::{Random, SystemRandom};
use bulla_wire::SecretText;
use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

/// The secret that the codes of a device are computed from: 160 bits, as RFC 4226 recommends (section 4, R6).
pub(crate) struct Seed(Zeroizing<Vec<u8>>);

/// A one-time code, as typed: six digits.
#[derive(Clone)]
pub(crate) struct Code([u8; DIGITS]);

impl Seed {
    pub(crate) fn random() -> Self {
        let mut seed = Zeroizing::new(vec![0; LENGTH]);
        SystemRandom.fill(&mut seed);
        Self(seed)
    }

    pub(crate) fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Returns the seed in Base32, for authenticator apps.
    pub(crate) fn base32(&self) -> SecretText {
        let mut text = Zeroizing::new(vec![0; BASE32_NOPAD.encode_len(self.0.len())]);
        BASE32_NOPAD.encode_mut(&self.0, &mut text);
        let text = str::from_utf8(&text).expect("Base32 is ASCII");
        Zeroizing::new(text.to_owned()).into()
    }

    /// Returns the time step of a code: that of `now`, or one step before or after, because clocks differ and typing takes
    /// time. None for other codes, and for steps up to `spent`.
    pub(crate) fn step_of(&self, code: &Code, now: i64, spent: u64) -> Option<u64> {
        let step = step(now);
        self.find(step.saturating_sub(1)..=step + 1, spent, |first| self.is_code(code, first))
    }

    /// Returns the time step of the second of two consecutive codes. The first one may be up to two steps old, because the
    /// user waited for the second one.
    pub(crate) fn step_of_pair(&self, codes: &[Code; 2], now: i64, spent: u64) -> Option<u64> {
        let step = step(now);
        let [first, second] = codes;
        let is_pair = |at| self.is_code(first, at) & self.is_code(second, at + 1);
        self.find(step.saturating_sub(2)..=step, spent, is_pair).map(|first| first + 1)
    }

    /// Tries every step, so that the time does not reveal which one matches.
    fn find(&self, steps: impl Iterator<Item = u64>, spent: u64, is_it: impl Fn(u64) -> bool) -> Option<u64> {
        steps.fold(None, |found, step| if is_it(step) & (step > spent) { Some(step) } else { found })
    }

    fn is_code(&self, code: &Code, step: u64) -> bool {
        verify_slices_are_equal(&code.0, &self.code(step)).is_ok()
    }

    pub(crate) fn code(&self, step: u64) -> [u8; DIGITS] {
        let key = hmac::Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let at = usize::from(tag[tag.len() - 1] & 0x0f);
        let word = u32::from_be_bytes(tag[at..at + 4].try_into().expect("four bytes")) & 0x7fff_ffff;
        let mut rest = word % 1_000_000;
        let mut digits = [b'0'; DIGITS];
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).expect("a digit");
            rest /= 10;
        }
        digits
    }
}

/// Six digits. Spaces are ignored, because apps show two groups.
impl FromStr for Code {
    type Err = NotACode;

    fn from_str(text: &str) -> Result<Self, NotACode> {
        let mut digits = [0; DIGITS];
        let mut count = 0;
        for byte in text.bytes().filter(|byte| *byte != b' ') {
            *digits.get_mut(count).filter(|_| byte.is_ascii_digit()).ok_or(NotACode)? = byte;
            count += 1;
        }
        if count == DIGITS { Ok(Self(digits)) } else { Err(NotACode) }
    }
}

/// The text is not a one-time code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotACode;

/// Returns the time step that contains `now`.
pub(crate) fn step(now: i64) -> u64 {
    u64::try_from(now).unwrap_or_default() / STEP
}

const LENGTH: usize = 20;
const DIGITS: usize = 6;
/// In seconds.
pub(super) const STEP: u64 = 30;

#[cfg(test)]
mod tests {
    use super::*;

    fn seed() -> Seed {
        Seed::from_bytes(Zeroizing::new(b"12345678901234567890".to_vec()))
    }

    fn code(step: u64) -> Code {
        Code(seed().code(step))
    }

    /// Appendix B of RFC 6238, with codes truncated to six digits: a code is a number modulo a power of ten.
    #[test]
    fn the_vectors_of_rfc_6238() {
        for (time, eight_digits) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(&seed().code(step(time)), &eight_digits.as_bytes()[2..], "{time}");
        }
    }

    /// Appendix D of RFC 4226.
    #[test]
    fn the_vectors_of_rfc_4226() {
        let codes = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
            "520489",
        ];
        for (counter, code) in (0..).zip(codes) {
            assert_eq!(&seed().code(counter), code.as_bytes(), "{counter}");
        }
    }

    #[test]
    fn the_seed_is_shown_in_base32() {
        assert_eq!(seed().base32().expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let [one, other] = [(); 2].map(|()| Seed::random());
        assert_eq!(one.base32().expose().len(), 32);
        assert_ne!(one.expose(), other.expose());
    }

    #[test]
    fn a_code_is_taken_one_step_early_or_late_and_no_further() {
        let now = 3000; // step 100
        for step in 0..200 {
            let expected = (99..=101).contains(&step).then_some(step);
            assert_eq!(seed().step_of(&code(step), now, 0), expected, "{step}");
        }
        assert_eq!(seed().step_of(&code(0), 0, u64::MAX), None);
        assert_eq!(seed().step_of(&code(1), -5, 0), Some(1));
    }

    #[test]
    fn a_code_of_a_step_that_is_spent_or_earlier_is_refused() {
        let found = |step, spent| seed().step_of(&code(step), 3000, spent);
        assert_eq!([99, 100, 101].map(|step| found(step, 100)), [None, None, Some(101)]);
        assert_eq!([99, 100, 101].map(|step| found(step, 101)), [None; 3]);
    }

    #[test]
    fn two_codes_are_taken_in_their_order_and_one_after_the_other() {
        let found = |first, second| seed().step_of_pair(&[code(first), code(second)], 3000, 0);
        assert_eq!(
            [97, 98, 99, 100, 101].map(|at| found(at, at + 1)),
            [None, Some(99), Some(100), Some(101), None]
        );
        for (first, second) in [(100, 99), (100, 100), (99, 101), (100, 7)] {
            assert_eq!(found(first, second), None, "{first} {second}");
        }
        assert_eq!(seed().step_of_pair(&[code(99), code(100)], 3000, 99), None);
    }

    #[test]
    fn a_code_is_six_digits() {
        for text in ["123456", "123 456", " 123456 "] {
            assert_eq!(text.parse::<Code>().unwrap().0, *b"123456");
        }
        for text in ["", "12345", "1234567", "12345a", "１２３４５６", "-12345", "12345\n"] {
            assert!(text.parse::<Code>().is_err(), "{text:?}");
        }
    }
}
