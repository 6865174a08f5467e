//! What the process that holds a store is.

/// What the holder of a store is; it decides how long other processes wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A command with the embedded KMS, which gives the store up when another process waits for it.
    Command,
    /// A server, which holds the store for its life.
    Server,
}
