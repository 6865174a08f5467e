//! The actions on MFA devices: CreateVirtualMFADevice, DeleteVirtualMFADevice, ListVirtualMFADevices, BindMFADevice,
//! UnbindMFADevice, GetUserMFAInfo.
//!
//! An unbound device can be bound again: its row keeps the used codes, and binding takes two unused ones.

use bulla_wire::ram::{
    BindMFADevice, BoundMFADevice, CreateVirtualMFADevice, CreateVirtualMFADeviceReply,
    DeleteVirtualMFADevice, Done, GetUserMFAInfo, GetUserMFAInfoReply, ListVirtualMFADevices,
    ListVirtualMFADevicesReply, MFADeviceUser, NewVirtualMFADevice, UnbindMFADevice, UnbindMFADeviceReply,
    UnboundMFADevice, VirtualMFADevice, VirtualMFADeviceList,
};
use bulla_wire::{Error, ErrorCode, SecretText, Timestamp};

use super::refusal::parse_name;
use crate::authorize::{Container, View};
use crate::mfa::{Code, Enrolment, Seed};
use crate::people::{DeviceName, MfaDevice, User};
use crate::session::Session;
use crate::state::{Row, Write};

pub(in crate::actions) async fn create(
    session: &Session<'_, CreateVirtualMFADevice>,
) -> Result<CreateVirtualMFADeviceReply, Error> {
    let name: DeviceName = parse_name("VirtualMFADeviceName", &session.request.virtual_mfa_device_name)?;
    let seed = Seed::random();
    session
        .change(|state| {
            let devices = state.every(Container::MfaDevices)?;
            if state.is_name_taken::<MfaDevice>(&devices, &name.key) {
                return Err(ErrorCode::EntityAlreadyExistsVirtualMfaDevice.into());
            }
            if state.count::<MfaDevice>(&devices) >= state.quotas().mfa_devices {
                return Err(ErrorCode::LimitExceededVirtualMfaDevice.into());
            }
            let device = state.keyring().mfa_device(name.clone(), &seed, state.now());
            Ok(devices.changes([(Write::MfaDevice(device), 0)]).answering(()))
        })
        .await?;
    let label = format!("{name}@{}", session.account());
    let Enrolment { seed, qr_code } = Enrolment::new(seed.base32(), &label);
    let serial_number = serial_number(session, name.as_str());
    let virtual_mfa_device =
        NewVirtualMFADevice { serial_number, base32_string_seed: seed, qr_code_png: qr_code.png() };
    Ok(CreateVirtualMFADeviceReply { virtual_mfa_device })
}

pub(in crate::actions) async fn delete(session: &Session<'_, DeleteVirtualMFADevice>) -> Result<Done, Error> {
    session
        .change(|state| {
            let device = state.mfa_device(&session.request.serial_number)?;
            if device.record.user.is_some() {
                return Err(ErrorCode::DeleteConflictVirtualMfaDeviceUser.into());
            }
            let removal = Write::NoMfaDevice(device.record.name.key.clone());
            Ok(device.changes([(removal, device.revision)]).answering(Done {}))
        })
        .await
}

pub(in crate::actions) async fn list(
    session: &Session<'_, ListVirtualMFADevices>,
) -> Result<ListVirtualMFADevicesReply, Error> {
    let devices = session.listing::<MfaDevice>(&session.every(Container::MfaDevices)?);
    let account = session.account().to_owned();
    // The reply is not paged, so it runs on another thread, and other requests do not wait.
    let search = move || {
        let entry = |row: &Row<MfaDevice>| listed(&account, &row.record, devices.user_of(&row.record));
        devices.rows_after(None).map(entry).collect()
    };
    let virtual_mfa_device = session.search(search).await?;
    Ok(ListVirtualMFADevicesReply { virtual_mfa_devices: VirtualMFADeviceList { virtual_mfa_device } })
}

pub(in crate::actions) async fn bind(session: &Session<'_, BindMFADevice>) -> Result<Done, Error> {
    let request = session.request;
    let codes = [code(&request.authentication_code1)?, code(&request.authentication_code2)?];
    session
        .change(|state| {
            let user = state.ask_user(&request.user_name)?;
            let device = state.ask_mfa_device(&request.serial_number)?;
            let user = user?;
            let device = device?;
            if user.record.mfa.is_some() {
                return Err(ErrorCode::EntityAlreadyExistsUserMfaDevice.into());
            }
            if device.record.user.is_some() {
                return Err(ErrorCode::EntityAlreadyExistsVirtualMfaDeviceUser.into());
            }
            let seed = state.keyring().seed_of(&device.record)?;
            let spent = seed.step_of_pair(&codes, state.now(), device.record.spent);
            let spent = spent.ok_or(ErrorCode::CheckAuthenticationCodeFail)?;
            let (bound, binding) = device.record.bound_to(user.record.id, spent, state.now());
            let mut changed = User::clone(&user.record);
            changed.mfa = Some(binding);
            let changes = device.changes([(Write::MfaDevice(bound), device.revision)]);
            Ok(user.replaced(changed).and(changes).answering(Done {}))
        })
        .await
}

pub(in crate::actions) async fn unbind(
    session: &Session<'_, UnbindMFADevice>,
) -> Result<UnbindMFADeviceReply, Error> {
    session
        .change(|state| {
            let user = state.user(&session.request.user_name)?;
            let device = state.mfa_device_of(&user)?.ok_or(ErrorCode::EntityNotExistUserMfaDevice)?;
            let serial_number = serial_number(state, device.record.name.as_str());
            let mut changed = User::clone(&user.record);
            changed.mfa = None;
            let writes = [
                (Write::MfaDevice(device.record.unbound()), device.revision),
                (Write::User(changed), user.revision),
            ];
            let reply = UnbindMFADeviceReply { mfa_device: UnboundMFADevice { serial_number } };
            Ok(user.changes(writes).answering(reply))
        })
        .await
}

pub(in crate::actions) async fn info(
    session: &Session<'_, GetUserMFAInfo>,
) -> Result<GetUserMFAInfoReply, Error> {
    let user = session.user(&session.request.user_name)?;
    let device = session.mfa_device_of(&user)?.ok_or(ErrorCode::EntityNotExistUserMfaDevice)?;
    let serial_number = serial_number(session, device.record.name.as_str());
    Ok(GetUserMFAInfoReply { mfa_device: BoundMFADevice { serial_number, kind: VIRTUAL.into() } })
}

fn code(text: &SecretText) -> Result<Code, Error> {
    text.expose().parse().map_err(|_| ErrorCode::AuthenticationCodeFormat.into())
}

fn serial_number(view: &View<'_>, name: &str) -> String {
    MfaDevice::serial_number(view.account(), name)
}

fn listed(account: &str, device: &MfaDevice, user: Option<&Row<User>>) -> VirtualMFADevice {
    let user = user.map(|row| &row.record);
    let bound = user.and_then(|user| user.mfa.as_ref()).map(|mfa| mfa.bound);
    VirtualMFADevice {
        serial_number: MfaDevice::serial_number(account, device.name.as_str()),
        activate_date: bound.map(Timestamp::from_unix),
        user: user.map(|user| MFADeviceUser {
            user_id: user.id.to_string(),
            user_name: user.name.to_string(),
            display_name: user.profile.display_name.to_string(),
        }),
    }
}

/// The kind of all devices.
const VIRTUAL: &str = "VMFA";
