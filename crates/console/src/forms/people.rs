//! Forms for users, groups, access keys, login profiles, MFA devices and the account.

use bulla_kms::Enrolment;
use bulla_wire::ram;
use bulla_wire::{Parameters, Product, Reply};
use maud::{Markup, html};
use zeroize::Zeroizing;

use super::control::Control::{Choice, Clearable, Known, Line, Secret};
use super::second::{File, Second};
use super::suggest::{GROUPS, USERS};
use super::{Denied, Field, Form, Then, find};
use crate::context::Context;
use crate::layout::{facts, token};
use crate::qr;
use crate::sign_in::code_field;
use crate::texts::{self, Text, text};

pub(super) const FORMS: &[Form] = &[
    Form::ram("CreateUser", text("Create a user", "创建用户"))
        .about(
            "A new user has no permissions. Attach policies to it or to one of its groups, and then create an access key for \
             programs or a password for this console.",
            "新用户没有任何权限。请直接或通过用户组为其授予权限策略，再创建供程序使用的访问密钥或用于登录本控制台的密码。",
        )
        .fields(&[
            Field::needed("UserName", texts::USER_NAME, Line),
            Field::optional("DisplayName", DISPLAY_NAME, Line),
            Field::optional("Email", EMAIL, Line),
            Field::optional("MobilePhone", PHONE, Line),
            Field::optional("Comments", COMMENTS, Line),
        ])
        .then(Then::Made("users", "/User/UserName")),
    Form::ram("UpdateUser", text("Edit or rename", "编辑或重命名"))
        .about(
            "The user keeps its id, and with it access keys, groups and policies.",
            "重命名后用户的 ID、访问密钥、用户组和权限策略保持不变。",
        )
        .fields(&[
            Field::hidden("UserName"),
            Field::needed("NewUserName", texts::USER_NAME, Line),
            Field::optional("NewDisplayName", DISPLAY_NAME, Line),
            Field::optional("NewEmail", EMAIL, Clearable),
            Field::optional("NewMobilePhone", PHONE, Clearable),
            Field::optional("NewComments", COMMENTS, Clearable),
        ])
        .now(
            "GetUser",
            &[
                ("NewUserName", "/User/UserName"),
                ("NewDisplayName", "/User/DisplayName"),
                ("NewEmail", "/User/Email"),
                ("NewMobilePhone", "/User/MobilePhone"),
                ("NewComments", "/User/Comments"),
            ],
        )
        .then(Then::Made("users", "/User/UserName")),
    Form::ram("DeleteUser", text("Delete the user", "删除用户"))
        .about(
            "First remove its groups, policies, access keys and password.",
            "删除前请先移除该用户的用户组、权限策略、访问密钥和登录密码。",
        )
        .fields(USER)
        .confirmed("UserName")
        .then(Then::List("users")),
    Form::ram("CreateLoginProfile", text("Set a password", "设置登录密码"))
        .about("The user signs in to this console with it.", "用户凭此密码登录本控制台。")
        .fields(&[
            Field::hidden("UserName"),
            Field::needed("Password", texts::PASSWORD, Secret),
            Field::optional("PasswordResetRequired", RESET, Choice(YES_OR_NO)),
            Field::optional("MFABindRequired", MFA, Choice(YES_OR_NO)),
        ])
        .then(OF_USER),
    Form::ram("UpdateLoginProfile", text("Change the password", "修改登录密码"))
        .about(
            "A new password ends the sessions of the user in this console.",
            "修改密码后，该用户在本控制台的会话立即结束。",
        )
        .fields(&[
            Field::hidden("UserName"),
            Field::optional("Password", texts::NEW_PASSWORD, Secret),
            Field::optional("PasswordResetRequired", RESET, Choice(YES_OR_NO)),
            Field::optional("MFABindRequired", MFA, Choice(YES_OR_NO)),
        ])
        .now(
            "GetLoginProfile",
            &[
                ("PasswordResetRequired", "/LoginProfile/PasswordResetRequired"),
                ("MFABindRequired", "/LoginProfile/MFABindRequired"),
            ],
        )
        .then(OF_USER),
    Form::ram("DeleteLoginProfile", text("Remove the password", "移除登录密码"))
        .about(
            "The user can no longer sign in to this console. Access keys keep working.",
            "移除后该用户不能再登录本控制台，访问密钥仍然有效。",
        )
        .fields(USER)
        .confirmed("UserName")
        .then(OF_USER),
    Form::ram("CreateVirtualMFADevice", text("Create an MFA device", "创建 MFA 设备"))
        .about(
            "The next page shows the key of the device once, for the authenticator app of the user, and binds the device \
             by two codes. A user can also set up a device under “Account”.",
            "下一页将显示一次设备密钥，供用户的身份验证器使用，并通过两个验证码完成绑定。用户也可以在“账号”页面自行设置设备。",
        )
        .fields(&[Field::needed("VirtualMFADeviceName", texts::NAME, Line)])
        .then(Then::Shown(mfa_device)),
    Form::ram("BindMFADevice", texts::MFA_DEVICE_BIND)
        .about(
            "Enter two consecutive codes of the device. From then on, the user needs a code to sign in.",
            "请依次输入设备显示的两个连续的验证码。绑定后，该用户登录时须输入验证码。",
        )
        .fields(&[
            Field::hidden("SerialNumber"),
            Field::needed("UserName", texts::USER_NAME, Known(USERS)),
            Field::needed("AuthenticationCode1", texts::CODE_FIRST, Line),
            Field::needed("AuthenticationCode2", texts::CODE_SECOND, Line),
        ])
        .then(OF_USER),
    Form::ram("UnbindMFADevice", text("Unbind the MFA device", "解绑 MFA 设备"))
        .about(
            "The user then signs in without a code. Sessions that used a code of this device end.",
            "解绑后，该用户登录时不再需要验证码，已通过此设备验证的会话立即结束。",
        )
        .fields(USER)
        .confirmed("UserName")
        .then(OF_USER),
    Form::ram("DeleteVirtualMFADevice", text("Delete the MFA device", "删除 MFA 设备"))
        .about("Its key is lost. Unbind a bound device first.", "设备密钥将丢失。已绑定的设备须先解绑。")
        .fields(&[Field::hidden("SerialNumber")])
        .confirmed("SerialNumber")
        .then(Then::List("account")),
    Form::ram("CreateAccessKey", text("Create an access key", "创建访问密钥"))
        .about(
            "Its secret is shown once, here or in the file. It cannot be shown again later.",
            "访问密钥 Secret（AccessKey Secret）只显示一次，之后无法再查看，请立即保存。",
        )
        .fields(&[Field::hidden_optional("UserName")])
        .second(Second::Download(access_key_file))
        .then(Then::Shown(access_key)),
    Form::ram("UpdateAccessKey", text("Enable or disable the access key", "启用或禁用访问密钥"))
        .fields(&[
            Field::hidden_optional("UserName"),
            Field::hidden("UserAccessKeyId"),
            Field::needed("Status", texts::STATE, Choice(STATUSES)),
        ])
        .then(OF_HOLDER),
    Form::ram("DeleteAccessKey", text("Delete the access key", "删除访问密钥"))
        .about(
            "Requests with it are refused at once. Disable it first to find out whether a program still uses it.",
            "使用该密钥的程序会立即被拒绝。建议先禁用，确认不再有程序使用后再删除。",
        )
        .fields(&[Field::hidden_optional("UserName"), Field::hidden("UserAccessKeyId")])
        .confirmed("UserAccessKeyId")
        .then(OF_HOLDER),
    Form::ram("CreateGroup", text("Create a group", "创建用户组"))
        .about(
            "All users of a group have the policies of the group.",
            "用户组中的所有用户都拥有该组的权限策略。",
        )
        .fields(&[
            Field::needed("GroupName", texts::NAME, Line),
            Field::optional("Comments", COMMENTS, Line),
        ])
        .then(Then::Made("groups", "/Group/GroupName")),
    Form::ram("UpdateGroup", text("Edit or rename", "编辑或重命名"))
        .fields(&[
            Field::hidden("GroupName"),
            Field::needed("NewGroupName", texts::NAME, Line),
            Field::optional("NewComments", COMMENTS, Clearable),
        ])
        .now("GetGroup", &[("NewGroupName", "/Group/GroupName"), ("NewComments", "/Group/Comments")])
        .then(Then::Made("groups", "/Group/GroupName")),
    Form::ram("DeleteGroup", text("Delete the group", "删除用户组"))
        .about("First remove its users and policies.", "删除前请先移除组内的用户和权限策略。")
        .fields(&[Field::hidden("GroupName")])
        .confirmed("GroupName")
        .then(Then::List("groups")),
    Form::ram("AddUserToGroup", text("Add to a group", "添加到用户组")).fields(MEMBERSHIP).then(OF_USER),
    Form::ram("RemoveUserFromGroup", text("Remove from the group", "移出用户组"))
        .about(
            "The user loses the policies of the group, including those that deny.",
            "该用户将失去用户组的权限策略，包括其中的拒绝策略。",
        )
        .fields(MEMBERSHIP)
        .then(OF_USER),
    Form::ram("SetAccountAlias", text("Set the alias of the account", "设置账号别名"))
        .about(
            "3 to 32 lower-case letters, digits and hyphens. Users may sign in as name@alias.",
            "3 至 32 个小写字母、数字或连字符。用户可以用“用户名@账号别名”登录。",
        )
        .fields(&[Field::needed("AccountAlias", texts::ALIAS, Line)])
        .then(Then::List("account")),
    Form::ram("ClearAccountAlias", text("Remove the alias of the account", "移除账号别名"))
        .then(Then::List("account")),
];

const USER: &[Field] = &[Field::hidden("UserName")];
const MEMBERSHIP: &[Field] = &[
    Field::needed("UserName", texts::USER_NAME, Known(USERS)),
    Field::needed("GroupName", text("Group", "用户组"), Known(GROUPS)),
];
const OF_USER: Then = Then::Of("users", "UserName");
/// The page of the user, or of the account for the caller's own access keys, which name no user.
const OF_HOLDER: Then = Then::OneOf(&[("users", "UserName"), ("account", "")]);

const DISPLAY_NAME: Text = text("Display name", "显示名称");
const EMAIL: Text = text("E-mail address", "邮箱");
const PHONE: Text = text("Phone, such as 86-13800000000", "手机号，例如 86-13800000000");
const COMMENTS: Text = text("Comments", "备注");
const RESET: Text = text("The user has to choose another one at the next sign-in", "下次登录时必须重置密码");
const MFA: Text = text("The user has to bind an MFA device", "必须绑定 MFA 设备");
const YES_OR_NO: &[(&str, Text)] = &[("true", text("Yes", "是")), ("false", text("No", "否"))];
const STATUSES: &[(&str, Text)] =
    &[("Active", text("Active", "启用")), ("Inactive", text("Inactive", "禁用"))];

/// Shows a new access key, whose secret is shown only this once.
fn access_key(context: &Context<'_>, reply: &Reply) -> Option<Markup> {
    let Reply::Ram(ram::Reply::CreateAccessKey(reply)) = reply else { return None };
    let key = &reply.access_key;
    let once = text(
        "Copy the secret now: it is shown only once. If it is lost, delete this access key and create another one.",
        "请立即复制并妥善保存：AccessKey Secret 只显示这一次。如果丢失，请删除此访问密钥并重新创建。",
    );
    Some(html! {
        p.problem role="status" { (context.text(once)) }
        (facts(&context.view, &[
            (texts::ACCESS_KEY_ID, html! { code { (key.access_key_id) } }),
            (texts::ACCESS_KEY_SECRET, html! { code { (context.view.secret(key.access_key_secret.expose())) } }),
        ]))
    })
}

/// Shows a new MFA device, whose seed is shown only this once, and the form that binds it.
fn mfa_device(context: &Context<'_>, reply: &Reply) -> Option<Markup> {
    let Reply::Ram(ram::Reply::CreateVirtualMFADevice(reply)) = reply else { return None };
    let device = &reply.virtual_mfa_device;
    let name = device.serial_number.rsplit('/').next().unwrap_or_default();
    let label = format!("{name}@{}", context.kms.account());
    let Enrolment { seed, qr_code } = Enrolment::new(device.base32_string_seed.clone(), &label);
    let bind = find(Product::Ram, "BindMFADevice")?;
    let mut fields = Parameters::default();
    fields.set("SerialNumber", &*device.serial_number);
    let denied = Denied::of(context, bind, &fields);
    Some(html! {
        p.problem role="status" { (context.text(texts::MFA_DEVICE_SCAN)) }
        (qr::picture(&context.view, &qr_code, texts::MFA_DEVICE_QR))
        (facts(&context.view, &[
            (texts::NAME, html! { code { (device.serial_number) } }),
            (texts::MFA_DEVICE_SEED, html! { code { (context.view.secret(seed.expose())) } }),
        ]))
        form.fields method="post" action=(bind.path()) autocomplete="off" {
            (token(&context.view))
            input type="hidden" name="SerialNumber" value=(device.serial_number);
            div.field {
                label for="UserName" { (context.text(texts::USER_NAME)) }
                input id="UserName" name="UserName" value=(name) required spellcheck="false" autocapitalize="none";
            }
            (code_field(&context.view, "AuthenticationCode1", texts::CODE_FIRST))
            (code_field(&context.view, "AuthenticationCode2", texts::CODE_SECOND))
            div.buttons {
                button aria-describedby=[denied.described_by()] { (context.text(bind.title)) }
                (denied.mark(context))
            }
        }
    })
}

/// Returns a new access key in the CSV format of the cloud's console.
fn access_key_file(reply: &Reply) -> Option<File> {
    let Reply::Ram(ram::Reply::CreateAccessKey(reply)) = reply else { return None };
    let key = &reply.access_key;
    let parts = [
        "AccessKey ID,AccessKey Secret\r\n",
        &key.access_key_id,
        ",",
        key.access_key_secret.expose(),
        "\r\n",
    ];
    let mut content = Zeroizing::new(String::with_capacity(parts.iter().map(|part| part.len()).sum()));
    parts.iter().for_each(|part| content.push_str(part));
    Some(File { name: format!("AccessKey-{}.csv", key.access_key_id), content })
}
