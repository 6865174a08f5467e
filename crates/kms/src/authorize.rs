//! The first gate: what a request may do to which resource, asked before it learns anything about the resource.
//!
//! A [`View`] finds keys, aliases and secrets by the names that requests use. It asks the [`Authorizer`] about each one,
//! and only then returns an [`Allowed`]. Nothing is written and no material is opened without one.

mod ahead;
mod allowed;
mod catalogue;
mod conditions;
mod denial;
mod document;
mod inquiry;
mod listing;
mod on;
mod people;
mod permission;
mod policy_source;
mod query;
mod quota_use;
mod resource;
mod rights;
mod room;
mod root;
mod series;
mod suppose;
#[cfg(test)]
mod tests;
mod trust;
mod verdict;
mod view;

pub(crate) use self::allowed::Allowed;
pub(crate) use self::catalogue::{AliasRanks, KeyCatalogue, KeyPart, SecretCatalogue, SeenKey, With};
pub(crate) use self::document::NamedRows;
pub(crate) use self::inquiry::{AskedFor, Inquiry, Question};
pub(crate) use self::listing::{Holders, Listing, Part};
pub(crate) use self::people::AnyPolicy;
pub(crate) use self::permission::Permission;
pub use self::policy_source::PolicySource;
pub(crate) use self::query::{Facts, Query, TokenFacts};
pub(crate) use self::quota_use::QuotaUse;
pub(crate) use self::resource::{Container, Resource};
pub(crate) use self::root::RootAccessKeys;
use self::series::Series;
pub use self::suppose::ExplainedQuestion;
pub(crate) use self::suppose::{Supposed, Supposition};
pub(crate) use self::trust::{AssumableRole, CallerRecord};
pub(crate) use self::verdict::DecidedBy;
use self::verdict::Verdict;
pub(crate) use self::view::{Aliases, Asked, SealedBlob, View};

/// Decides whether a caller may do something to a resource.
#[derive(Clone)]
pub(crate) enum Authorizer {
    /// The account itself may do everything, everyone else what the policies say.
    Policies,
    #[cfg(test)]
    Test(std::sync::Arc<dyn Fn(&Query<'_>) -> bool + Send + Sync>),
}

impl Authorizer {
    /// Returns whether the caller has the permission, with the statement that decides. A change asks while it is decided, and
    /// meanwhile no other change can be: an authorizer must neither block nor call the engine, whose next change would wait for
    /// this one for ever.
    fn verdict(&self, query: &Query<'_>) -> Verdict {
        Series::new(self, *query).verdict(query.resource)
    }
}
