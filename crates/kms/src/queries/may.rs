//! What the caller may do, so that pages show it before it is tried.

use bulla_keys::AliasName;
use bulla_wire::kms::{CreateAlias, Decrypt, GenerateDataKey, GetSecretValue, PutSecretValue};
use bulla_wire::ram::PolicyType;
use bulla_wire::{Error, Product};

use crate::Kms;
use crate::authorize::{Container, Inquiry, Permission, View};
use crate::origin::Origin;

/// What an action is about. An action about two of them needs the permission for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On<'a> {
    /// No resource, such as GetRandomPassword.
    Anything,
    /// To make a key or list keys.
    Keys,
    /// A key, by its id, alias or ARN.
    Key(&'a str),
    /// To list aliases.
    Aliases,
    /// An alias, with its prefix; the key is asked about with it, except by CreateAlias, which names one.
    Alias(&'a str),
    /// To make a secret or list secrets.
    Secrets,
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
        let inquiry = Inquiry::new(self, origin);
        ask(&View::new(&snapshot, &inquiry, permission), permission, on).is_ok()
    }
}

/// # Errors
/// The denial.
fn ask(view: &View<'_>, permission: Permission, on: On<'_>) -> Result<(), Error> {
    match on {
        On::Anything => view.anything(),
        On::Keys => view.container(Container::Keys).map(drop),
        On::Aliases => view.container(Container::Aliases).map(drop),
        On::Secrets => view.container(Container::Secrets).map(drop),
        On::Users => view.every(Container::Users).map(drop),
        On::Groups => view.every(Container::Groups).map(drop),
        On::Roles => view.every(Container::Roles).map(drop),
        On::Policies => view.every(Container::Policies).map(drop),
        On::Key(name) => view.ask_key(name).map(drop),
        On::Alias(name) => ask_alias(view, permission, name),
        On::Secret(name) => ask_secret(view, permission, name),
        On::User(name) => view.ask_user(name).map(drop),
        On::Group(name) => view.ask_group(name).map(drop),
        On::Role(name) => view.ask_role(name).map(drop),
        On::Policy(name) => view.ask_policy(PolicyType::Custom, name).map(drop),
        On::SystemPolicy(name) => view.ask_policy(PolicyType::System, name).map(drop),
        On::Account => view.account_row().map(drop),
    }
}

fn ask_alias(view: &View<'_>, permission: Permission, name: &str) -> Result<(), Error> {
    let name: AliasName = name.parse().map_err(|_| Error::invalid("AliasName"))?;
    if permission == Permission::of::<CreateAlias>() {
        return view.new_alias(&name).map(drop);
    }
    match view.ask_alias(&name)? {
        Ok(alias) => view.key_of_alias(&alias),
        Err(_) => Ok(()),
    }
}

fn ask_secret(view: &View<'_>, permission: Permission, name: &str) -> Result<(), Error> {
    let Ok(secret) = view.ask_secret(name)? else { return Ok(()) };
    let of_key = if permission == Permission::of::<GetSecretValue>() {
        Permission::of::<Decrypt>()
    } else if permission == Permission::of::<PutSecretValue>() {
        Permission::of::<GenerateDataKey>()
    } else {
        return Ok(());
    };
    view.key_of(&secret, of_key).map(drop)
}
