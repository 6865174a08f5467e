//! The four-line text format, which a short program in any language can read and write.
//!
//! ```text
//! base64(CiphertextBlob) LF    the wrapped data key, exactly as the KMS returned it
//! base64(nonce) LF             16 bytes
//! base64(ciphertext) LF        as long as the plaintext; an empty line for an empty file
//! base64(tag) LF               16 bytes
//! ```
//!
//! The cipher is AES-256-EAX with an empty header; the base64 is standard, padded and not wrapped. [`seal()`] writes exactly this
//! form. [`Reader`] also accepts CRLF, blanks at the end of a line, blank lines at the end, and a missing last newline; it
//! refuses everything else, including unused bits of the base64 that are not zero.
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
//! Caveats. The tag is at the end: see [`Reader`] for the two ways to verify a plaintext before using it. Unlike the native
//! format, the file does not contain the encryption context, so the caller must pass it again; and the tag does not commit to the
//! key: a sender that can choose data keys can create a file that opens to different plaintexts under two of them.

mod error;
mod lines;
mod mac_thread;
mod reader;
mod seal;

pub use error::{LineFlaw, OpenError, SealError};
pub use reader::{Opened, Reader};
pub use seal::{Sealed, seal};

/// Bytes of ciphertext to process at once: whole base64 groups and whole AES blocks, and few enough that the buffers stay in
/// the processor caches.
const CHUNK_LEN: usize = 768 << 10;
/// Characters of base64 for one chunk.
const CHUNK_TEXT_LEN: usize = CHUNK_LEN / 3 * 4;
/// Maximum length of a line other than the ciphertext. A wrapped key has a few hundred characters.
const SHORT_LINE_LIMIT: usize = 16 << 10;
