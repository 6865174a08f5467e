//! The macros with which the tables are written: one for the products, and one for the actions of a product.

use crate::error::{Error, ErrorCode};

/// The properties in which products differ: error codes, hosts, and actions without a signature.
pub(super) struct Rules {
    /// The code for a required parameter that is absent. Its argument is the name of the parameter.
    pub(super) missing: ErrorCode,
    /// The code for a value that does not have the type of its parameter. Its argument is the name of the parameter.
    pub(super) invalid: ErrorCode,
    /// Returns the error for a caller without permission, from the action and the resource.
    pub(super) denied: fn(&str, &str) -> Error,
    /// The code for a fault of the server.
    pub(super) internal: ErrorCode,
    /// The actions whose requests may be unsigned.
    pub(super) unsigned: &'static [&'static str],
    /// Whether the product has one host for all regions.
    pub(super) is_global: bool,
}

/// The table of a product.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    pub(super) rules: Rules,
    pub(super) actions: &'static [&'static str],
    pub(super) parameters: fn(&str) -> Option<&'static [&'static str]>,
    pub(super) not_implemented: &'static [(&'static str, &'static str)],
    /// Each action with the names in its brackets, see [`actions!`].
    #[cfg(test)]
    pub(super) shared: &'static [(&'static str, &'static [&'static str])],
}

/// Defines the products: `Product => module`, where the module has the [`actions!`] of the product.
macro_rules! products {
    ($($(#[doc = $doc:literal])* $(#[cfg($cfg:meta)])? $product:ident => $module:ident,)*) => {
        /// A service of the cloud. The version in a request names its product.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Product {
            $($(#[doc = $doc])* $(#[cfg($cfg)])? $product,)*
        }

        impl Product {
            /// All products.
            pub const ALL: &'static [Self] = &[$($(#[cfg($cfg)])? Self::$product,)*];

            const fn table(self) -> &'static Table {
                match self {
                    $($(#[cfg($cfg)])? Self::$product => &$module::TABLE,)*
                }
            }
        }

        /// A parsed request, one variant per product.
        #[derive(Debug, Serialize)]
        #[serde(untagged)]
        #[allow(clippy::large_enum_variant, reason = "moved a few times, and never kept in a list")]
        pub enum Request {
            $($(#[doc = $doc])* $(#[cfg($cfg)])? $product($module::Request),)*
        }

        impl Request {
            /// Parses the request for `action` of `product` from its parameters.
            ///
            /// # Errors
            /// InvalidAction.NotFound if the product has no such action, otherwise as [`Action::parse`].
            pub fn parse(product: Product, action: &str, parameters: &Parameters) -> Result<Self, Error> {
                match product {
                    $($(#[cfg($cfg)])? Product::$product => {
                        $module::Request::parse(action, parameters).map(Self::$product)
                    })*
                }
            }

            /// Returns the product and the name of the action.
            #[must_use]
            pub fn action(&self) -> (Product, &'static str) {
                match self {
                    $($(#[cfg($cfg)])? Self::$product(request) => (Product::$product, request.name()),)*
                }
            }
        }

        /// A reply, one variant per product.
        #[derive(Debug, Serialize)]
        #[serde(untagged)]
        #[allow(clippy::large_enum_variant, reason = "moved a few times, and never kept in a list")]
        pub enum Reply {
            $($(#[doc = $doc])* $(#[cfg($cfg)])? $product($module::Reply),)*
        }

        impl Reply {
            /// Returns the product and the name of the action that was requested.
            #[must_use]
            pub fn action(&self) -> (Product, &'static str) {
                match self {
                    $($(#[cfg($cfg)])? Self::$product(reply) => (Product::$product, reply.name()),)*
                }
            }
        }
    };
}

/// Defines the actions of a product: its name and API version, then `Action => Reply` for each action. The names in brackets
/// select the methods of [`Action`](super::Action) that return a parameter. The module defines the types of requests and replies,
/// and `RULES` and `NOT_IMPLEMENTED`.
macro_rules! actions {
    ($product:ident, $version:literal; $($name:ident => $reply:ident $([$($shared:ident),*])?,)*) => {
        pub(super) const TABLE: $crate::actions::table::Table = $crate::actions::table::Table {
            name: stringify!($product),
            version: $version,
            rules: RULES,
            actions: &[$(stringify!($name),)*],
            parameters: Request::parameters,
            not_implemented: NOT_IMPLEMENTED,
            #[cfg(test)]
            shared: &[$((stringify!($name), &[$($(stringify!($shared)),*)?]),)*],
        };

        /// A parsed request, one variant per action.
        #[derive(Debug, serde::Serialize)]
        #[serde(untagged)]
        #[allow(missing_docs, reason = "each variant is named like its action")]
        pub enum Request {
            $($name($name),)*
        }

        impl Request {
            /// Parses the request for `action` from its parameters.
            ///
            /// # Errors
            /// InvalidAction.NotFound if the table has no such action, otherwise as [`Action::parse`].
            ///
            /// [`Action::parse`]: crate::Action::parse
            pub fn parse(action: &str, parameters: &$crate::Parameters) -> Result<Self, $crate::Error> {
                match action {
                    $(stringify!($name) => <$name as $crate::Action>::parse(parameters).map(Self::$name),)*
                    _ => Err($crate::ErrorCode::InvalidActionNotFound.into()),
                }
            }

            fn parameters(action: &str) -> Option<&'static [&'static str]> {
                match action {
                    $(stringify!($name) => Some($crate::flat::names::<$name>()),)*
                    _ => None,
                }
            }

            /// Returns the name of the action.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($name),)*
                }
            }
        }

        /// A reply, one variant per action.
        #[derive(Debug, serde::Serialize)]
        #[serde(untagged)]
        #[allow(missing_docs, reason = "each variant is named like its action")]
        pub enum Reply {
            $($name($reply),)*
        }

        impl Reply {
            /// Returns the name of the action that was requested.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($name),)*
                }
            }
        }

        $(
        impl $crate::Action for $name {
            const PRODUCT: $crate::Product = $crate::Product::$product;
            const NAME: &'static str = stringify!($name);
            type Reply = $reply;

            fn reply(reply: $crate::Reply) -> Option<$reply> {
                match reply {
                    $crate::Reply::$product(Reply::$name(reply)) => Some(reply),
                    _ => None,
                }
            }

            $($($crate::actions::table::shared!($shared);)*)?
        }

        impl From<$name> for $crate::Request {
            fn from(request: $name) -> Self {
                Self::$product(Request::$name(request))
            }
        }
        )*
    };
}

/// Implements a method of [`Action`](super::Action) that returns a parameter.
macro_rules! shared {
    (dry_run) => {
        fn is_dry_run(&self) -> bool {
            self.dry_run == Some(true)
        }
    };
    (encryption_context) => {
        fn encryption_context(&self) -> Option<&$crate::ContextParameter> {
            self.encryption_context.as_ref()
        }
    };
}

pub(super) use {actions, products, shared};
