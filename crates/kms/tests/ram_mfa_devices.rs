//! Virtual MFA devices: creating them, binding them to users with two codes, and the conflicts of both.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;
#[path = "support/totp.rs"]
mod totp;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bulla_kms::{Quotas, Role};
use serde_json::json;
use support::{Bench, text};

const ALICE: (&str, &str) = ("UserName", "alice");
/// The time at which the clock of a bench begins: 2026-01-01.
const START: u64 = 1_767_225_600;
const PHONE: &str = "acs:ram::111122223333:mfa/Phone.1";

/// Creates a device; returns the seed in the reply.
fn create(bench: &Bench, name: &str) -> String {
    let made = bench.ram("CreateVirtualMFADevice", &[("VirtualMFADeviceName", name)]);
    text(&made["VirtualMFADevice"]["Base32StringSeed"])
}

/// Returns the parameters that bind a device, with the codes of two times.
fn binding<'a>(device: &'a str, user: &'a str, codes: &'a [String; 2]) -> [(&'a str, &'a str); 4] {
    [
        ("SerialNumber", device),
        ("UserName", user),
        ("AuthenticationCode1", &codes[0]),
        ("AuthenticationCode2", &codes[1]),
    ]
}

fn codes(seed: &str, now: u64) -> [String; 2] {
    [now - 30, now].map(|time| totp::code(seed, time))
}

#[test]
fn the_life_of_a_device() {
    let bench = Bench::new();
    bench.ram("CreateUser", &[("UserName", "Alice"), ("DisplayName", "Alice Lee")]);
    let made = bench.ram("CreateVirtualMFADevice", &[("VirtualMFADeviceName", "Phone.1")]);
    let device = &made["VirtualMFADevice"];
    assert_eq!(device["SerialNumber"], PHONE);
    let seed = text(&device["Base32StringSeed"]);
    assert_eq!(seed.len(), 32, "160 bits");
    let png = BASE64_STANDARD.decode(text(&device["QRCodePNG"])).unwrap();
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n") && png.ends_with(b"IEND\xae\x42\x60\x82"));
    assert_eq!(
        bench.ram("ListVirtualMFADevices", &[])["VirtualMFADevices"],
        json!({ "VirtualMFADevice": [{ "SerialNumber": PHONE }] })
    );

    bench.clock.pass(300);
    let now = START + 300;
    bench.ram("BindMFADevice", &binding(PHONE, "alice", &codes(&seed, now)));
    let bench = bench.restarted(Role::Command, false);
    let user_id = text(&bench.ram("GetUser", &[ALICE])["User"]["UserId"]);
    let listed = bench.ram("ListVirtualMFADevices", &[])["VirtualMFADevices"]["VirtualMFADevice"].clone();
    let user = json!({ "UserId": user_id, "UserName": "Alice", "DisplayName": "Alice Lee" });
    assert_eq!(
        listed,
        json!([{ "SerialNumber": PHONE, "ActivateDate": "2026-01-01T00:05:00Z", "User": user }])
    );
    let info = bench.ram("GetUserMFAInfo", &[ALICE]);
    assert_eq!(info["MFADevice"], json!({ "SerialNumber": PHONE, "Type": "VMFA" }));
    assert!(!format!("{listed}{info}").contains(&seed));

    let other = create(&bench, "tablet");
    let tablet = "acs:ram::111122223333:mfa/tablet";
    assert_eq!(
        bench.ram_error("BindMFADevice", &binding(tablet, "alice", &codes(&other, now))),
        "409 EntityAlreadyExists.User.MFADevice: The user has already bound a MFA device."
    );
    bench.ram("CreateUser", &[("UserName", "bob")]);
    assert_eq!(
        bench.ram_error("BindMFADevice", &binding(PHONE, "bob", &codes(&seed, now))),
        "409 EntityAlreadyExists.VirtualMFADevice.User: The virtual mfa device does already been bound to a user."
    );
    assert_eq!(
        bench.ram_error("DeleteVirtualMFADevice", &[("SerialNumber", PHONE)]),
        "409 DeleteConflict.VirtualMFADevice.User: The virtual mfa device CAN NOT been bound to any user while deleting it."
    );
    assert_eq!(
        bench.ram_error("DeleteUser", &[ALICE]),
        "409 DeleteConflict.User.MFADevice: The user CAN NOT has any mfa device while deleting the user."
    );
    assert_eq!(bench.ram("UnbindMFADevice", &[ALICE])["MFADevice"], json!({ "SerialNumber": PHONE }));
    for action in ["UnbindMFADevice", "GetUserMFAInfo"] {
        assert_eq!(
            bench.ram_error(action, &[ALICE]),
            "404 EntityNotExist.User.MFADevice: The user has not bound any MFA device."
        );
    }
    bench.ram("DeleteUser", &[ALICE]);
    bench.ram("DeleteVirtualMFADevice", &[("SerialNumber", PHONE)]);
    assert_eq!(
        bench.ram_error("DeleteVirtualMFADevice", &[("SerialNumber", PHONE)]),
        "404 EntityNotExist.VirtualMFADevice: The virtual mfa device does not exist."
    );
}

#[test]
fn a_device_is_bound_by_two_codes_that_follow_each_other() {
    let bench = Bench::new();
    bench.ram("CreateUser", &[ALICE]);
    let seed = create(&bench, "Phone.1");
    bench.clock.pass(600);
    let now = START + 600;
    let at = |time: u64| totp::code(&seed, time);
    let wrong = [
        [at(now), at(now - 30)],
        [at(now), at(now)],
        [at(now - 60), at(now)],
        [at(now - 120), at(now - 90)],
        [at(now + 30), at(now + 60)],
    ];
    for codes in wrong {
        assert_eq!(
            bench.ram_error("BindMFADevice", &binding(PHONE, "alice", &codes)),
            "403 CheckAuthenticationCodeFail: The authentication code is incorrect."
        );
    }
    for codes in [[at(now), "12345".into()], ["abcdef".into(), at(now)]] {
        assert_eq!(
            bench.ram_error("BindMFADevice", &binding(PHONE, "alice", &codes)),
            "400 InvalidParameter.AuthenticationCode.Format: The parameter - \"AuthenticationCode\" MUST be 6 numbers."
        );
    }
    for (device, user, expected) in [
        ("acs:ram::111122223333:mfa/phone", "alice", "404 EntityNotExist.VirtualMFADevice"),
        ("acs:ram::999:mfa/Phone.1", "alice", "404 EntityNotExist.VirtualMFADevice"),
        ("Phone.1", "alice", "404 EntityNotExist.VirtualMFADevice"),
        (PHONE, "bob", "404 EntityNotExist.User"),
    ] {
        let codes = [at(now - 30), at(now)];
        assert_eq!(bench.ram_code("BindMFADevice", &binding(device, user, &codes)), expected, "{device}");
    }
    bench.ram("BindMFADevice", &binding(&PHONE.replace("Phone", "PHONE"), "alice", &[at(now - 30), at(now)]));

    // The device remains with its used codes: only later codes bind it again.
    bench.ram("UnbindMFADevice", &[ALICE]);
    let again = bench.ram_code("BindMFADevice", &binding(PHONE, "alice", &[at(now - 30), at(now)]));
    assert_eq!(again, "403 CheckAuthenticationCodeFail");
    bench.clock.pass(30);
    let half_new = bench.ram_code("BindMFADevice", &binding(PHONE, "alice", &[at(now), at(now + 30)]));
    assert_eq!(half_new, "403 CheckAuthenticationCodeFail");
    bench.clock.pass(30);
    bench.ram("BindMFADevice", &binding(PHONE, "alice", &[at(now + 30), at(now + 60)]));
}

#[test]
fn a_name_is_taken_in_any_case_and_has_its_own_letters() {
    let bench = Bench::new();
    create(&bench, "Phone.1");
    let code = |name: &str| bench.ram_code("CreateVirtualMFADevice", &[("VirtualMFADeviceName", name)]);
    assert_eq!(code("pHONE.1"), "409 EntityAlreadyExists.VirtualMFADevice");
    for bad in ["a_b", "a b", "a/b", "é"] {
        assert_eq!(code(bad), "400 InvalidParameter.VirtualMFADeviceName.InvalidChars", "{bad}");
    }
    assert_eq!(code(&"a".repeat(65)), "400 InvalidParameter.VirtualMFADeviceName.Length");
    assert_eq!(code(""), "400 MissingParameter");
    create(&bench, &"a".repeat(64));
}

#[test]
fn an_account_has_devices_up_to_its_quota() {
    let bench = Bench::with_quotas(Quotas { mfa_devices: 1, ..Quotas::default() });
    create(&bench, "one");
    assert_eq!(
        bench.ram_error("CreateVirtualMFADevice", &[("VirtualMFADeviceName", "two")]),
        "409 LimitExceeded.VirtualMFADevice: The count of virtual mfa devices beyond the current limits."
    );
}
