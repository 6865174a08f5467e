//! The Alibaba Cloud RPC protocol, for servers and clients. No IO.
//!
//! A server parses an [`HttpRequest`] into a [`Call`] (product, action, parameters, signature), verifies the signature with the
//! secret of its access key, and parses the parameters into a [`Request`], which has one variant per [`Product`] and within it
//! one per action, such as [`kms::Request`]. A client prints requests from the same types and signs them. Replies and
//! [errors](ErrorCode) are rendered as JSON or XML.
//!
//! ```
//! use bulla_wire::{Action, Parameters, kms::GenerateDataKey};
//!
//! let typed = Parameters::from_query("KeyId=alias%2Fwork&NumberOfBytes=32")?;
//! let request = GenerateDataKey::parse(&typed)?;
//! assert_eq!(request.key_id, "alias/work");
//! assert_eq!(request.print(), typed);
//! # Ok::<(), bulla_wire::Error>(())
//! ```
//!
//! # Where to start
//!
//! | | |
//! |---|---|
//! | [`HttpRequest`], [`Call`] | what a server receives, and what it parses from that |
//! | [`signature`] | how clients sign requests, and how a server verifies the signatures |
//! | [`Product`], [`Action`] | the tables of products and actions |
//! | [`kms`], [`ram`], [`sts`] | the requests and replies of each product |
//! | [`Parameters`] | the names and values of a request, before they are parsed into a type |
//! | [`Error`], [`ErrorCode`] | the error codes with their HTTP status and text |
//! | [`render_reply`], [`render_error`] | replies and errors as JSON or XML |

mod access_denied;
mod actions;
mod call;
mod context;
mod error;
mod flat;
mod json_list;
mod numbered;
mod parameters;
mod reply;
mod secret;
pub mod signature;
mod timestamp;
mod xml;

pub use access_denied::AccessDenied;
pub use actions::{Action, Product, Reply, Request, kms, ram, sts};
pub use call::{Call, HttpRequest};
pub use context::ContextParameter;
pub use error::{Error, ErrorCode, ErrorReply};
pub use flat::{MaybeEmpty, Unread};
pub use json_list::JsonList;
pub use numbered::{Numbered, NumberedTags};
pub use parameters::{MAX_PARAMETERS, Parameters};
pub use reply::{ReplyFormat, render_error, render_reply};
pub use secret::SecretText;
pub use timestamp::Timestamp;
