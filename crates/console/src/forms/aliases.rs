//! Forms for aliases.

use super::control::Control::{Known, Line};
use super::suggest::KEYS;
use super::{Field, Form, Then};
use crate::texts::{Text, text};

pub(super) const FORMS: &[Form] = &[
    Form::kms("CreateAlias", text("Create an alias", "绑定别名"))
        .about(
            "An alias is a name for the key, such as alias/Apollo/WorkKey.",
            "别名是密钥的名字，例如 alias/Apollo/WorkKey。",
        )
        .fields(&[
            Field::needed("KeyId", KEY, Known(KEYS)),
            Field::needed("AliasName", text("Alias, beginning with alias/", "别名（以 alias/ 开头）"), Line),
        ])
        .then(Then::Of("keys", "KeyId")),
    Form::kms("UpdateAlias", text("Move the alias", "更换别名指向的密钥"))
        .about(
            "The alias then points to the other key. Data that was encrypted through the alias before still needs the old key.",
            "别名从现在起指向另一个密钥。此前通过该别名加密的数据仍需由原来的密钥解密。",
        )
        .fields(&[Field::needed("AliasName", ALIAS, Line), Field::needed("KeyId", KEY, Known(KEYS))])
        .then(Then::Of("keys", "KeyId")),
    Form::kms("DeleteAlias", text("Delete the alias", "删除别名"))
        .about(
            "The key remains. Programs that use this alias fail from then on.",
            "密钥不受影响，但使用该别名的程序将立即失败。",
        )
        .fields(&[Field::hidden("AliasName")])
        .confirmed("AliasName")
        .then(Then::List("aliases")),
];

const KEY: Text = text("Key id", "密钥 ID");
const ALIAS: Text = text("Alias", "别名");
