//! Checks the permission for an action on a resource of any kind, without running the action: for `Kms::may` and for
//! explanations.

use bulla_keys::AliasName;
use bulla_wire::Error;
use bulla_wire::kms::{CreateAlias, Decrypt, GenerateDataKey, GetSecretValue, PutSecretValue};
use bulla_wire::ram::PolicyType;

use super::{Container, Permission, View};
use crate::people::MfaDevice;
use crate::queries::On;

impl View<'_> {
    /// Makes the checks of the action whose permission this view has. A missing resource is no error for a caller who has the
    /// permission for all.
    ///
    /// # Errors
    /// The denial.
    pub(crate) fn ask_on(&self, on: On<'_>) -> Result<(), Error> {
        match on {
            On::Anything => self.anything(),
            On::Keys => self.container(Container::Keys).map(drop),
            On::Aliases => self.container(Container::Aliases).map(drop),
            On::Secrets => self.container(Container::Secrets).map(drop),
            On::AllKeys => self.every(Container::Keys).map(drop),
            On::AllSecrets => self.every(Container::Secrets).map(drop),
            On::Users => self.every(Container::Users).map(drop),
            On::Groups => self.every(Container::Groups).map(drop),
            On::Roles => self.every(Container::Roles).map(drop),
            On::MfaDevices => self.every(Container::MfaDevices).map(drop),
            On::Policies => self.every(Container::Policies).map(drop),
            On::Key(name) => self.ask_key(name).map(drop),
            On::Alias(name) => self.ask_on_alias(name),
            On::Secret(name) => self.ask_on_secret(name),
            On::User(name) => self.ask_user(name).map(drop),
            On::Group(name) => self.ask_group(name).map(drop),
            On::Role(name) if self.permission.is_to_assume() => self.role_to_assume(name).map(drop),
            On::Role(name) => self.ask_role(name).map(drop),
            On::MfaDevice(name) if name.starts_with("acs:") => self.ask_mfa_device(name).map(drop),
            On::MfaDevice(name) => {
                self.ask_mfa_device(&MfaDevice::serial_number(self.account(), name)).map(drop)
            }
            On::Policy(name) => self.ask_policy(PolicyType::Custom, name).map(drop),
            On::SystemPolicy(name) => self.ask_policy(PolicyType::System, name).map(drop),
            On::Account => self.account_row().map(drop),
        }
    }

    fn ask_on_alias(&self, name: &str) -> Result<(), Error> {
        let name: AliasName = name.parse().map_err(|_| Error::invalid("AliasName"))?;
        if self.permission == Permission::of::<CreateAlias>() {
            return self.new_alias(&name).map(drop);
        }
        match self.ask_alias(&name)? {
            Ok(alias) => self.key_of_alias(&alias),
            Err(_) => Ok(()),
        }
    }

    fn ask_on_secret(&self, name: &str) -> Result<(), Error> {
        let Ok(secret) = self.ask_secret(name)? else { return Ok(()) };
        match self.permission.on_key_of_secret() {
            Some(of_key) => self.key_of(&secret, of_key).map(drop),
            None => Ok(()),
        }
    }
}

impl Permission {
    /// The permission for the key of a secret that an action on the secret needs as well.
    pub(super) fn on_key_of_secret(self) -> Option<Self> {
        if self == Self::of::<GetSecretValue>() {
            Some(Self::of::<Decrypt>())
        } else if self == Self::of::<PutSecretValue>() {
            Some(Self::of::<GenerateDataKey>())
        } else {
            None
        }
    }
}
