//! The audit trail: one JSON line for each request and event, in files that reveal every change to them.
//!
//! Each line has a number and the SHA-256 of the line before it, and seals sign the lines so far. Each file has its own
//! private key for seals, which is destroyed when the next file begins, so a key that is stolen today cannot forge
//! yesterday's file. docs/audit-format.md defines every member and byte.
//!
//! [`Trail`] writes the files. It has no clock, and no thread except one for a disk that may hang (`disk_thread.rs`): its
//! owner (`auditor.rs`) calls it from one thread and passes times in. Reading and verifying the files needs neither a store
//! nor its root key.

mod backwards;
mod chain;
mod conditions;
mod disk_thread;
mod files;
mod first_key;
mod found;
mod housekeeping;
mod key_files;
mod line;
mod lines;
mod newest;
mod newest_seal;
mod recovery;
mod scan;
mod seal;
mod sources;
#[cfg(test)]
mod testing;
mod text;
mod trail;
mod trail_error;
mod verify;

pub use chain::{Hash, NotAPosition, Position};
pub use conditions::Conditions;
#[cfg(test)]
pub(crate) use disk_thread::Latch;
pub(crate) use files::{Directory, Disk, is_of_trail};
pub use first_key::first_key;
pub use housekeeping::{Housekeeping, Tidied};
pub use line::{
    CallerIdentity, CallerType, Content, ContextPair, Decision, Effect, Event, Gap, GapReason, Identity,
    KeyLine, Line, Members, NotATime, Outcome, Request, Resource, SealLine, SessionLink, Strangers, Time,
};
pub use newest::{FoundLine, FoundLines, NewestFirst, Rest};
pub(crate) use newest_seal::{Progress, newest_seal};
pub use seal::{NotAPublicKey, PublicKey};
pub use sources::{ReadError, Record, TrailFile};
#[cfg(test)]
pub(crate) use testing::Memory;
pub use text::{Text, to_json};
pub use trail::{Limits, Opening, Sealing, Trail, Unwritten};
pub use trail_error::TrailError;
pub use verify::{Fault, FaultKind, Report, verify};
