//! The error of a denied request. It depends only on the request and the caller, so that a resource without permission looks
//! the same as one that does not exist.

use bulla_access::{Decision, Denial, Layer, PolicyKind};
use bulla_wire::kms::{GetKeyPolicy, GetSecretPolicy};
use bulla_wire::{AccessDenied, Error, ErrorCode};

use super::resource::ARN;
use super::rights::Rights;
use super::{Container, Permission, Query, Resource};
use crate::origin::Caller;

/// How the request named a resource.
pub(super) enum Written<'t> {
    /// In the spelling in which the resource is displayed.
    Exactly,
    /// In another spelling, whose displayed form is this resource.
    As(Resource),
    /// By a text that should be a key: an id, an alias or an ARN.
    Key(&'t str),
    /// Not at all, such as the key of a blob.
    Unnamed,
    /// Indirectly: by another resource that refers to this one, and for which the caller has this permission.
    Behind { permission: Permission, resource: Resource, container: Container },
}

impl Query<'_> {
    /// Returns the error for a caller without the permission.
    pub(super) fn denial(&self, written: &Written<'_>) -> Error {
        let rights = Rights::of(self);
        let permission = self.disclosed_permission(written, rights.as_ref());
        let named = self.named(written);
        let error = match &named {
            Some(_) if permission.is_to_assume() => ErrorCode::AssumeRoleNoPermission.into(),
            Some(arn) => permission.refusing_product().denied(&permission.to_string(), arn),
            None => ErrorCode::ForbiddenNoPermission.into(),
        };
        let Some(rights) = rights else { return error };
        let arn = named.unwrap_or_else(|| self.resource_of_unnamed().arn(self.home));
        match self.principal() {
            Some(principal) => error.with_access_denied(self.detail(&rights, permission, &arn, principal)),
            None => error,
        }
    }

    /// Returns the permission that the error names. The denial of an indirectly named resource would reveal that the named
    /// one exists.
    fn disclosed_permission(&self, written: &Written<'_>, rights: Option<&Rights<'_>>) -> Permission {
        match written {
            Written::Behind { permission, container, .. }
                if !rights.is_some_and(|rights| rights.cover(self, *permission, *container)) =>
            {
                *permission
            }
            _ => self.permission,
        }
    }

    /// Returns the ARN of the resource that the request named.
    fn named(&self, written: &Written<'_>) -> Option<String> {
        match written {
            Written::Exactly if *self.resource == Resource::Anything => None,
            Written::Exactly => Some(self.resource.arn(self.home)),
            Written::As(resource) => Some(resource.arn(self.home)),
            Written::Key(text) if text.starts_with(ARN) => Some((*text).to_owned()),
            Written::Key(text) => Some(Resource::no_key(text).arn(self.home)),
            Written::Unnamed => None,
            Written::Behind { resource, .. } => Some(resource.arn(self.home)),
        }
    }

    /// Returns the resource to name if the request does not name one.
    fn resource_of_unnamed(&self) -> Resource {
        match self.resource {
            Resource::Anything => Resource::Anything,
            _ => Resource::Every(Container::Keys),
        }
    }

    fn detail(
        &self,
        rights: &Rights<'_>,
        permission: Permission,
        arn: &str,
        principal: Named,
    ) -> AccessDenied {
        let (no_permission_type, policy_type) = self.reason(rights, permission, arn);
        AccessDenied {
            auth_action: permission.to_string(),
            auth_principal_type: principal.kind.into(),
            auth_principal_owner_id: self.home.account.to_string(),
            auth_principal_display_name: principal.display_name,
            no_permission_type: no_permission_type.into(),
            policy_type: policy_type.into(),
            encoded_diagnostic_message: None,
        }
    }

    /// Returns which kind of policy denied, and whether by a statement. The policy of the resource is mentioned only to
    /// callers who may read it and who named the resource itself: otherwise the error would reveal the key of an alias or of
    /// a blob.
    fn reason(&self, rights: &Rights<'_>, permission: Permission, arn: &str) -> (&'static str, &'static str) {
        let cause =
            |denial: Denial, layer: Layer| (denial.no_permission_type(), layer.policy_type(PolicyKind::Key));
        if self.missing_from.is_none()
            && self.resource.arn(self.home) == arn
            && let Some(denial) = self.denial_by_resource(rights)
        {
            return cause(denial, Layer::Resource);
        }
        let denial = rights.lack(self, permission, arn).unwrap_or(Denial::Implicit(Layer::Identity));
        cause(denial, denial.layer())
    }

    /// Returns the denying statement of the resource's policy, if the caller may read that policy.
    fn denial_by_resource(&self, rights: &Rights<'_>) -> Option<Denial> {
        let read = match self.resource {
            Resource::Key(_) => Permission::of::<GetKeyPolicy>(),
            Resource::Secret(_) => Permission::of::<GetSecretPolicy>(),
            _ => return None,
        };
        let Decision::Deny(denial @ Denial::Explicit(_)) = rights.decide(self) else { return None };
        let may_read = || rights.decide(&Query { permission: read, ..*self }).is_allowed();
        (denial.layer() == Layer::Resource && may_read()).then_some(denial)
    }

    /// Returns the denied principal; none for a caller that policies cannot name.
    fn principal(&self) -> Option<Named> {
        match self.caller {
            Caller::User { id, .. } => Some(Named { kind: "SubUser", display_name: id.to_string() }),
            Caller::Session(session) => {
                let role = session.role();
                let name = &self.snapshot.role_by_id(role.id)?.record.name;
                Some(Named { kind: "AssumedRoleUser", display_name: format!("{name}:{}", role.session_name) })
            }
            Caller::Root { .. } | Caller::Owner | Caller::Unsigned => None,
        }
    }
}

/// The name of the caller in errors.
struct Named {
    kind: &'static str,
    display_name: String,
}
