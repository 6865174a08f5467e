//! The first gate: what a caller may do to which resource. It decides before the action learns anything about the resource.
//!
//! A [`View`] finds keys, aliases and secrets by the names in requests. It asks the [`Authorizer`] about each one, and only
//! then returns an [`Allowed`]. Without an `Allowed`, nothing can be written and no material opened.

mod allowed;
mod any_resource;
mod catalogue;
mod conditions;
mod denial;
mod document;
mod inquiry;
mod listing;
mod people;
mod permission;
mod policy_source;
mod prefetch;
mod query;
mod quota_check;
mod quota_use;
mod resource;
mod rights;
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
pub(crate) use self::inquiry::{Inquiry, Question, Requested, Used};
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
pub(crate) use self::view::{Aliases, CheckedResource, SealedBlob, View};

/// Decides whether a caller may do something to a resource.
#[derive(Clone)]
pub(crate) enum Authorizer {
    /// The root of the account may do everything; policies decide for all other callers.
    Policies,
    #[cfg(test)]
    Test(std::sync::Arc<dyn Fn(&Query<'_>) -> bool + Send + Sync>),
}

impl Authorizer {
    /// Returns whether the caller has the permission, with the statement that decided. The decision of a change runs while
    /// all other decisions wait, so an authorizer must neither block nor call the engine, whose next change would deadlock.
    fn verdict(&self, query: &Query<'_>) -> Verdict {
        Series::new(self, *query).verdict(query.resource)
    }
}
