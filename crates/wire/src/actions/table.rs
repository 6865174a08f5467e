//! The two macros that the tables are written in: one for the products, and one for the actions of each.

use crate::error::{Error, ErrorCode};

/// How a product refuses and is reached, where products differ.
pub(super) struct Rules {
    /// The code for a required parameter that is absent; its argument is the name of the parameter.
    pub(super) missing: ErrorCode,
    /// The code for a value that is none of the type of its parameter; its argument is the name of the parameter.
    pub(super) invalid: ErrorCode,
    /// The answer to a caller without permission, made of the action and the resource.
    pub(super) denied: fn(&str, &str) -> Error,
    /// The code for a fault of the server.
    pub(super) internal: ErrorCode,
    /// The actions whose requests may come without a signature.
    pub(super) unsigned: &'static [&'static str],
    /// Whether one host serves the product in all regions.
    pub(super) is_global: bool,
}

/// What the table of one product says.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    pub(super) rules: Rules,
    pub(super) actions: &'static [&'static str],
    pub(super) parameters: fn(&str) -> Option<&'static [&'static str]>,
    pub(super) not_implemented: &'static [(&'static str, &'static str)],
    /// Each action, with what the table says about its parameters that several requests have.
    #[cfg(test)]
    pub(super) shared: &'static [(&'static str, &'static [&'static str])],
}

/// The table of products: `Product => module`, where the module holds the [`actions!`] of the product.
macro_rules! products {
    ($($(#[doc = $doc:literal])* $(#[cfg($cfg:meta)])? $product:ident => $module:ident,)*) => {
        /// A service of the cloud. The version that a request names decides which one it is for.
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
            /// Parses the request that `action` of `product` makes of `parameters`.
            ///
            /// # Errors
            /// InvalidAction.NotFound for an action that is not in the table of the product, else as [`Action::parse`].
            pub fn parse(product: Product, action: &str, parameters: &Parameters) -> Result<Self, Error> {
                match product {
                    $($(#[cfg($cfg)])? Product::$product => {
                        $module::Request::parse(action, parameters).map(Self::$product)
                    })*
                }
            }

            /// The product and the name of the action.
            #[must_use]
            pub fn action(&self) -> (Product, &'static str) {
                match self {
                    $($(#[cfg($cfg)])? Self::$product(request) => (Product::$product, request.name()),)*
                }
            }
        }

        /// The reply to a request, one variant per product.
        #[derive(Debug, Serialize)]
        #[serde(untagged)]
        #[allow(clippy::large_enum_variant, reason = "moved a few times, and never kept in a list")]
        pub enum Reply {
            $($(#[doc = $doc])* $(#[cfg($cfg)])? $product($module::Reply),)*
        }

        impl Reply {
            /// The product and the name of the action that this is the reply to.
            #[must_use]
            pub fn action(&self) -> (Product, &'static str) {
                match self {
                    $($(#[cfg($cfg)])? Self::$product(reply) => (Product::$product, reply.name()),)*
                }
            }
        }
    };
}

/// The table of one product: its name and API version, then `Action => Reply` for each of its actions, in brackets what
/// [`Action`](super::Action) tells of its parameters. The types of both, `RULES` and `NOT_IMPLEMENTED` are those of the
/// module.
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
            /// Parses the request that `action` makes of `parameters`.
            ///
            /// # Errors
            /// InvalidAction.NotFound for an action that is not in the table, else as [`Action::parse`].
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

            /// The name of the action.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($name),)*
                }
            }
        }

        /// The reply to a request, one variant per action.
        #[derive(Debug, serde::Serialize)]
        #[serde(untagged)]
        #[allow(missing_docs, reason = "each variant is named like its action")]
        pub enum Reply {
            $($name($reply),)*
        }

        impl Reply {
            /// The name of the action.
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

/// What [`Action`](super::Action) tells of a parameter that several requests have.
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
