//! `Kms::may`: whether the caller has the permission for an action, so that the console shows only what the caller may do.

use bulla_wire::Product;

use crate::Kms;
use crate::authorize::{Inquiry, Permission, Requested, View};
use crate::origin::Origin;

/// The resource of an action. An action on two resources needs the permission for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On<'a> {
    /// No resource, as for GetRandomPassword.
    Anything,
    /// Creating or listing keys.
    Keys,
    /// All keys, as for listing the tags of every one.
    AllKeys,
    /// A key, by its id, alias or ARN.
    Key(&'a str),
    /// Listing aliases.
    Aliases,
    /// An alias, with its prefix. Its key is checked too, except for CreateAlias, whose request names the key.
    Alias(&'a str),
    /// Creating or listing secrets.
    Secrets,
    /// All secrets.
    AllSecrets,
    /// A secret, by its name or ARN. For reading or writing its value, its key is checked too.
    Secret(&'a str),
    /// Creating or listing users.
    Users,
    /// A user, by its name; as all of the following.
    User(&'a str),
    /// Creating or listing groups.
    Groups,
    /// A group.
    Group(&'a str),
    /// Creating or listing roles.
    Roles,
    /// A role.
    Role(&'a str),
    /// Creating or listing virtual MFA devices.
    MfaDevices,
    /// A virtual MFA device, by its name or serial number.
    MfaDevice(&'a str),
    /// Creating or listing policies.
    Policies,
    /// A policy of the account.
    Policy(&'a str),
    /// A policy that every account has.
    SystemPolicy(&'a str),
    /// The account itself.
    Account,
}

impl Kms {
    /// Whether the caller has the permission for an action, exactly as the request would be checked. For a resource that does
    /// not exist, it is true only if the caller has the permission for all. Facts of the request, such as its encryption
    /// context, are unknown here: an Allow with a condition on one does not count.
    ///
    /// The permissions that belong to no action, such as `kms:DescribeBackups`, count as actions here.
    ///
    /// It takes a few microseconds. Returns false for an action that is not in the table of the product.
    #[must_use]
    pub fn may(&self, product: Product, action: &str, on: On<'_>, origin: &Origin) -> bool {
        Permission::named(product, action).is_some_and(|permission| self.has(permission, on, origin))
    }

    /// Whether the caller may search the audit trail: `actiontrail:LookupEvents`, which is of no product that is served.
    #[must_use]
    pub fn may_look_up_events(&self, origin: &Origin) -> bool {
        self.has(Permission::LOOK_UP_EVENTS, On::Anything, origin)
    }

    fn has(&self, permission: Permission, on: On<'_>, origin: &Origin) -> bool {
        let Ok(snapshot) = self.state.snapshot() else { return false };
        let inquiry = Inquiry::new(self, origin, Requested::default());
        View::new(&snapshot, &inquiry, permission).ask_on(on).is_ok()
    }
}
