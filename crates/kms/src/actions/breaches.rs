//! Attempts to bypass the gates of authorization, each behind its own `--cfg breach="NAME"`. None compiles:
//! `tests/compile_fail.rs` builds each one and expects a privacy error. They are among the actions, because the code of an
//! action is where such an attempt could happen.

#[cfg(breach = "access_key_read")]
mod access_key_read;
#[cfg(breach = "allowed_built")]
mod allowed_built;
#[cfg(breach = "allowed_made")]
mod allowed_made;
#[cfg(breach = "changes_built")]
mod changes_built;
#[cfg(breach = "committer_reached")]
mod committer_reached;
#[cfg(breach = "engine_reached")]
mod engine_reached;
#[cfg(breach = "key_of_a_list_read")]
mod key_of_a_list_read;
#[cfg(breach = "maintenance_borrowed")]
mod maintenance_borrowed;
#[cfg(breach = "maintenance_built")]
mod maintenance_built;
#[cfg(breach = "material_opened")]
mod material_opened;
#[cfg(breach = "record_read")]
mod record_read;
#[cfg(breach = "root_keys_reached")]
mod root_keys_reached;
#[cfg(breach = "value_read")]
mod value_read;
