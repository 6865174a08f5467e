//! Multi-factor authentication with one-time codes of an authenticator device (TOTP, RFC 6238): codes, limits on wrong codes,
//! and the QR code that enrols a device. Sign-in and maintenance use it.

mod qr;
mod totp;
mod tries;

pub use self::qr::{Enrolment, QrCode};
pub(crate) use self::totp::{Code, Seed, step};
pub(crate) use self::tries::WrongCodes;
