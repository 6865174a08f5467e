//! Metrics for Prometheus, on a listener of their own: what is counted, the one table of metrics, and the listener.
//!
//! The listener speaks plain HTTP and answers everybody who reaches it, so no value or label tells a key, a user, an address
//! or an access key. What requests cost is counted where they are answered ([`Requests`]); everything else is read when it is
//! asked for (`Reading`).

mod exposition;
mod listener;
mod reading;
mod requests;
mod table;

pub(crate) use self::listener::{Bound, serve};
pub(crate) use self::reading::Sources;
pub(crate) use self::requests::Requests;
