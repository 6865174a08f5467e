//! The native format, `.bulla`: a header with the wrapped keys, followed by one Cobblestone-256 message.
//!
//! ```text
//! prelude   magic, version, suite, slot count and size                                       never changes
//! bound     file id, set id, encryption context, mode, size and time of the source           never changes
//! slots     one or two: generation, wraps, SHA-256 against torn writes                       a rewrap replaces them
//! body      Cobblestone-256 under the body key; its context is "bulla/v1" ‖ 00 ‖ prelude ‖ bound
//! ```
//!
//! `docs/file-format.md` defines every byte. Reading takes two steps: [`Header::read`], then [`Header::unlock`] with a
//! [`KeyService`](crate::KeyService), which trusts nothing in the header until the commitment of the body matches. [`Writer`] and
//! [`Reader`] process whole streams. Callers that process several chunks in parallel use
//! [`Sealer`](crate::cobblestone::Sealer) and [`Opener`](crate::cobblestone::Opener) directly.

mod error;
mod header;
mod keys;
mod reader;
mod slot;
mod slots;
mod template;
mod unlock;
mod writer;

pub use crate::body_key::BodyKey;
pub use error::{HeaderFlaw, OpenError, SealError, UnlockError};
pub use header::{Header, MAGIC, SourceMetadata};
pub use keys::{FileId, SetId};
pub use reader::{OpenReader, Reader, SeekReader};
pub use slot::{Slot, Wrap, WrapKind};
pub use template::HeaderTemplate;
pub use unlock::{AllowedKeys, Unlocked, UnlockedKey};
pub use writer::Writer;
