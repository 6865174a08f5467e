//! What the caller may do, so that pages show it before it is tried.

use bulla_wire::Product;

use crate::Kms;
use crate::authorize::{AskedFor, Inquiry, Permission, View};
use crate::origin::Origin;

/// What an action is about. An action about two of them needs the permission for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On<'a> {
    /// No resource, such as GetRandomPassword.
    Anything,
    /// To make a key or list keys.
    Keys,
    /// All keys, such as to list the tags of every one.
    AllKeys,
    /// A key, by its id, alias or ARN.
    Key(&'a str),
    /// To list aliases.
    Aliases,
    /// An alias, with its prefix; the key is asked about with it, except by CreateAlias, which names one.
    Alias(&'a str),
    /// To make a secret or list secrets.
    Secrets,
    /// All secrets.
    AllSecrets,
    /// A secret, by its name or ARN. To read or write its value, its key is asked about with it.
    Secret(&'a str),
    /// To make a user or list users.
    Users,
    /// A user, by its name; as all of the following.
    User(&'a str),
    /// To make a group or list groups.
    Groups,
    /// A group.
    Group(&'a str),
    /// To make a role or list roles.
    Roles,
    /// A role.
    Role(&'a str),
    /// To make a virtual MFA device or list them.
    MfaDevices,
    /// A virtual MFA device, by its name or serial number.
    MfaDevice(&'a str),
    /// To make a policy or list policies.
    Policies,
    /// A policy of the account.
    Policy(&'a str),
    /// A policy that is there in every account.
    SystemPolicy(&'a str),
    /// The account itself.
    Account,
}

impl Kms {
    /// Whether the caller has the permission for an action: what the action would be answered, and nothing else. Of a
    /// resource that does not exist, the answer is yes only if the caller has the permission for all. What a request says,
    /// such as its encryption context, is not known here: a policy that allows with a condition on it does not count.
    ///
    /// It costs a few microseconds. False for an action that is not in the table of the product.
    #[must_use]
    pub fn may(&self, product: Product, action: &str, on: On<'_>, origin: &Origin) -> bool {
        let Some(permission) = Permission::named(product, action) else { return false };
        let Ok(snapshot) = self.state.snapshot() else { return false };
        let inquiry = Inquiry::new(self, origin, AskedFor::default());
        View::new(&snapshot, &inquiry, permission).ask_on(on).is_ok()
    }
}
