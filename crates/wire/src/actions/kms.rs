//! The actions of the Key Management Service, a file for each family.

mod aliases;
mod asymmetric;
mod data_keys;
mod import;
mod keys;
mod mac;
mod secret_values;
mod secrets;
mod service;
mod tags;
mod versions;

pub use aliases::*;
pub use asymmetric::*;
pub use data_keys::*;
pub use import::*;
pub use keys::*;
pub use mac::*;
pub use secret_values::*;
pub use secrets::*;
pub use service::*;
pub use tags::*;
pub use versions::*;
