//! CreateVirtualMFADevice, DeleteVirtualMFADevice, ListVirtualMFADevices, BindMFADevice, UnbindMFADevice, GetUserMFAInfo.

use serde::{Deserialize, Serialize};

use crate::secret::SecretText;
use crate::timestamp::Timestamp;

/// Creates a virtual MFA device, which is bound to no user yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateVirtualMFADevice {
    /// Its name.
    #[serde(rename = "VirtualMFADeviceName")]
    pub virtual_mfa_device_name: String,
}

/// Deletes a virtual MFA device that is bound to no user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteVirtualMFADevice {
    /// Its serial number.
    pub serial_number: String,
}

/// Lists the virtual MFA devices of the account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ListVirtualMFADevices {}

/// Binds an MFA device to a user, whose sign-ins to the console need a code of it from then on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BindMFADevice {
    /// The serial number of the device.
    pub serial_number: String,
    /// The user's name.
    pub user_name: String,
    /// A code that the device shows.
    pub authentication_code1: SecretText,
    /// The code that follows it.
    pub authentication_code2: SecretText,
}

/// Unbinds the MFA device of a user. The device stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UnbindMFADevice {
    /// The user's name.
    pub user_name: String,
}

/// Returns which MFA device is bound to a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetUserMFAInfo {
    /// The user's name.
    pub user_name: String,
}

/// The answer to [`CreateVirtualMFADevice`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateVirtualMFADeviceReply {
    /// The device with its seed.
    #[serde(rename = "VirtualMFADevice")]
    pub virtual_mfa_device: NewVirtualMFADevice,
}

/// A virtual MFA device with its seed, which no later answer shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NewVirtualMFADevice {
    /// Its serial number.
    pub serial_number: String,
    /// The seed in Base32.
    #[serde(rename = "Base32StringSeed")]
    pub base32_string_seed: SecretText,
    /// A QR code with the seed, for authenticator apps: Base64 of a PNG file.
    #[serde(rename = "QRCodePNG")]
    pub qr_code_png: SecretText,
}

/// The answer to [`ListVirtualMFADevices`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListVirtualMFADevicesReply {
    /// All devices.
    #[serde(rename = "VirtualMFADevices")]
    pub virtual_mfa_devices: VirtualMFADeviceList,
}

/// A list of virtual MFA devices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VirtualMFADeviceList {
    /// The devices, by name.
    #[serde(rename = "VirtualMFADevice")]
    pub virtual_mfa_device: Vec<VirtualMFADevice>,
}

/// A virtual MFA device, without its seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VirtualMFADevice {
    /// Its serial number.
    pub serial_number: String,
    /// The time of BindMFADevice; absent while it is bound to no user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activate_date: Option<Timestamp>,
    /// The user whom it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<MFADeviceUser>,
}

/// The user whom an MFA device is bound to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MFADeviceUser {
    /// The user's id.
    pub user_id: String,
    /// The user's name.
    pub user_name: String,
    /// What people call the user.
    pub display_name: String,
}

/// The answer to [`UnbindMFADevice`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnbindMFADeviceReply {
    /// The device that was bound.
    #[serde(rename = "MFADevice")]
    pub mfa_device: UnboundMFADevice,
}

/// An MFA device by its serial number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UnboundMFADevice {
    /// Its serial number.
    pub serial_number: String,
}

/// The answer to [`GetUserMFAInfo`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GetUserMFAInfoReply {
    /// The device that is bound.
    #[serde(rename = "MFADevice")]
    pub mfa_device: BoundMFADevice,
}

/// An MFA device with its kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BoundMFADevice {
    /// Its serial number.
    pub serial_number: String,
    /// `VMFA`, a virtual one.
    #[serde(rename = "Type")]
    pub kind: String,
}
