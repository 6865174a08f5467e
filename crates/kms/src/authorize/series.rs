//! Many questions of one caller about one permission, for different resources.

use bulla_access::Distinction;

use super::rights::Rights;
use super::verdict::Verdict;
use super::{Authorizer, Container, Query, Resource};
use crate::origin::Caller;

/// A series of questions. The common part, such as the policies of the caller, is resolved once.
pub(super) struct Series<'q> {
    query: Query<'q>,
    rule: Rule<'q>,
}

/// What answers the questions.
enum Rule<'q> {
    /// The caller is root and may do everything.
    Everything,
    /// The caller's policies; none for a caller that policies do not bind.
    Policies(Option<Rights<'q>>),
    #[cfg(test)]
    Test(&'q (dyn Fn(&Query<'_>) -> bool + Send + Sync)),
}

impl<'q> Series<'q> {
    /// Begins a series of questions like this one.
    pub(super) fn new(authorizer: &'q Authorizer, query: Query<'q>) -> Self {
        let rule = match authorizer {
            Authorizer::Policies => match query.caller {
                Caller::Root { .. } | Caller::Owner => Rule::Everything,
                Caller::User { .. } | Caller::Session(_) | Caller::Unsigned => {
                    Rule::Policies(Rights::of(&query))
                }
            },
            #[cfg(test)]
            Authorizer::Test(allows) => Rule::Test(&**allows),
        };
        Self { query, rule }
    }

    /// What the answer for two resources in a container can depend on, besides their own policies.
    pub(super) fn distinction(&self, container: Container) -> Distinction {
        match &self.rule {
            Rule::Everything | Rule::Policies(None) => Distinction::Nothing,
            Rule::Policies(Some(rights)) => rights.distinction(&self.query, container),
            #[cfg(test)]
            Rule::Test(_) => Distinction::Names,
        }
    }

    /// Whether the caller has the permission for a resource.
    pub(super) fn allows(&self, resource: &Resource) -> bool {
        self.verdict(resource).is_allowed
    }

    /// Like [`Series::allows`], with the statement that decided.
    pub(super) fn verdict(&self, resource: &Resource) -> Verdict {
        let query = Query { resource, ..self.query };
        match &self.rule {
            Rule::Everything => Verdict::without_statement(true),
            Rule::Policies(None) => Verdict::without_statement(false),
            Rule::Policies(Some(rights)) => rights.verdict(&query),
            #[cfg(test)]
            Rule::Test(allows) => Verdict::without_statement(allows(&query)),
        }
    }
}
