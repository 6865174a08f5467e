//! The one table of actions: product, name, request and reply.
//!
//! A server finds the [`Request`] of a call here, a client prints it from the same type, and the engine's one
//! `match` has an arm for each.

mod aliases;
mod data_keys;
mod keys;
mod regions;

pub use aliases::*;
pub use data_keys::*;
pub use keys::*;
pub use regions::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorCode};
use crate::flat;
use crate::parameters::Parameters;

/// A service of the cloud. The version of a request tells which one it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// Key Management Service, version 2016-01-20.
    Kms,
}

impl Product {
    /// The API version, which no two products share.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::Kms => "2016-01-20",
        }
    }

    /// The product with this API version.
    #[must_use]
    pub fn from_version(version: &str) -> Option<Self> {
        [Self::Kms].into_iter().find(|product| product.version() == version)
    }
}

/// One action: the type of its request, which knows its name and its reply.
pub trait Action: Clone + Serialize + DeserializeOwned + Into<Request> {
    /// The product it belongs to.
    const PRODUCT: Product;
    /// Its name, case sensitive.
    const NAME: &'static str;
    /// What is answered.
    type Reply: Serialize + DeserializeOwned;

    /// Reads the request from the parameters of a call.
    ///
    /// # Errors
    /// `Missing<Name>` or InvalidParameter naming the parameter.
    fn parse(parameters: &Parameters) -> Result<Self, Error> {
        flat::read(parameters)
    }

    /// The reply to this action, out of any reply; none for the reply to another.
    fn reply(reply: Reply) -> Option<Self::Reply>;

    /// Prints the request as parameters, such that [`Action::parse`] gives it back.
    fn print(&self) -> Parameters {
        flat::print(self)
    }
}

macro_rules! actions {
    ($($product:ident { $($name:ident => $reply:ident,)* })*) => {
        /// A parsed request, one variant per action.
        #[derive(Debug)]
        #[allow(missing_docs, reason = "each variant is named like its action")]
        pub enum Request {
            $($($name($name),)*)*
        }

        /// The answer to a request, one variant per action.
        #[derive(Debug, Serialize)]
        #[serde(untagged)]
        #[allow(missing_docs, reason = "each variant is named like its action")]
        pub enum Reply {
            $($($name($reply),)*)*
        }

        impl Request {
            /// Every action bulla answers.
            pub const NAMES: &'static [(Product, &'static str)] = &[$($((Product::$product, stringify!($name)),)*)*];

            /// Reads the request that `action` of `product` makes of `parameters`.
            ///
            /// # Errors
            /// InvalidAction.NotFound for an action that is not in the table, else as [`Action::parse`].
            pub fn parse(product: Product, action: &str, parameters: &Parameters) -> Result<Self, Error> {
                match (product, action) {
                    $($((Product::$product, stringify!($name)) => $name::parse(parameters).map(Self::$name),)*)*
                    _ => Err(Error::new(ErrorCode::InvalidActionNotFound)),
                }
            }

            /// The name of the action.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $($(Self::$name(_) => stringify!($name),)*)*
                }
            }
        }

        $($(
        impl Action for $name {
            const PRODUCT: Product = Product::$product;
            const NAME: &'static str = stringify!($name);
            type Reply = $reply;

            fn reply(reply: Reply) -> Option<$reply> {
                match reply {
                    Reply::$name(reply) => Some(reply),
                    _ => None,
                }
            }
        }

        impl From<$name> for Request {
            fn from(request: $name) -> Self {
                Self::$name(request)
            }
        }
        )*)*
    };
}

actions! {
    Kms {
        CreateKey => CreateKeyReply,
        DescribeKey => DescribeKeyReply,
        ListKeys => ListKeysReply,
        EnableKey => Done,
        DisableKey => Done,
        CreateAlias => Done,
        UpdateAlias => Done,
        DeleteAlias => Done,
        ListAliases => ListAliasesReply,
        ListAliasesByKeyId => ListAliasesReply,
        Encrypt => EncryptReply,
        Decrypt => DecryptReply,
        GenerateDataKey => GenerateDataKeyReply,
        GenerateDataKeyWithoutPlaintext => EncryptReply,
        DescribeRegions => DescribeRegionsReply,
    }
}

/// The answer of an action that has nothing to say: the request id alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {}
