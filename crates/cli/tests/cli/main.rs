//! Tests of the binary: whole processes, real files, real servers.
//!
//! The exact output of commands is in the scripts below `tests/cmd` (see [`scripts`]). Tests that need more than a
//! script, such as signals, damage and load, are in a module each.

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
mod older_server;
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
