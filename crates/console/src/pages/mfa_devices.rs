//! MFA devices: of a user, of the caller, and all of the account.

use bulla_kms::{Caller, On, Proof};
use bulla_wire::Product;
use bulla_wire::ram::{GetUserMFAInfo, ListVirtualMFADevices, VirtualMFADevice};
use maud::{Markup, html};

use super::parts::{named, section, table_or};
use crate::context::Context;
use crate::layout::foreign;
use crate::offers::offer;
use crate::paths::path;
use crate::texts::{self, text};
use crate::times::time;

/// Shows the device of a user.
pub(super) async fn of_user(context: &Context<'_>, user: &str) -> Markup {
    let reply = match context.ask(GetUserMFAInfo { user_name: user.to_owned() }).await {
        Ok(reply) => Ok(Some(reply.mfa_device)),
        Err(error) if error.status() == NOT_FOUND => Ok(None),
        Err(error) => Err(error),
    };
    let name = user.replace('_', "-"); // names of devices may not contain `_`
    section(context, texts::MFA_DEVICE, &reply, |device| match device {
        None => html! {
            p { (context.text(text("The user has no MFA device.", "该用户没有 MFA 设备。"))) }
            div.buttons {
                (offer(context, Product::Ram, "CreateVirtualMFADevice", On::MfaDevices, &[("VirtualMFADeviceName", &name)]))
            }
        },
        Some(device) => html! {
            p { code { (foreign(&device.serial_number)) } }
            div.buttons { (offer(context, Product::Ram, "UnbindMFADevice", On::User(user), &[("UserName", user)])) }
        },
    })
}

/// Shows a link to the caller's own device, if the caller is a user who signed in with a password.
pub(super) fn own(context: &Context<'_>) -> Markup {
    let Caller::User { proof: Proof::Password { mfa }, .. } = context.origin.caller() else {
        return html! {};
    };
    let action = if *mfa { texts::MFA_DEVICE_REMOVE } else { texts::MFA_DEVICE_NEW };
    html! {
        h2 { (context.text(text("Your MFA device", "你的 MFA 设备"))) }
        p { (context.text(if *mfa { texts::MFA_DEVICE_BOUND } else { texts::MFA_DEVICE_ABOUT })) }
        div.buttons { a.action href=(path("device", &[])) { (context.text(action)) } }
    }
}

/// Shows all devices of the account.
pub(super) async fn all(context: &Context<'_>) -> Markup {
    let reply = context.ask(ListVirtualMFADevices {}).await;
    let heads = [texts::NAME, texts::USER_NAME, text("Bound", "绑定时间"), texts::ACTIONS];
    section(context, text("MFA devices", "MFA 设备"), &reply, |reply| {
        let devices = &reply.virtual_mfa_devices.virtual_mfa_device;
        let rows: Vec<_> = devices.iter().map(|device| row(context, device)).collect();
        table_or(context, &heads, &rows, text("There are no MFA devices.", "还没有 MFA 设备。"))
    })
}

fn row(context: &Context<'_>, device: &VirtualMFADevice) -> Vec<Markup> {
    let serial_number = &*device.serial_number;
    let action = match &device.user {
        Some(user) => offer(
            context,
            Product::Ram,
            "UnbindMFADevice",
            On::User(&user.user_name),
            &[("UserName", &user.user_name)],
        ),
        None => html! {
            (offer(context, Product::Ram, "BindMFADevice", On::MfaDevice(serial_number), &[("SerialNumber", serial_number)]))
            " "
            (offer(context, Product::Ram, "DeleteVirtualMFADevice", On::MfaDevice(serial_number), &[("SerialNumber", serial_number)]))
        },
    };
    vec![
        foreign(serial_number),
        device.user.as_ref().map(|user| named("users", &user.user_name)).unwrap_or_default(),
        device.activate_date.map(time).unwrap_or_default(),
        action,
    ]
}

const NOT_FOUND: u16 = 404;

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use crate::testing::{Browser, Page};
    use crate::totp;

    /// Returns the seed that a page shows.
    fn seed(page: &Page) -> String {
        let is_seed = |text: &&str| {
            text.len() == 32 && text.bytes().all(|byte| b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".contains(&byte))
        };
        page.html.split(['<', '>']).find(is_seed).unwrap_or_else(|| panic!("no seed: {page:?}")).to_owned()
    }

    fn now() -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
    }

    #[test]
    fn a_device_is_made_bound_and_unbound_by_an_administrator() {
        let owner = Browser::owner();
        owner.post("/console/do/ram/CreateUser", &[("UserName", "ann")]);
        let page = owner.get("/console/users/ann");
        assert!(page.has("The user has no MFA device"), "{page:?}");
        assert!(owner.in_chinese().get("/console/users/ann").has("该用户没有 MFA 设备"));

        let page = owner.post("/console/do/ram/CreateVirtualMFADevice?VirtualMFADeviceName=ann", &[]);
        assert!(page.has("<svg class=\"qr\"") && page.has("shown only once"), "{page:?}");
        let seed = seed(&page);
        let bind = "/console/do/ram/BindMFADevice";
        let mut fields = page.form(bind);
        assert_eq!(fields.get("UserName"), Some("ann"));
        fields.set("AuthenticationCode1", "000000");
        fields.set("AuthenticationCode2", "000000");
        let send = |fields: &bulla_wire::Parameters| owner.send(&http::Method::POST, bind, &fields.encode());
        assert_eq!(send(&fields).status, http::StatusCode::FORBIDDEN);
        let now = now();
        fields.set("AuthenticationCode1", totp::code(&seed, now - 30));
        fields.set("AuthenticationCode2", totp::code(&seed, now));
        assert_eq!(send(&fields).status, http::StatusCode::SEE_OTHER);

        let page = owner.get("/console/users/ann");
        assert!(page.has(":mfa/ann") && !page.has(&seed), "{page:?}");
        assert!(owner.get("/console/account").has(r#"href="/console/users/ann""#));
        let page = owner.post("/console/do/ram/UnbindMFADevice?UserName=ann", &[("confirmation", "ann")]);
        assert!(page.has("The user has no MFA device"), "{page:?}");
        let serial = "acs:ram::111122223333:mfa/ann";
        let to = format!("/console/do/ram/DeleteVirtualMFADevice?SerialNumber={serial}");
        assert!(owner.post(&to, &[("confirmation", serial)]).has("There are no MFA devices"));
        assert!(owner.in_chinese().get("/console/account").has("还没有 MFA 设备"));
    }

    #[test]
    fn a_caller_sees_which_devices_are_hidden() {
        let owner = Browser::owner();
        let policy =
            r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"ram:GetUser","Resource":"*"}]}"#;
        let ann = owner.user("ann", policy);
        for at in ["/console/users/ann", "/console/account"] {
            let page = ann.get(at);
            assert!(page.html.split("MFA device").nth(1).unwrap().contains("not allowed"), "{page:?}");
        }
        assert!(!ann.get("/console/account").has("/console/device"), "signed in by an access key");
        assert_eq!(ann.get("/console/device").status, http::StatusCode::NOT_FOUND);
    }
}
