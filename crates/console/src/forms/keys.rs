//! Forms for keys.

use super::control::Control::{Check, Choice, Clearable, Document, Line, Number, Tags};
use super::{Also, Field, Form, Then, Warning};
use crate::texts::{self, Text, text};

pub(super) const FORMS: &[Form] = &[
    Form::kms("CreateKey", text("Create a key", "创建密钥"))
        .about(
            "The key never leaves this server. Applications send it data keys to wrap and unwrap.",
            "密钥不会离开本服务器。应用把数据密钥交给它加密和解密。",
        )
        .fields(&[
            Field::needed("KeySpec", SPEC, Choice(SPECS)),
            Field::optional("KeyUsage", USAGE, Choice(USAGES)),
            Field::optional("Description", texts::DESCRIPTION, Line),
            Field::optional("EnableAutomaticRotation", text("Rotate automatically", "自动轮转"), Check),
            Field::optional("RotationInterval", INTERVAL, Line),
            Field::needed("Origin", ORIGIN, Choice(ORIGINS)),
            Field::optional("ProtectionLevel", text("Protection level", "保护级别"), Choice(LEVELS)),
            Field::optional("Tags", texts::TAGS, Tags),
            Field::optional(
                "Policy",
                text("Key policy; empty: the policies of the account decide", "密钥策略；留空则由账号的权限策略决定"),
                Document(""),
            ),
        ])
        .also(Also {
            field: Field::optional("AliasName", text("Alias, such as alias/Apollo/WorkKey", "别名，例如 alias/Apollo/WorkKey"), Line),
            action: "CreateAlias",
            subject: ("KeyId", "/KeyMetadata/KeyId"),
        })
        .then(Then::Made("keys", "/KeyMetadata/KeyId")),
    of_key("EnableKey", text("Enable the key", "启用密钥")),
    of_key("DisableKey", text("Disable the key", "禁用密钥")).about(
        "Until you enable it again, it cannot encrypt or decrypt.",
        "在重新启用之前，不能用它加密或解密任何数据。",
    ),
    of_key("UpdateKeyDescription", text("Change the description", "修改描述"))
        .fields(&[KEY_ID, Field::optional("Description", texts::DESCRIPTION, Clearable)])
        .now("DescribeKey", &[("Description", "/KeyMetadata/Description")]),
    of_key("CreateKeyVersion", text("Rotate now", "立即轮转")).about(
        "Creates a new version, which is then used to encrypt. Earlier versions still decrypt.",
        "创建一个新版本，今后用它加密；旧版本仍然可以解密。",
    ),
    of_key("UpdateRotationPolicy", text("Change the rotation", "修改轮转策略"))
        .about(
            "The server creates a new version at each interval. Earlier versions still decrypt.",
            "每隔一个轮转周期创建一个新版本；旧版本仍然可以解密。",
        )
        .fields(&[
            KEY_ID,
            Field::needed("EnableAutomaticRotation", text("Automatic rotation", "自动轮转"), Choice(ON_OR_OFF)),
            Field::optional("RotationInterval", INTERVAL, Line),
        ])
        .now("DescribeKey", &[("RotationInterval", "/KeyMetadata/RotationInterval")]),
    of_key("SetKeyPolicy", text("Edit the policy", "编辑密钥策略"))
        .about(
            "The policy of the key applies together with the policies of users and roles. If it locks you out, only the account's root can change it.",
            "密钥策略与用户、角色的权限策略共同生效。如果策略把你自己也拒之门外，只有主账号能再修改。",
        )
        .fields(&[KEY_ID, Field::needed("Policy", text("Key policy", "密钥策略"), Document(""))])
        .now("GetKeyPolicy", &[("Policy", "/Policy")]),
    of_key("SetDeletionProtection", text("Change the deletion protection", "修改删除保护"))
        .about(
            "A protected key cannot be scheduled for deletion.",
            "开启删除保护的密钥不能计划删除。",
        )
        .fields(&[
            KEY_ID,
            Field::needed("EnableDeletionProtection", text("Deletion protection", "删除保护"), Choice(ON_OR_OFF)),
            Field::optional("DeletionProtectionDescription", text("Why", "说明"), Line),
        ])
        .now("DescribeKey", &[("DeletionProtectionDescription", "/KeyMetadata/DeletionProtectionDescription")]),
    of_key("ScheduleKeyDeletion", text("Schedule the deletion", "计划删除密钥"))
        .about(
            "The key becomes unusable immediately. After the waiting period it is deleted permanently, and data that only it decrypts is lost.",
            "密钥将立即不可使用；等待期过后被永久删除，只有它能解密的数据也随之丢失。",
        )
        .fields(&[
            KEY_ID,
            Field::needed("PendingWindowInDays", text("Waiting period in days (7 to 366)", "等待天数（7 至 366）"), Number),
        ])
        .warning(Warning::LateUse("KeyId"))
        .confirmed("KeyId"),
    of_key("CancelKeyDeletion", text("Cancel the deletion", "取消删除计划")).about(
        "The key is kept, and can be used again immediately.",
        "密钥会保留，并立即可以使用。",
    ),
];

/// Returns the form of an action whose only parameter is a key.
pub(super) const fn of_key(action: &'static str, title: Text) -> Form {
    Form::kms(action, title).fields(&[KEY_ID]).then(Then::Of("keys", "KeyId"))
}

pub(super) const KEY_ID: Field = Field::hidden("KeyId");
const SPEC: Text = text("Type", "密钥规格");
const USAGE: Text = text("Usage", "密钥用途");
const ORIGIN: Text = text("Material", "密钥材料来源");
const INTERVAL: Text = text("Time between rotations, 7d to 730d", "轮转周期（7d 至 730d）");

const ON_OR_OFF: &[(&str, Text)] = &[("true", text("On", "开启")), ("false", text("Off", "关闭"))];

/// The key specs. The first is the default.
pub(crate) const SPECS: &[(&str, Text)] = &[
    ("Aliyun_AES_256", text("AES-256: data keys (Aliyun_AES_256)", "AES-256：数据密钥（Aliyun_AES_256）")),
    ("Aliyun_SM4", text("SM4: data keys (Aliyun_SM4)", "SM4：数据密钥（Aliyun_SM4）")),
    ("RSA_2048", text("RSA 2048", "RSA 2048")),
    ("RSA_3072", text("RSA 3072", "RSA 3072")),
    ("EC_P256", text("ECDSA, NIST P-256", "ECDSA，NIST P-256")),
    ("EC_P256K", text("ECDSA, secp256k1", "ECDSA，secp256k1")),
    ("EC_SM2", text("SM2", "SM2")),
    ("HMAC_SHA256", text("HMAC with SHA-256", "HMAC-SHA256")),
    ("HMAC_SHA384", text("HMAC with SHA-384", "HMAC-SHA384")),
    ("HMAC_SHA512", text("HMAC with SHA-512", "HMAC-SHA512")),
    ("HMAC_SM3", text("HMAC with SM3", "HMAC-SM3")),
];

pub(crate) const USAGES: &[(&str, Text)] = &[
    ("ENCRYPT/DECRYPT", text("Encrypt and decrypt", "加密和解密")),
    ("SIGN/VERIFY", text("Sign and verify, or authenticate messages", "签名和验签，或消息认证")),
];

pub(crate) const ORIGINS: &[(&str, Text)] = &[
    ("Aliyun_KMS", text("Generated by this server", "由本服务器生成")),
    ("EXTERNAL", text("Imported by you", "由你导入")),
];

const LEVELS: &[(&str, Text)] = &[("SOFTWARE", text("Software", "软件"))];
