//! Access policies as Alibaba Cloud writes them. No IO, no clock.
//!
//! A document is parsed once, when it is written: everything that is wrong with it is found then, with its place. The
//! names in it are [bound](Policy::bind) to ids. A request is decided over parsed policies.
//!
//! ```
//! use bulla_access::{ConditionKey, Context, Layers, Policy, PolicyKind, Principal, PrincipalId, Query, Rule, Value};
//!
//! let account = "1234567890123456";
//! let identity = Policy::parse(
//!     PolicyKind::Identity,
//!     account,
//!     r#"{
//!         "Version": "1",
//!         "Statement": [{
//!             "Effect": "Allow",
//!             "Action": ["kms:Encrypt", "kms:GenerateDataKey*"],
//!             "Resource": "acs:kms:*:1234567890123456:key/*",
//!             "Condition": {"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}}
//!         }]
//!     }"#,
//! )?;
//!
//! struct From(std::net::IpAddr);
//!
//! impl Context for From {
//!     fn value(&self, key: &ConditionKey) -> Option<Value<'_>> {
//!         (*key == ConditionKey::SourceIp).then_some(Value::Address(self.0))
//!     }
//! }
//!
//! let allowed = |address: &str, action: &str| {
//!     let query = Query {
//!         actions: &[action],
//!         resource: "acs:kms:cn-hangzhou:1234567890123456:key/05754286-3ba2-4fa6-8d41-4323aca6e7c4",
//!         principal: Principal::User(PrincipalId::from_random(7)),
//!         context: &From(address.parse().expect("an address")),
//!     };
//!     let layers = Layers { session: None, identity: &[&identity], resource: None, rule: Rule::Either };
//!     bulla_access::decide(&layers, &query).is_allowed()
//! };
//! assert!(allowed("10.1.2.3", "kms:Encrypt"));
//! assert!(!allowed("192.0.2.1", "kms:Encrypt"));
//! assert!(!allowed("10.1.2.3", "kms:Decrypt"));
//!
//! let error = Policy::parse(PolicyKind::Identity, account, r#"{"Version": "1", "Statement": {}}"#).unwrap_err();
//! assert_eq!(error.to_string(), "line 1, column 31, Statement: expected a list");
//! # Ok::<(), bulla_access::PolicyError>(())
//! ```
//!
//! # Where to start
//!
//! | | |
//! |---|---|
//! | [`Policy`], [`PolicyKind`] | a document, and what may stand in which |
//! | [`PolicyError`], [`Reason`] | why a document is refused, with line, column and path |
//! | [`evaluate()`], [`decide()`] | one policy, and all that have a say in a request |
//! | [`covers_all`] | whether a caller may learn that a resource does not exist |
//! | [`system`] | the system policies |
//! | [`check()`], [`explain()`] | which statements amount to granting, and why a request is allowed or denied |
//! | [`depends_on`] | which values that are not known may turn an explanation |
//!
//! # The language
//!
//! Version `"1"` of the cloud's: `Effect`, `Action` or `NotAction`, `Resource`, `Condition`, in policies of a resource
//! `Principal` and in those of keys and secrets `Sid`. What the cloud documents differently or not at all is decided here:
//!
//! - Actions and ARNs of roles match without case; other resources, names of condition keys and texts with case.
//! - `*` is any run of characters, also of `/` and `:`; `?` is one character. `${` is text: there are no variables.
//! - `Statement` is a list. Repeated names, unknown members, `NotResource` and an empty list, object or `Condition` are refused.
//! - Values may be JSON numbers and booleans; they are compared as they are written.
//! - A principal is an exact ARN of the own account. Principals of other accounts and SAML providers are refused. A service of
//!   the cloud may stand in a trust policy and matches nothing.
//! - The actions of a key or secret policy are `kms:` actions, those of a trust policy `sts:` actions, without `NotAction`.
//! - A trust in an OIDC provider needs conditions on `oidc:aud` and `oidc:sub` that are not wildcards alone.
//! - Operators compare the type that a key has. Keys without a type of their own (tags, encryption context, claims) take every
//!   operator.
//!
//! # Guarantees
//!
//! - **No match is a deny, and a Deny wins.**
//! - **The account as a principal of a key or secret policy gives no user or session anything.** The default key policy
//!   names the account.
//! - **Users and roles match by id.** A policy that is not bound gives those that it names nothing.
//! - **No condition is ignored.** Operators and keys that are unknown, or that no request of this kind has, are refused.
//! - **In doubt the answer is no.** A condition on a value that the request lacks, or that cannot be read, is not met in an
//!   Allow; in a Deny an unreadable value meets every operator, and an absent one the negated ones. `StringLike`,
//!   `StringNotLike` and resources with wildcards read texts of up to 512 bytes.
//! - **Time is linear** in the length of the policies, for names of up to 255 bytes; beyond, a step takes longer by one
//!   instruction for each 64 bytes. No pattern backtracks.

#![forbid(unsafe_code)]

mod action;
mod certainty;
mod check;
mod condition;
mod decide;
mod error;
mod evaluate;
mod explain;
mod json;
mod key;
mod pattern;
mod policy;
mod principal;
mod synonyms;
pub mod system;

pub use certainty::depends_on;
pub use check::{Finding, check};
pub use condition::{Context, Value};
pub use decide::{
    Decision, Denial, Distinction, Layer, Layers, Rule, Source, covers_all, decide, distinction,
};
pub use error::{Limit, PolicyError, Reason};
pub use evaluate::{Outcome, Query, StatementRef, evaluate};
pub use explain::{Application, Considered, Explanation, Missing, Unmet, explain};
pub use key::ConditionKey;
pub use policy::{Effect, Policy, PolicyKind};
pub use principal::{InvalidPrincipalId, Principal, PrincipalId, PrincipalName};
pub use synonyms::synonyms;
