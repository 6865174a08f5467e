//! One file per command, and the parts that commands share.
//!
//! A command on files implements [`walk::Work`]: what it does to one source and to one directory. [`convert`] is the
//! part that encryption and decryption share.

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
