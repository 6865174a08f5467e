//! What the console reads beyond the actions of the API: searches with an order, and what is ahead.
//!
//! A query is answered as an action is: in a session of its own, of one snapshot, behind the same authorizer. It tells what
//! actions tell, to callers who have the permissions for these actions, and it finds and orders nothing by what it would not
//! tell. What no action tells, the audit trail and limits, has a permission of its own.

mod explain;
mod keys;
mod limits;
#[cfg(test)]
mod load;
mod may;
mod named;
mod overview;
mod subject;
mod text;
mod trail;
mod uses;

use bulla_wire::Error;
use bulla_wire::kms::{DescribeKey, ListKeys, ListSecrets, SecretEntry};
use bulla_wire::ram::{
    Group, ListGroups, ListPolicies, ListPoliciesForUser, ListRoles, ListUsers, Policy, Role, User,
};

pub use self::explain::{Explain, Explained, NoQuestion};
pub use self::keys::{FindKeys, FoundKeys, KeyEntry, KeyOrder, WantedTag};
pub use self::limits::{Creator, DescribeLimits, LimitsInForce, MadeCounts, RecordCounts};
pub use self::may::On;
pub use self::named::{FindGroups, FindPolicies, FindRoles, FindSecrets, FindUsers, Found};
pub use self::overview::{Ahead, KeyCounts, Overview, Scheduled, ScheduledEvent, ScheduledOf};
pub use self::subject::NoResource;
pub use self::trail::{SearchTrail, TrailPage};
pub use self::uses::{DescribeKeyUses, KeyUses, VersionUses};
use crate::Kms;
use crate::authorize::{AskedFor, Inquiry, Permission};
use crate::origin::Origin;
use crate::session::Session;

/// One query: the type of its request, which knows its answer.
pub trait Ask: Into<Query> {
    /// What is answered.
    type Answer;

    /// The answer to this query, out of any answer; none for the answer to another.
    fn answer(answer: Answer) -> Option<Self::Answer>;
}

/// The table of queries: request, answer, the permission that it begins with, and the function that answers it.
macro_rules! queries {
    ($($(#[$doc:meta])* $name:ident => $answer:ty, $first:expr, $function:path;)*) => {
        /// A query.
        #[derive(Clone, Debug)]
        pub enum Query {
            $($(#[$doc])* $name($name),)*
        }

        /// The answer to a query.
        #[derive(Clone, Debug)]
        pub enum Answer {
            $($(#[$doc])* $name($answer),)*
        }

        impl Query {
            /// The names of all queries.
            pub const NAMES: &[&str] = &[$(stringify!($name),)*];

            /// The name of the query.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($name),)*
                }
            }
        }

        $(
        impl From<$name> for Query {
            fn from(query: $name) -> Self {
                Self::$name(query)
            }
        }

        impl Ask for $name {
            type Answer = $answer;

            fn answer(answer: Answer) -> Option<$answer> {
                match answer {
                    Answer::$name(answer) => Some(answer),
                    _ => None,
                }
            }
        }
        )*

        /// Begins the session of a query, and calls its function.
        pub(crate) async fn answer(
            kms: &Kms,
            query: &Query,
            inquiry: &Inquiry<'_>,
        ) -> Result<Answer, Error> {
            let snapshot = kms.state.snapshot()?;
            match query {
                $(Query::$name(query) => {
                    let session = Session::of_query(kms, inquiry, &snapshot, query, $first);
                    $function(&session).await.map(Answer::$name)
                })*
            }
        }
    };
}

queries! {
    /// Keys by what they are, in an order.
    FindKeys => FoundKeys, Permission::of::<ListKeys>(), keys::find;
    /// What there is and what is going to happen.
    Overview => Ahead, Permission::of::<ListKeys>(), overview::ahead;
    /// Secrets by a part of their name.
    FindSecrets => Found<SecretEntry>, Permission::of::<ListSecrets>(), named::secrets;
    /// Users by a part of their name or display name.
    FindUsers => Found<User>, Permission::of::<ListUsers>(), named::users;
    /// Groups by a part of their name.
    FindGroups => Found<Group>, Permission::of::<ListGroups>(), named::groups;
    /// Roles by a part of their name.
    FindRoles => Found<Role>, Permission::of::<ListRoles>(), named::roles;
    /// Policies by a part of their name.
    FindPolicies => Found<Policy>, Permission::of::<ListPolicies>(), named::policies;
    /// What a request of a user or role would be answered, and why.
    Explain => Result<Explained, NoQuestion>, Permission::of::<ListPoliciesForUser>(), explain::explain;
    /// How often the versions of a key were used.
    DescribeKeyUses => KeyUses, Permission::of::<DescribeKey>(), uses::describe;
    /// Lines of the audit trail, and how it is written.
    SearchTrail => Option<TrailPage>, Permission::LOOK_UP_EVENTS, trail::search;
    /// Quotas and limits, and how much of them is used.
    DescribeLimits => Box<LimitsInForce>, Permission::READ_QUOTAS, limits::describe;
}

/// What the audit trail calls the product of queries.
const CONSOLE: &str = "Console";

impl Kms {
    /// Answers a query of the console.
    ///
    /// # Errors
    /// Forbidden.NoPermission or NoPermission, as the action that tells the same; InvalidParameter; Throttling.User if many
    /// searches wait or the caller sends too many requests; ServiceUnavailableTemporary.
    pub async fn query<Q: Ask>(&self, query: Q, origin: &Origin) -> Result<Q::Answer, Error> {
        self.auditor.admit()?;
        let query = query.into();
        let inquiry = Inquiry::new(self, origin, AskedFor { product: CONSOLE, action: query.name() });
        let answer = match self.count(origin.caller()) {
            Ok(()) => answer(self, &query, &inquiry).await,
            Err(throttled) => Err(throttled),
        };
        let answer = self.auditor.answered(&inquiry, answer).await?;
        Q::answer(answer).ok_or_else(|| Error::internal("the answer to another query"))
    }
}
