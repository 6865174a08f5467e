//! Virtual MFA devices: sealed seeds of one-time codes, each bound to at most one user.

use std::fmt;

use bulla_access::PrincipalId;
use bulla_keys::record::Record;
use bulla_keys::{Random, SystemRandom};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use super::id::principal_id;
use super::name::{DeviceName, NameKey};

/// A virtual MFA device. It remains after it is unbound, with its used codes.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct MfaDevice {
    #[n(0)]
    pub(crate) name: DeviceName,
    /// See `bulla_keys::mfa_seed`; the keyring opens it to verify one code.
    #[n(1)]
    pub(crate) sealed_seed: ByteVec,
    /// Seconds since 1970, as all times here.
    #[n(2)]
    pub(crate) created: i64,
    /// The user whom it is bound to, whose row has the [`MfaBinding`].
    #[n(3)]
    pub(crate) user: Option<DeviceUser>,
    /// The latest time step whose code was accepted. Codes of this and earlier steps are refused, so a code works once.
    #[n(4)]
    pub(crate) spent: u64,
}

/// The user whom a device is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct DeviceUser(
    #[n(0)]
    #[cbor(with = "principal_id")]
    pub(crate) PrincipalId,
);

/// The binding of a device to the user whose row contains this.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct MfaBinding {
    #[n(0)]
    pub(crate) device: NameKey,
    #[n(1)]
    pub(crate) bound: i64,
    #[n(2)]
    pub(crate) mark: BindingMark,
}

/// An identifier of one binding, distinct even from other bindings of the same device to the same user. A sign-in is valid
/// for one binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct BindingMark(#[n(0)] ByteArray<16>);

impl Record for MfaDevice {
    const TABLE: &'static str = "mfa-device";
    fn primary_key(&self) -> &[u8] {
        self.name.key.as_str().as_bytes()
    }
}

impl MfaDevice {
    /// Returns the serial number in requests and replies.
    pub(crate) fn serial_number(account: &str, name: &str) -> String {
        format!("acs:ram::{account}:mfa/{name}")
    }

    /// Returns the name in a serial number; none for other texts, and for a serial number of another account.
    pub(crate) fn name_in<'s>(account: &str, serial_number: &'s str) -> Option<&'s str> {
        serial_number.strip_prefix(&*Self::serial_number(account, ""))
    }

    /// Returns this device bound to a user with codes up to the time step `spent`, and the binding for the user's row.
    pub(crate) fn bound_to(&self, user: PrincipalId, spent: u64, now: i64) -> (Self, MfaBinding) {
        let binding = MfaBinding { device: self.name.key.clone(), bound: now, mark: BindingMark::random() };
        (Self { user: Some(DeviceUser(user)), spent, ..self.clone() }, binding)
    }

    /// Returns this device without a user.
    pub(crate) fn unbound(&self) -> Self {
        Self { user: None, ..self.clone() }
    }
}

impl BindingMark {
    fn random() -> Self {
        let mut bytes = [0; 16];
        SystemRandom.fill(&mut bytes);
        Self(bytes.into())
    }
}

impl fmt::Debug for MfaDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MfaDevice")
            .field("name", &self.name)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::random_principal_id;

    fn device() -> MfaDevice {
        let sealed_seed = vec![1, 2, 3].into();
        MfaDevice { name: "Phone-1".parse().unwrap(), sealed_seed, created: 7, user: None, spent: 0 }
    }

    #[test]
    fn a_device_comes_back_bound_and_unbound_with_what_it_has_spent() {
        let user = random_principal_id();
        let (bound, binding) = device().bound_to(user, 60, 9);
        assert_eq!((bound.user, bound.spent), (Some(DeviceUser(user)), 60));
        for device in [device(), bound.clone(), bound.unbound()] {
            let back: MfaDevice = minicbor::decode(&minicbor::to_vec(&device).unwrap()).unwrap();
            assert_eq!(back, device);
        }
        assert_eq!((bound.unbound().user, bound.unbound().spent), (None, 60));
        assert_eq!((binding.device.as_str(), binding.bound), ("phone-1", 9));
        assert_ne!(binding.mark, bound.bound_to(user, 60, 9).1.mark);
        assert!(!format!("{bound:?}").contains("seed"));
    }

    #[test]
    fn a_serial_number_names_a_device_of_its_own_account() {
        let serial = MfaDevice::serial_number("42", "Phone-1");
        assert_eq!(serial, "acs:ram::42:mfa/Phone-1");
        assert_eq!(MfaDevice::name_in("42", &serial), Some("Phone-1"));
        for other in ["acs:ram::43:mfa/Phone-1", "Phone-1", ""] {
            assert_eq!(MfaDevice::name_in("42", other), None);
        }
    }
}
