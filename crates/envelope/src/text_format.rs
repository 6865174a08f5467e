//! The four-line text format, readable and writable with a few lines of any language.
//!
//! ```text
//! base64(CiphertextBlob) LF    the wrapped data key, exactly as the KMS answered it
//! base64(nonce) LF             16 bytes
//! base64(ciphertext) LF        as long as the plaintext; an empty line for an empty file
//! base64(tag) LF               16 bytes
//! ```
//!
//! The cipher is AES-256-EAX with an empty header; the base64 is standard, padded and not wrapped. Written is
//! exactly this form. Read are also CRLF, blanks at the end of a line, blank lines at the end and a missing
//! last newline; everything else, down to the unused bits of the base64, is refused.
//!
//! ```
//! use bulla_envelope::{DataKey, text_format};
//!
//! let data_key = DataKey::random();
//! let wrapped = "d3JhcHBlZA=="; // as a `KeyService` answers them
//! let mut file = Vec::new();
//! text_format::seal(&b"id,amount\n1,7\n"[..], &mut file, &data_key, wrapped)?;
//!
//! let reader = text_format::Reader::new(&*file)?;
//! assert_eq!(reader.ciphertext_blob(), wrapped); // for `KeyService::unwrap`
//! let opened = reader.open_into_discardable(&data_key, Vec::new())?;
//! assert_eq!(opened.out, b"id,amount\n1,7\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Caveats. The tag comes last: see [`Reader`] for the two ways not to trust a plaintext before it is
//! verified. Unlike the native format this one has no encryption context in the file, so it must be given
//! again, and no commitment to the key: whoever can choose data keys can make a file that opens to different
//! plaintexts under two of them.

mod error;
mod lines;
mod mac_thread;
mod reader;
mod seal;

pub use error::{LineFlaw, OpenError, SealError};
pub use reader::{Opened, Reader};
pub use seal::{Sealed, seal};

/// Bytes of ciphertext handled at once: whole base64 groups and whole AES blocks, small enough that what is
/// in flight stays near the cores.
const CHUNK_LEN: usize = 768 << 10;
/// Characters of base64 that hold a chunk.
const CHUNK_TEXT_LEN: usize = CHUNK_LEN / 3 * 4;
/// The longest line accepted, except for the ciphertext: a wrapped key has some hundred characters.
const SHORT_LINE_LIMIT: usize = 16 << 10;
