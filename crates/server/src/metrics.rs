//! Metrics for Prometheus, on a listener of their own: the counts, the one table of metrics, and the listener.
//!
//! The listener speaks plain HTTP and answers every client that reaches it, so no value or label reveals a key, a user,
//! an address or an access key. Requests are counted where they are answered ([`Requests`]); all other values are read
//! during a scrape (`Reading`).

mod exposition;
mod listener;
mod reading;
mod requests;
mod table;

pub(crate) use self::listener::{Bound, serve};
pub(crate) use self::reading::Sources;
pub(crate) use self::requests::Requests;
