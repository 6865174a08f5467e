//! The actions of the Security Token Service (STS), which issue temporary credentials: AssumeRole, AssumeRoleWithOIDC and
//! GetCallerIdentity.

mod assume_role;
mod assume_role_with_oidc;
mod caller_identity;
mod parameters;

pub(super) use self::assume_role::assume_role;
pub(super) use self::assume_role_with_oidc::assume_role_with_oidc;
pub(super) use self::caller_identity::caller_identity;
