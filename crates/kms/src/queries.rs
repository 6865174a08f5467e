//! The queries of the console: reads that no action of the API offers, such as sorted searches and scheduled events.
//!
//! The engine answers a query like an action: in a session of its own, from one snapshot, with the same permission checks. A
//! query reveals to a caller only what actions with the caller's permissions reveal, and neither its filters nor its order
//! depend on anything else. The audit trail, limits and backups, which no action returns, have permissions of their own.

mod backups;
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

use bulla_wire::Error;
use bulla_wire::kms::{ListKeys, ListSecrets, SecretEntry};
use bulla_wire::ram::{
    Group, ListGroups, ListPolicies, ListPoliciesForUser, ListRoles, ListUsers, Policy, Role, User,
};

pub use self::backups::{DescribeBackups, KeptBackups};
pub use self::explain::{Explain, Explained, NoQuestion};
pub use self::keys::{FindKeys, FoundKeys, KeyEntry, KeyOrder, WantedTag};
pub use self::limits::{Creator, DescribeLimits, LimitsInForce, MadeCounts, RecordCounts};
pub use self::may::On;
pub use self::named::{FindGroups, FindPolicies, FindRoles, FindSecrets, FindUsers, Found};
pub use self::overview::{Ahead, KeyCounts, Overview, Scheduled, ScheduledEvent, ScheduledOf};
pub use self::subject::NoResource;
pub use self::trail::{SearchTrail, TrailPage};
use crate::Kms;
use crate::authorize::{Inquiry, Permission, Requested};
use crate::origin::Origin;
use crate::session::Session;

/// A type of query, which determines the type of its answer.
pub trait Ask: Into<Query> {
    /// The type of the answer.
    type Answer;

    /// Extracts the answer to this query; none for the answer to another query.
    fn answer(answer: Answer) -> Option<Self::Answer>;
}

/// The table of queries: request, answer, the permission that is checked first, and the function that answers it.
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
    /// Finds keys by their properties, sorted.
    FindKeys => FoundKeys, Permission::of::<ListKeys>(), keys::find;
    /// Returns counts of records and what is scheduled.
    Overview => Ahead, Permission::of::<ListKeys>(), overview::ahead;
    /// Finds secrets by a part of their name.
    FindSecrets => Found<SecretEntry>, Permission::of::<ListSecrets>(), named::secrets;
    /// Finds users by a part of their name or display name.
    FindUsers => Found<User>, Permission::of::<ListUsers>(), named::users;
    /// Finds groups by a part of their name.
    FindGroups => Found<Group>, Permission::of::<ListGroups>(), named::groups;
    /// Finds roles by a part of their name.
    FindRoles => Found<Role>, Permission::of::<ListRoles>(), named::roles;
    /// Finds policies by a part of their name.
    FindPolicies => Found<Policy>, Permission::of::<ListPolicies>(), named::policies;
    /// Explains whether a request of a user or role would be allowed, and why.
    Explain => Result<Explained, NoQuestion>, Permission::of::<ListPoliciesForUser>(), explain::explain;
    /// Returns lines of the audit trail, and the health of the trail.
    SearchTrail => Option<TrailPage>, Permission::LOOK_UP_EVENTS, trail::search;
    /// Returns quotas and limits, and their usage.
    DescribeLimits => Box<LimitsInForce>, Permission::READ_QUOTAS, limits::describe;
    /// Returns the state of scheduled backups.
    DescribeBackups => Option<KeptBackups>, Permission::READ_BACKUPS, backups::describe;
}

/// The product of queries in the audit trail.
const CONSOLE: &str = "Console";

impl Kms {
    /// Answers a query of the console.
    ///
    /// # Errors
    /// Forbidden.NoPermission or NoPermission, like the action that reveals the same; InvalidParameter; Throttling.User if
    /// many searches wait or the caller sends too many requests; ServiceUnavailableTemporary.
    pub async fn query<Q: Ask>(&self, query: Q, origin: &Origin) -> Result<Q::Answer, Error> {
        let query = query.into();
        let inquiry = Inquiry::new(self, origin, Requested { product: CONSOLE, action: query.name() });
        if let Err(unavailable) = self.auditor.admit() {
            return Err(self.auditor.refused(&inquiry, unavailable));
        }
        let answer = match self.count(origin.caller()) {
            Ok(()) => answer(self, &query, &inquiry).await,
            Err(throttled) => Err(throttled),
        };
        let answer = self.auditor.answered(&inquiry, answer).await?;
        Q::answer(answer).ok_or_else(|| Error::internal("the answer to another query"))
    }
}
