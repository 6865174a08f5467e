//! The LUKS2 token plugin of bulla, `libcryptsetup-token-bulla.so`.
//!
//! libcryptsetup loads it into cryptsetup, systemd-cryptsetup and other programs that open disks, most of which run as root. So
//! it does as little as possible: it passes the metadata of the volume to `/usr/bin/bulla disk unlock` (`unlock.rs`), which has
//! the configuration and calls the KMS over the network, and returns the passphrase to libcryptsetup. It changes no signal
//! handler, descriptor or environment variable of its host program. While it waits, its thread blocks SIGINT and SIGTERM
//! (`interrupts.rs`).
//!
//! This is the only crate of the workspace with unsafe code: C calls it, it calls C, it starts a process in a way that is safe in
//! a host with any signals and threads, and it keeps a passphrase in memory that it maps itself. `./build-token-plugin` builds
//! the library.

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
