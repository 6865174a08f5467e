//! Accepts connections, even when the system has no descriptors for them.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::connections::Connections;

/// Returns the next connection. If the system has no descriptor for it, another connection is closed.
pub(super) async fn accept(listener: &TcpListener, connections: &Connections) -> (TcpStream, SocketAddr) {
    let mut released = false;
    loop {
        let error = match listener.accept().await {
            Ok((stream, address)) => {
                // Small answers must not wait for acknowledgements. If this fails, they are only slower.
                let _ = stream.set_nodelay(true);
                return (stream, SocketAddr::new(address.ip().to_canonical(), address.port()));
            }
            Err(error) => error,
        };
        match Trouble::of(&error) {
            Trouble::Lost => {}
            // accept(2) allocates a descriptor before it looks for a connection, so it may not be needed.
            Trouble::Exhausted if !is_one_waiting(listener) => sleep(ACCEPT_PAUSE).await,
            Trouble::Exhausted if !released => {
                released = connections.release_descriptor(&error).await;
                if !released {
                    sleep(ACCEPT_PAUSE).await;
                }
            }
            Trouble::Exhausted => {
                // Another thread or process took the descriptor. Closing further connections would not help.
                sleep(ACCEPT_PAUSE).await;
                released = false;
            }
            Trouble::Other => {
                connections.report(&error);
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Returns whether a connection waits to be accepted.
fn is_one_waiting(listener: &TcpListener) -> bool {
    let mut listener = [PollFd::new(listener, PollFlags::IN)];
    poll(&mut listener, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

/// Why a connection cannot be accepted.
enum Trouble {
    /// It broke before it was accepted. The next one may be good.
    Lost,
    /// The process or the system has no descriptor or memory for it.
    Exhausted,
    Other,
}

impl Trouble {
    fn of(error: &io::Error) -> Self {
        match Errno::from_io_error(error) {
            // accept(2): pending errors of the network on the new socket are returned as errors of the call.
            Some(
                Errno::CONNABORTED
                | Errno::INTR
                | Errno::NETDOWN
                | Errno::PROTO
                | Errno::NOPROTOOPT
                | Errno::HOSTDOWN
                | Errno::NONET
                | Errno::HOSTUNREACH
                | Errno::OPNOTSUPP
                | Errno::NETUNREACH,
            ) => Self::Lost,
            // NOSPC: the limit of epoll watches of one user.
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM | Errno::NOSPC) => {
                Self::Exhausted
            }
            _ => Self::Other,
        }
    }
}

/// The pause when connections cannot be accepted, and none can or needs to be closed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
