//! The control channel: `DATA/control.sock`, by which operators on this machine ask a running server and have it do what only
//! the process that holds the store can do. Nothing of it is on the network.
//!
//! - [`socket`]: the socket in the data directory, for its owner and root alone.
//! - [`protocol`]: what both sides write, one JSON object a line.
//! - [`calls`]: the one table of calls.
//! - [`mod@serve`]: connections, their limits, and the answers; [`long_call`] is the thread of calls that take long.
//! - [`client`]: the other side, for commands.

mod calls;
mod client;
mod long_call;
mod protocol;
mod reply;
mod serve;
mod socket;
mod status;

pub use self::calls::Call;
pub use self::client::{ControlClient, ControlError};
pub use self::protocol::{CallError, ErrorKind, Progress};
pub(crate) use self::serve::{Control, serve};
pub(crate) use self::socket::ControlSocket;
pub use self::status::{
    AuditStatus, BackupStatus, CertificateStatus, ConnectionStatus, FailedBackupStatus, LimitStatus,
    NonceStatus, RootKeyStatus, SinkStatus, Status, StoreStatus,
};
pub(crate) use self::status::{Facts, Looks};
