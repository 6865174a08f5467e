//! The requests and replies of CreateVirtualMFADevice, DeleteVirtualMFADevice, ListVirtualMFADevices, BindMFADevice,
//! UnbindMFADevice, GetUserMFAInfo.

use serde::{Deserialize, Serialize};

use crate::secret::SecretText;
use crate::timestamp::Timestamp;

/// Creates a virtual MFA device, which is not bound to a user yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateVirtualMFADevice {
    /// The name of the device.
    #[serde(rename = "VirtualMFADeviceName")]
    pub virtual_mfa_device_name: String,
}

/// Deletes a virtual MFA device that is not bound to a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteVirtualMFADevice {
    /// The serial number.
    pub serial_number: String,
}

/// Lists the virtual MFA devices of the account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ListVirtualMFADevices {}

/// Binds an MFA device to a user. From then on, the user needs its codes to sign in to the console.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BindMFADevice {
    /// The serial number of the device.
    pub serial_number: String,
    /// The name of the user.
    pub user_name: String,
    /// A code of the device.
    pub authentication_code1: SecretText,
    /// The next code of the device.
    pub authentication_code2: SecretText,
}

/// Unbinds the MFA device of a user, but does not delete it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UnbindMFADevice {
    /// The name of the user.
    pub user_name: String,
}

/// Returns the MFA device that is bound to a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetUserMFAInfo {
    /// The name of the user.
    pub user_name: String,
}

/// The reply to [`CreateVirtualMFADevice`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateVirtualMFADeviceReply {
    /// The device with its seed.
    #[serde(rename = "VirtualMFADevice")]
    pub virtual_mfa_device: NewVirtualMFADevice,
}

/// A virtual MFA device with its seed, which no later reply contains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NewVirtualMFADevice {
    /// The serial number.
    pub serial_number: String,
    /// The seed in Base32.
    #[serde(rename = "Base32StringSeed")]
    pub base32_string_seed: SecretText,
    /// A QR code with the seed for authenticator apps: a PNG file in base64.
    #[serde(rename = "QRCodePNG")]
    pub qr_code_png: SecretText,
}

/// The reply to [`ListVirtualMFADevices`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListVirtualMFADevicesReply {
    /// All devices.
    #[serde(rename = "VirtualMFADevices")]
    pub virtual_mfa_devices: VirtualMFADeviceList,
}

/// A list of virtual MFA devices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VirtualMFADeviceList {
    /// The devices, sorted by name.
    #[serde(rename = "VirtualMFADevice")]
    pub virtual_mfa_device: Vec<VirtualMFADevice>,
}

/// A virtual MFA device, without its seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VirtualMFADevice {
    /// The serial number.
    pub serial_number: String,
    /// The time of BindMFADevice; absent while the device is not bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activate_date: Option<Timestamp>,
    /// The user that the device is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<MFADeviceUser>,
}

/// The user that an MFA device is bound to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MFADeviceUser {
    /// The id of the user.
    pub user_id: String,
    /// The name of the user.
    pub user_name: String,
    /// The display name.
    pub display_name: String,
}

/// The reply to [`UnbindMFADevice`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnbindMFADeviceReply {
    /// The device that was bound.
    #[serde(rename = "MFADevice")]
    pub mfa_device: UnboundMFADevice,
}

/// The serial number of an MFA device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UnboundMFADevice {
    /// The serial number.
    pub serial_number: String,
}

/// The reply to [`GetUserMFAInfo`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GetUserMFAInfoReply {
    /// The device that is bound.
    #[serde(rename = "MFADevice")]
    pub mfa_device: BoundMFADevice,
}

/// An MFA device with its type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BoundMFADevice {
    /// The serial number.
    pub serial_number: String,
    /// `VMFA`, for a virtual device.
    #[serde(rename = "Type")]
    pub kind: String,
}
