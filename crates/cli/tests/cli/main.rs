//! The binary as its users meet it: whole processes, real files, real servers.
//!
//! What a command prints, word for word, is in the scripts below `tests/cmd` (see [`scripts`]); what takes more
//! than a script, such as signals, damage and loads, is in a module each.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod audit;
mod audit_sinks;
mod backups;
mod coarse_times;
mod console;
mod control;
mod damage;
mod disk_full;
mod documents;
mod durability;
mod files;
mod harness;
mod home;
mod http;
mod memory;
mod metrics;
mod names;
mod native;
mod native_crashes;
mod native_damage;
mod native_header;
mod native_keys;
mod native_trees;
mod outputs;
mod people;
mod pressure;
mod private;
mod processes;
mod reload;
mod root_access_key;
mod root_key;
mod scripts;
mod serve;
mod service_manager;
mod signals;
mod streams;
mod tampering;
mod together;
mod tree_entries;
mod whoami;
mod wire;
