//! The role of the process that holds a store: server or command.

/// The role of a process, which decides how long it holds the store and how long other processes wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A command with the embedded KMS, which closes the store when another process waits for it.
    Command,
    /// A server, which holds the store until it ends.
    Server,
}
