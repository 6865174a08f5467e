//! One file per command, and what several of them share.
//!
//! Commands on files say in [`walk::Work`] what they do to a source and to a directory; [`convert`] is what encryption and
//! decryption have in common.

pub(crate) mod alias;
pub(crate) mod api;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod cat;
pub(crate) mod console;
mod convert;
pub(crate) mod decrypt;
pub(crate) mod disk;
pub(crate) mod encrypt;
pub(crate) mod inspect;
pub(crate) mod key;
pub(crate) mod manual;
mod pages;
pub(crate) mod people;
pub(crate) mod policy;
mod reading;
pub(crate) mod rewrap;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod verify;
mod walk;
pub(crate) mod whoami;
