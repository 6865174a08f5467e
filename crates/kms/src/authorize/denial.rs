//! What a denied caller is told. It depends on the request and on the caller alone, so that a resource that the caller has
//! no permission for looks the same as one that does not exist.

use bulla_wire::{Error, ErrorCode};

use super::resource::ARN;
use super::{Container, Permission, Query, Resource};

/// How the request names a resource.
#[derive(Clone)]
#[allow(dead_code, reason = "the owner's rights depend on the caller alone")]
pub(super) enum Written<'t> {
    /// As the resource is displayed.
    Exactly,
    /// As this resource is displayed, which is the one that is asked about in another spelling.
    As(Resource),
    /// By a text in the place of a key: an id, an alias or an ARN.
    Key(&'t str),
    /// Not at all, such as the key of a blob.
    Unnamed,
    /// By another resource, which the caller has this permission for, if it exists.
    Behind { permission: Permission, resource: Resource, container: Container },
}

impl Query<'_> {
    /// The answer to the caller who lacks the permission.
    pub(super) fn denial(&self, written: &Written<'_>) -> Error {
        match self.named(written) {
            Some(arn) => Error::with(ErrorCode::ForbiddenNoPermission, format!(" for {arn}")),
            None => ErrorCode::ForbiddenNoPermission.into(),
        }
    }

    /// The ARN of what the caller named.
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
}
