//! The web console of the KMS: pages for keys, secrets, users, policies and the audit trail, rendered on the server.
//!
//! [`Console::answer`] turns one HTTP request into one response. The crate has no socket, no runtime and no clock: the HTTP
//! server passes each request together with the [`Kms`](bulla_kms::Kms). Pages read and change data through the actions of the
//! API and the queries of the engine, as the caller who signed in. The console has no permissions of its own.
//!
//! | module | |
//! |---|---|
//! | `routes` | `Console`: the checks that precede every page, and routing |
//! | `guard`, `cookies` | protection against requests of other sites and DNS rebinding; the session cookie |
//! | `entry`, `sign_in`, `device`, `owner_link` | sign-in by password and MFA code, access key or link |
//! | `sign_in_lines` | the lines of sign-ins and sign-outs in the audit trail |
//! | `attempts`, `known_browsers` | delays after failed sign-ins; browsers that do not wait behind a flood of sign-ins |
//! | `sessions` | the sessions and the tokens of forms |
//! | `pages`, `offers` | pages that show data, with links to the forms that the caller may use |
//! | `forms` | forms, each of which is one action of the API |
//! | `refusals` | the page for a request that gets no other page |
//! | `address`, `shell` | the command lines that pages print: the address of the KMS, and quotes |
//! | `layout`, `texts`, `errors` | what pages have in common; their texts in English and Chinese |

#![forbid(unsafe_code)]

mod address;
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
mod refusals;
mod routes;
mod sessions;
mod shell;
mod sign_in;
mod sign_in_lines;
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
pub use self::refusals::Refusal;
pub use self::routes::{Console, PREFIX};
pub use self::traffic::Traffic;
