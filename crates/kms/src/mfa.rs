//! Multi-factor authentication by one-time codes that a device makes of the time (TOTP, RFC 6238).

mod qr;
mod totp;
mod tries;

pub use self::qr::{Enrolment, QrCode};
pub(crate) use self::totp::{Code, Seed, step};
pub(crate) use self::tries::WrongCodes;
