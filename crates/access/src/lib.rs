//! Access policies in Alibaba Cloud's policy language: parsing, evaluation, explanation. No IO and no clock.
//!
//! [`Policy::parse`] checks a document when it is written and reports errors with their place. [`Policy::bind`] then replaces
//! the names of users and roles in it with their ids. [`decide()`] answers whether the parsed policies allow a request.
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
//! | [`Policy`], [`PolicyKind`] | a parsed document, and the kinds of policies with what each may contain |
//! | [`PolicyError`], [`Reason`] | why a document is refused, with line, column and path |
//! | [`evaluate()`], [`decide()`] | the result of one policy, and of all that apply to a request |
//! | [`covers_all`] | whether a caller may learn that a resource does not exist |
//! | [`system`] | the system policies |
//! | [`check()`], [`explain()`] | which statements allow privilege escalation, and why a request is allowed or denied |
//! | [`depends_on`] | which unknown values could reverse an explained decision |
//!
//! # The language
//!
//! Version `"1"` of the cloud's policy language: `Effect`, `Action` or `NotAction`, `Resource`, `Condition`; `Principal` in
//! policies of a resource; `Sid` in policies of keys and secrets. These rules settle what the cloud's documentation leaves open,
//! or what this crate decides differently:
//!
//! - Actions and ARNs of roles match without case; other resources, names of condition keys and texts match with case.
//! - `*` matches any run of characters, including `/` and `:`; `?` matches one character. `${` is text: there are no variables.
//! - `Statement` is a list. Repeated names, unknown members, `NotResource`, and an empty list, object or `Condition` are refused.
//! - Values may be JSON numbers and booleans; they are compared as written.
//! - A principal is an exact ARN of the own account. Principals of other accounts and SAML providers are refused. A trust policy
//!   may name a service of the cloud, which matches no caller.
//! - The actions of a key or secret policy are `kms:` actions, those of a trust policy `sts:` actions; neither has `NotAction`.
//! - A statement that trusts an OIDC provider needs conditions on `oidc:aud` and `oidc:sub` whose values are not wildcards alone.
//! - An operator compares the type of its key. Keys whose values are text (tags, encryption context, claims) accept every
//!   operator.
//!
//! # Guarantees
//!
//! - **The default is deny, and a Deny overrides every Allow.**
//! - **The account as a principal of a key or secret policy grants no user or session any right.** The default key policy
//!   names the account.
//! - **Users and roles match by id.** A policy that is not bound grants the users and roles that it names no right.
//! - **No condition is ignored.** Unknown operators and keys are refused, and so are keys that no request of this kind has.
//! - **Evaluation fails closed.** A condition on a value that is absent or cannot be parsed is not met in an Allow; in a Deny, a
//!   value that cannot be parsed meets every operator, and an absent one meets the negated ones. `StringLike`,
//!   `StringNotLike` and resources with wildcards accept texts of up to 512 bytes.
//! - **Time is linear** in the length of the policies, for names of up to 255 bytes; for longer names, each step takes one more
//!   instruction per 64 bytes. Patterns do not backtrack.

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
    Decision, Denial, Distinction, Layer, Layers, Rule, StatementPosition, covers_all, decide, distinction,
};
pub use error::{Limit, PolicyError, Reason};
pub use evaluate::{Outcome, Query, StatementRef, evaluate};
pub use explain::{Application, Considered, Explanation, Missing, Unmet, explain};
pub use key::ConditionKey;
pub use policy::{Effect, Policy, PolicyKind};
pub use principal::{InvalidPrincipalId, Principal, PrincipalId, PrincipalName};
pub use synonyms::synonyms;
