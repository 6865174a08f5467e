//! Forms of keys and aliases.

use super::control::Control::{Check, Choice, Line, Number, Tags};
use super::{Field, Form, Then};
use crate::texts::{Text, text};

pub(super) const FORMS: &[Form] = &[
    Form::kms("CreateKey", text("Create a key", "创建密钥"))
        .about(
            "The key never leaves this server. Applications send it data keys to wrap and unwrap.",
            "密钥不会离开本服务器。应用把数据密钥交给它加密和解密。",
        )
        .fields(&[
            Field::optional("KeySpec", text("Type", "密钥规格"), Choice(SPECS)),
            Field::optional("KeyUsage", text("Usage", "密钥用途"), Choice(USAGES)),
            Field::optional("Origin", text("Material", "密钥材料来源"), Choice(ORIGINS)),
            Field::optional("Description", DESCRIPTION, Line),
            Field::optional("EnableAutomaticRotation", text("Rotate automatically", "自动轮转"), Check),
            Field::optional("RotationInterval", INTERVAL, Line),
            Field::optional("Tags", text("Tags", "标签"), Tags),
        ])
        .then(Then::Made("keys", "/KeyMetadata/KeyId")),
    of_key("EnableKey", text("Enable the key", "启用密钥")),
    of_key("DisableKey", text("Disable the key", "禁用密钥")).about(
        "Until it is enabled again, nothing is encrypted or decrypted with it.",
        "在重新启用之前，不能用它加密或解密任何数据。",
    ),
    of_key("CreateKeyVersion", text("Rotate now", "立即轮转")).about(
        "Makes a new version, which encrypts from now on. Earlier versions still decrypt.",
        "创建一个新版本，今后用它加密；旧版本仍然可以解密。",
    ),
    of_key("ScheduleKeyDeletion", text("Schedule the deletion", "计划删除密钥"))
        .about(
            "After the days of waiting the key is deleted for good, and so is everything that only it decrypts.",
            "等待期过后密钥将被永久删除，只有它能解密的数据也随之丢失。",
        )
        .fields(&[
            Field::hidden("KeyId"),
            Field::needed(
                "PendingWindowInDays",
                text("Days of waiting (7 to 366)", "等待天数（7 至 366）"),
                Number,
            ),
        ])
        .confirmed("KeyId"),
    of_key("CancelKeyDeletion", text("Cancel the deletion", "取消删除计划")),
    of_key("UpdateKeyDescription", text("Change the description", "修改描述"))
        .fields(&[Field::hidden("KeyId"), Field::needed("Description", DESCRIPTION, Line)]),
    of_key("CreateAlias", text("Give an alias", "绑定别名"))
        .about(
            "An alias is a name for the key, such as alias/Apollo/WorkKey.",
            "别名是密钥的名字，例如 alias/Apollo/WorkKey。",
        )
        .fields(&[
            Field::needed("KeyId", text("Key id", "密钥 ID"), Line),
            Field::needed(
                "AliasName",
                text("Alias, beginning with alias/", "别名（以 alias/ 开头）"),
                Line,
            ),
        ]),
];

/// An action that takes a key and nothing else.
const fn of_key(action: &'static str, title: Text) -> Form {
    Form::kms(action, title).fields(KEY_ID).then(Then::Of("keys", "KeyId"))
}

const KEY_ID: &[Field] = &[Field::hidden("KeyId")];
const DESCRIPTION: Text = text("Description", "描述");
const INTERVAL: Text = text("Time between rotations, such as 90d", "轮转周期，例如 90d");

const SPECS: &[(&str, Text)] = &[
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

const USAGES: &[(&str, Text)] = &[
    ("ENCRYPT/DECRYPT", text("Encrypt and decrypt", "加密和解密")),
    ("SIGN/VERIFY", text("Sign and verify, or authenticate messages", "签名和验签，或消息认证")),
];

const ORIGINS: &[(&str, Text)] = &[
    ("Aliyun_KMS", text("Made by this server", "由本服务器生成")),
    ("EXTERNAL", text("Imported by you", "由您导入")),
];
