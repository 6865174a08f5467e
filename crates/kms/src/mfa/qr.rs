//! What a user enters into an authenticator app: the seed as text, and a QR code of an `otpauth` address.
//!
//! ```text
//! otpauth://totp/<issuer>:<label>?secret=<seed in Base32>&issuer=<issuer>
//! ```
//!
//! Both contain the seed, so they are in memory that is wiped.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bulla_wire::SecretText;
use qrcodegen_no_heap::{QrCode as Encoded, QrCodeEcc, Version};
use zeroize::Zeroizing;

/// The forms in which a user can enter a new device. They contain the seed.
#[derive(Debug)]
pub struct Enrolment {
    /// The seed in Base32.
    pub seed: SecretText,
    /// The QR code of the seed.
    pub qr_code: QrCode,
}

/// A QR code: a square of dark and light modules, without its margin of four light modules.
pub struct QrCode {
    /// Row by row.
    modules: Zeroizing<Vec<bool>>,
    size: usize,
}

impl Enrolment {
    /// `seed` is in Base32. The app shows `label`, which distinguishes the codes of several devices: the name of a user or
    /// device and the account. These need no escaping in an address.
    #[must_use]
    pub fn new(seed: SecretText, label: &str) -> Self {
        let parts = ["otpauth://totp/", ISSUER, ":", label, "?secret=", seed.expose(), "&issuer=", ISSUER];
        let mut address = Zeroizing::new(String::with_capacity(parts.iter().map(|part| part.len()).sum()));
        parts.iter().for_each(|part| address.push_str(part));
        Self { qr_code: QrCode::of(&address), seed }
    }
}

impl QrCode {
    fn of(text: &str) -> Self {
        let mut scratch = Zeroizing::new([0; VERSION.buffer_len()]);
        let mut buffer = Zeroizing::new([0; VERSION.buffer_len()]);
        let level = QrCodeEcc::Low; // raised as far as the size allows
        let code =
            Encoded::encode_text(text, &mut *scratch, &mut *buffer, level, Version::MIN, VERSION, None, true);
        let code = code.expect("names are shorter than what the version holds");
        let size = code.size();
        let places = (0..size).flat_map(|y| (0..size).map(move |x| (x, y)));
        let mut modules =
            Zeroizing::new(Vec::with_capacity(usize::try_from(size * size).unwrap_or_default()));
        modules.extend(places.map(|(x, y)| code.get_module(x, y)));
        Self { modules, size: usize::try_from(size).unwrap_or_default() }
    }

    /// The number of modules on each side.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Whether a module is dark; those outside of the code are light.
    #[must_use]
    pub fn is_dark(&self, x: usize, y: usize) -> bool {
        x < self.size && y < self.size && self.modules[y * self.size + x]
    }

    /// Returns the image, as Base64 of PNG, with its margin and four pixels for each module.
    pub(crate) fn png(&self) -> SecretText {
        let side = (self.size + 2 * MARGIN) * SCALE;
        let row = side.div_ceil(8) + 1; // after the byte that selects no filter
        let mut pixels = Zeroizing::new(vec![0xff; row * side]); // 1 is light
        for (y, line) in pixels.chunks_exact_mut(row).enumerate() {
            line[0] = 0;
            for x in 0..side {
                let module = |at: usize| (at / SCALE).wrapping_sub(MARGIN);
                if self.is_dark(module(x), module(y)) {
                    line[1 + x / 8] &= !(0x80 >> (x % 8));
                }
            }
        }
        let png = png(u32::try_from(side).expect("a small picture"), &pixels);
        let mut text = Zeroizing::new(String::with_capacity(png.len().div_ceil(3) * 4));
        BASE64_STANDARD.encode_string(&*png, &mut text);
        text.into()
    }
}

impl fmt::Debug for QrCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QrCode").field("size", &self.size).finish_non_exhaustive()
    }
}

/// Encodes a square image with one bit for each pixel (PNG, third edition). Its data is not compressed (RFC 1950, RFC 1951),
/// because a compressor would leave copies of the image in memory.
fn png(side: u32, pixels: &[u8]) -> Zeroizing<Vec<u8>> {
    let length = u16::try_from(pixels.len()).expect("one stored block");
    let mut data = Zeroizing::new(Vec::with_capacity(pixels.len() + 11));
    data.extend_from_slice(&[0x78, 0x01, 0x01]);
    data.extend_from_slice(&length.to_le_bytes());
    data.extend_from_slice(&(!length).to_le_bytes());
    data.extend_from_slice(pixels);
    data.extend_from_slice(&adler32(pixels).to_be_bytes());

    let mut head = [0; 13];
    head[..4].copy_from_slice(&side.to_be_bytes());
    head[4..8].copy_from_slice(&side.to_be_bytes());
    head[8] = 1; // bits per pixel; gray, deflate, no line filter, no interlace
    let mut png = Zeroizing::new(Vec::with_capacity(data.len() + 57));
    png.extend_from_slice(b"\x89PNG\r\n\x1a\n");
    for (kind, content) in [(b"IHDR", &head[..]), (b"IDAT", &data), (b"IEND", &[])] {
        png.extend_from_slice(&u32::try_from(content.len()).expect("a small picture").to_be_bytes());
        let from = png.len();
        png.extend_from_slice(kind);
        png.extend_from_slice(content);
        let check = crc32(&png[from..]);
        png.extend_from_slice(&check.to_be_bytes());
    }
    png
}

fn adler32(bytes: &[u8]) -> u32 {
    let step = |(a, b): (u32, u32), byte: &u8| {
        ((a + u32::from(*byte)) % 65_521, (b + a + u32::from(*byte)) % 65_521)
    };
    let (a, b) = bytes.iter().fold((1, 0), step);
    b << 16 | a
}

fn crc32(bytes: &[u8]) -> u32 {
    let bit = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| bit(crc)))
}

/// Apps show it beside the code.
const ISSUER: &str = "bulla";
/// The maximum version; it holds 858 bytes.
const VERSION: Version = Version::new(20);
const MARGIN: usize = 4;
const SCALE: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mfa::Seed;

    #[test]
    fn checksums_are_those_of_their_specifications() {
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn the_longest_label_fits() {
        let label = format!("{}@{}", "x".repeat(64), "1".repeat(16));
        let Enrolment { seed, qr_code } = Enrolment::new(Seed::random().base32(), &label);
        assert_eq!(seed.expose().len(), 32);
        assert!(qr_code.size() <= 57, "{}", qr_code.size());
        assert!(qr_code.png().expose().starts_with("iVBORw0KGgo"));
    }

    /// The squares in three corners, which every reader searches for.
    #[test]
    fn a_code_has_its_finder_patterns_and_a_light_outside() {
        let code = QrCode::of("otpauth://totp/bulla:ann@42?secret=GEZDGNBVGY3TQOJQ&issuer=bulla");
        let last = code.size() - 1;
        for (x, y) in [(0, 0), (6, 6), (3, 3), (last, 0), (0, last)] {
            assert!(code.is_dark(x, y), "{x} {y}");
        }
        assert!(!code.is_dark(1, 1) && !code.is_dark(last + 1, 0) && !code.is_dark(usize::MAX, 3));
        assert!(!format!("{code:?}").contains("true"));
    }
}
