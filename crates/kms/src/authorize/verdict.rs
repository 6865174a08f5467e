//! The answer of the authorizer to a question, with the policy statement that decided.

use bulla_access::{Decision, Denial, Layer, StatementPosition};

use super::{PolicySource, Query};

/// An answer of the authorizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) is_allowed: bool,
    /// None if no single statement decided: for root, for a question about everything of a kind, and if no statement allows.
    pub(super) by: Option<StatementPosition>,
}

/// A statement, by the name of its policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DecidedBy {
    pub(crate) policy: PolicySource,
    /// Its index in the policy.
    pub(crate) statement: usize,
}

impl Verdict {
    pub(super) fn without_statement(is_allowed: bool) -> Self {
        Self { is_allowed, by: None }
    }
}

impl From<Decision> for Verdict {
    fn from(decision: Decision) -> Self {
        let by = match decision {
            Decision::Allow(source) | Decision::Deny(Denial::Explicit(source)) => Some(source),
            Decision::Deny(Denial::Implicit(_)) => None,
        };
        Self { is_allowed: decision.is_allowed(), by }
    }
}

impl DecidedBy {
    /// Returns the policy of a statement that decided about `query`.
    pub(super) fn find(query: &Query<'_>, source: StatementPosition) -> Option<Self> {
        let policy = match source.layer {
            Layer::Session => Some(PolicySource::Session),
            Layer::Identity => PolicySource::of_identity(query).into_iter().nth(source.policy),
            Layer::Resource => PolicySource::of_resource(query),
        };
        Some(Self { policy: policy?, statement: source.statement.index })
    }
}
