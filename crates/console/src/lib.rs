//! The web pages of the KMS: keys, secrets and people, rendered on the server.
//!
//! [`Console::answer`] turns one HTTP request into one answer. It has no socket, no runtime and no clock: the HTTP server
//! hands it requests, and the [`Kms`](bulla_kms::Kms) comes with each. A page reads and changes through the API's own actions and the
//! queries of the engine, as the caller who signed in: the console has no rights of its own.

#![forbid(unsafe_code)]

mod assets;
mod attempts;
mod context;
mod cookies;
mod device;
mod entry;
mod errors;
mod forms;
mod guard;
mod http;
mod indented;
mod known_browsers;
mod layout;
mod offers;
mod owner_link;
mod pages;
mod paths;
mod qr;
mod routes;
mod sessions;
mod sign_in;
mod sm2;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod texts;
mod times;
#[cfg(test)]
#[path = "../../kms/tests/support/totp.rs"]
mod totp;
mod traffic;

pub use self::http::{Answer, Body, Event, Request};
pub use self::routes::{Console, PREFIX};
pub use self::traffic::Traffic;
