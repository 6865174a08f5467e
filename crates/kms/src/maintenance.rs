//! What the engine does by itself, without a request: scheduled work, the first access key, private state.

mod access_key;
mod due;
mod private;

pub use self::access_key::FirstAccessKey;
pub use self::due::Tended;
