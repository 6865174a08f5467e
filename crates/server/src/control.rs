//! The control channel: `DATA/control.sock`, on which operators of this machine call a running server for what only the
//! process that holds the store can do. It is not on the network.
//!
//! - [`socket`]: the socket in the data directory, for its owner and root only.
//! - [`protocol`]: the messages of both sides, one JSON object per line.
//! - [`calls`]: the one table of calls.
//! - [`mod@serve`]: connections, their limits, and the answers; [`long_call`] is the thread of long calls.
//! - [`client`]: the client, for commands.

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
pub(crate) use self::status::{Facts, Inspections};
