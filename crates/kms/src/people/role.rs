//! A role: rights that callers whom it trusts may assume for a limited time.

use bulla_access::PrincipalId;
use bulla_keys::Tags;
use bulla_keys::record::Record;
use minicbor::{Decode, Encode};

use super::attachments::Attachments;
use super::document::{Document, OfRole};
use super::id::{principal_id, random_principal_id};
use super::name::RoleName;

/// A role.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Role {
    #[n(0)]
    pub(crate) name: RoleName,
    #[n(1)]
    #[cbor(with = "principal_id")]
    pub(crate) id: PrincipalId,
    /// May be empty.
    #[n(2)]
    pub(crate) description: Box<str>,
    /// Which principals may assume it.
    #[n(3)]
    pub(crate) trust: Document<OfRole>,
    /// The maximum duration of a session, in seconds.
    #[n(4)]
    pub(crate) max_session: u32,
    /// Seconds since 1970, as all times here.
    #[n(5)]
    pub(crate) created: i64,
    #[n(6)]
    pub(crate) updated: i64,
    #[n(7)]
    pub(crate) policies: Attachments,
    #[n(8)]
    pub(crate) tags: Tags,
    /// Sessions that began earlier have ended.
    #[n(9)]
    pub(crate) not_before: Option<i64>,
}

/// A policy is attached to a role that should be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RoleConflict;

impl Record for Role {
    const TABLE: &'static str = "role";
    fn primary_key(&self) -> &[u8] {
        self.name.key.as_str().as_bytes()
    }
}

impl Role {
    /// The lowest possible maximum duration of sessions, in seconds, and the default.
    pub(crate) const MIN_SESSION: u32 = 3600;
    /// The highest possible maximum duration of sessions, in seconds.
    pub(crate) const MAX_SESSION: u32 = 43_200;

    /// Returns a new role with its own id and sessions of an hour.
    pub(crate) fn new(name: RoleName, trust: Document<OfRole>, now: i64) -> Self {
        Self {
            name,
            id: random_principal_id(),
            description: Box::default(),
            trust,
            max_session: Self::MIN_SESSION,
            created: now,
            updated: now,
            policies: Attachments::default(),
            tags: Tags::default(),
            not_before: None,
        }
    }

    /// Returns the ARN in policies and replies: in lower case, because clients compare it byte for byte.
    pub(crate) fn arn(&self, account: &str) -> String {
        format!("acs:ram::{account}:role/{}", self.name.key)
    }

    /// Whether a role may have this maximum duration.
    pub(crate) fn may_last(seconds: u32) -> bool {
        (Self::MIN_SESSION..=Self::MAX_SESSION).contains(&seconds)
    }

    /// Ends all sessions that began before `now`, and those that begin from a snapshot before this change. Sessions contain
    /// the not-before of their role, so it changes each time, regardless of the clock.
    pub(crate) fn end_sessions(&mut self, now: i64) {
        self.not_before = Some(self.not_before.map_or(now, |earlier| now.max(earlier + 1)));
    }

    /// Returns what a new session records; the session ends when the value changes. 0 until sessions are ended for the first
    /// time.
    pub(crate) fn not_before(&self) -> i64 {
        self.not_before.unwrap_or_default()
    }

    /// Checks that the role can be deleted.
    ///
    /// # Errors
    /// [`RoleConflict`].
    pub(crate) fn check_deletable(&self) -> Result<(), RoleConflict> {
        if self.policies.is_empty() { Ok(()) } else { Err(RoleConflict) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AttachmentLimits, NameKey, PolicyRef};
    use super::*;

    fn role() -> Role {
        let text = r#"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"RAM": "acs:ram::42:user/alice"}}]}"#;
        let trust = Document::parse("42", text, |_| Some(random_principal_id())).unwrap();
        Role::new("ECSAdmin".parse().unwrap(), trust, 7)
    }

    #[test]
    fn a_role_comes_back_with_an_arn_in_lower_case() {
        let mut role = role();
        role.tags.set("team", "ops").unwrap();
        role.end_sessions(9);
        let back: Role = minicbor::decode(&minicbor::to_vec(&role).unwrap()).unwrap();
        assert_eq!(back, role);
        assert_eq!(role.arn("42"), "acs:ram::42:role/ecsadmin");
        assert_eq!(role.name.as_str(), "ECSAdmin");
    }

    #[test]
    fn ended_sessions_stay_ended() {
        let mut role = role();
        for (now, not_before) in [(9, 9), (3, 10), (10, 11), (20, 20)] {
            role.end_sessions(now);
            assert_eq!(role.not_before(), not_before);
        }
    }

    #[test]
    fn sessions_last_an_hour_to_half_a_day() {
        assert!(Role::may_last(3600) && Role::may_last(43_200));
        assert!(!Role::may_last(3599) && !Role::may_last(43_201));
    }

    #[test]
    fn a_role_with_a_policy_stays() {
        let mut role = role();
        assert_eq!(role.check_deletable(), Ok(()));
        let limits = AttachmentLimits { system: 1, custom: 1 };
        role.policies.attach(PolicyRef::Custom(NameKey::of("p")), 8, limits).unwrap();
        assert_eq!(role.check_deletable(), Err(RoleConflict));
    }
}
