//! The LUKS2 token plugin of bulla, `libcryptsetup-token-bulla.so`.
//!
//! libcryptsetup loads it into cryptsetup, systemd-cryptsetup and other programs that open disks, most of them as root. So it
//! is as thin as can be: it hands the volume's metadata to `/usr/bin/bulla disk unlock` (`unlock.rs`), which knows
//! configuration, network and KMS, and hands the passphrase back. It changes nothing in its host program: no signal, no
//! descriptor, no environment. While it waits, its thread keeps SIGINT and SIGTERM for later (`interrupts.rs`).
//!
//! This is the only crate of the workspace with unsafe code: it is called by C, calls C, starts a process the way a host with
//! any signals and threads needs it, and keeps a passphrase in memory of its own. `./build-token-plugin` makes the library.

#![allow(unsafe_code, reason = "the interface of libcryptsetup is C")]
#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]

mod answer;
mod child;
mod device;
mod entries;
#[cfg(test)]
mod fake;
mod interrupts;
mod json;
#[cfg(not(test))]
mod libcryptsetup;
mod lines;
mod passphrase;
mod spawn;
mod text;
mod token;
mod unlock;

pub use device::CryptDevice;
pub use entries::{
    cryptsetup_token_buffer_free, cryptsetup_token_dump, cryptsetup_token_open, cryptsetup_token_validate,
    cryptsetup_token_version,
};
