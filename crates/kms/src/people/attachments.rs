//! The policies that are attached to a user, group or role, and the limits on their number.

use minicbor::{Decode, Encode};

use super::name::NameKey;

/// A policy by its type and name. A policy of the account can be deleted only while it is not attached, so the name in an
/// attachment never refers to another policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub(crate) enum PolicyRef {
    /// A policy that every account has.
    #[n(0)]
    System(#[n(0)] NameKey),
    /// A policy of the account.
    #[n(1)]
    Custom(#[n(0)] NameKey),
}

/// An attached policy.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Attachment {
    #[n(0)]
    pub(crate) policy: PolicyRef,
    /// Seconds since 1970.
    #[n(1)]
    pub(crate) attached: i64,
}

/// All attached policies, in the order of attachment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct Attachments(#[n(0)] Vec<Attachment>);

/// Maximum attached policies of each type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AttachmentLimits {
    pub(crate) system: usize,
    pub(crate) custom: usize,
}

/// Why a policy cannot be attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttachRefusal {
    AlreadyAttached,
    LimitExceeded,
}

impl Attachments {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Attachment> {
        self.0.iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Attaches a policy.
    ///
    /// # Errors
    /// [`AttachRefusal`]; nothing is changed.
    pub(crate) fn attach(
        &mut self,
        policy: PolicyRef,
        now: i64,
        limits: AttachmentLimits,
    ) -> Result<(), AttachRefusal> {
        if self.0.iter().any(|attachment| attachment.policy == policy) {
            return Err(AttachRefusal::AlreadyAttached);
        }
        let alike = self.0.iter().filter(|other| other.policy.is_system() == policy.is_system()).count();
        let limit = if policy.is_system() { limits.system } else { limits.custom };
        if alike >= limit {
            return Err(AttachRefusal::LimitExceeded);
        }
        self.0.push(Attachment { policy, attached: now });
        Ok(())
    }

    /// Detaches a policy; false if it was not attached.
    pub(crate) fn detach(&mut self, policy: &PolicyRef) -> bool {
        let before = self.0.len();
        self.0.retain(|attachment| attachment.policy != *policy);
        self.0.len() < before
    }
}

impl PolicyRef {
    pub(crate) fn is_system(&self) -> bool {
        matches!(self, Self::System(_))
    }

    pub(crate) fn name(&self) -> &NameKey {
        match self {
            Self::System(name) | Self::Custom(name) => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: AttachmentLimits = AttachmentLimits { system: 2, custom: 1 };

    fn system(name: &str) -> PolicyRef {
        PolicyRef::System(NameKey::of(name))
    }

    fn custom(name: &str) -> PolicyRef {
        PolicyRef::Custom(NameKey::of(name))
    }

    #[test]
    fn each_type_has_its_own_limit() {
        let mut attachments = Attachments::default();
        attachments.attach(system("a"), 1, LIMITS).unwrap();
        attachments.attach(custom("a"), 2, LIMITS).unwrap();
        attachments.attach(system("b"), 3, LIMITS).unwrap();
        assert_eq!(attachments.attach(system("B"), 4, LIMITS), Err(AttachRefusal::AlreadyAttached));
        assert_eq!(attachments.attach(system("c"), 4, LIMITS), Err(AttachRefusal::LimitExceeded));
        assert_eq!(attachments.attach(custom("c"), 4, LIMITS), Err(AttachRefusal::LimitExceeded));
        assert_eq!(attachments.iter().map(|one| one.attached).collect::<Vec<_>>(), [1, 2, 3]);
        let back: Attachments = minicbor::decode(&minicbor::to_vec(&attachments).unwrap()).unwrap();
        assert_eq!(back, attachments);
    }

    #[test]
    fn what_is_detached_can_be_attached_again() {
        let mut attachments = Attachments::default();
        attachments.attach(custom("a"), 1, LIMITS).unwrap();
        assert!(!attachments.detach(&system("a")) && attachments.detach(&custom("A")));
        assert!(!attachments.detach(&custom("a")) && attachments.is_empty());
        attachments.attach(custom("b"), 1, LIMITS).unwrap();
    }
}
