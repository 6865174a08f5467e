//! Forms that import key material: one gets the wrapping key, the other sends the wrapped material.

use bulla_wire::kms::GetParametersForImportReply;
use bulla_wire::{Parameters, Reply, kms};
use maud::{Markup, html};

use super::control::Control::{Area, Choice, Time};
use super::keys::{KEY_ID, of_key};
use super::{Denied, Field, Form, Then};
use crate::context::Context;
use crate::layout::token;
use crate::texts::{self, Text, text};
use crate::times::time;

pub(super) const FORMS: &[Form] = &[
    Form::kms("GetParametersForImport", text("Import material", "导入密钥材料"))
        .about(
            "First step: the server creates a key pair, and you wrap the material with its public key. The import token is valid for 24 hours.",
            "第一步：服务器生成一对密钥，你用其中的公钥加密密钥材料。随之返回的导入令牌 24 小时内有效。",
        )
        .fields(&[
            KEY_ID,
            Field::needed("WrappingKeySpec", text("Key pair", "公钥类型"), Choice(&[("RSA_2048", text("RSA 2048", "RSA 2048"))])),
            Field::needed("WrappingAlgorithm", text("Wrapping algorithm", "加密算法"), Choice(&[
                (OAEP_SHA_256, text("RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_256")),
                (OAEP_SHA_1, text("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_1")),
            ])),
        ])
        .then(Then::Shown(next_step)),
    of_key("ImportKeyMaterial", text("Import the wrapped material", "导入加密后的密钥材料"))
        .about(
            "Only the same material can be imported again: other material could not decrypt what the key has encrypted.",
            "重新导入时必须使用完全相同的密钥材料，否则无法解密此前加密的数据。",
        )
        .fields(&[
            KEY_ID,
            Field::needed("EncryptedKeyMaterial", WRAPPED, Area),
            Field::needed("ImportToken", TOKEN, Area),
            Field::optional("KeyMaterialExpireUnix", EXPIRES, Time),
        ]),
    of_key("DeleteKeyMaterial", text("Delete the material", "删除密钥材料"))
        .about(
            "The key cannot be used until you import the same material again. Keep a copy of it: the server has none.",
            "在重新导入相同的密钥材料之前，密钥不可使用。请自行保留备份，服务器不会保留。",
        )
        .confirmed("KeyId"),
];

const OAEP_SHA_256: &str = "RSAES_OAEP_SHA_256";
const OAEP_SHA_1: &str = "RSAES_OAEP_SHA_1";
const WRAPPED: Text = text("Wrapped material, as Base64", "加密后的密钥材料（Base64）");
const TOKEN: Text = text("Import token", "导入令牌");
const EXPIRES: Text = text("Expires at (UTC)", "过期时间（UTC）");

/// Shows how to wrap the material, and links to the form that imports it.
fn next_step(context: &Context<'_>, reply: &Reply) -> Option<Markup> {
    let Reply::Kms(kms::Reply::GetParametersForImport(reply)) = reply else { return None };
    let fields = context.request.posted().unwrap_or_default();
    let hash = if fields.get("WrappingAlgorithm") == Some(OAEP_SHA_1) { "sha1" } else { "sha256" };
    Some(html! {
        p {
            (context.text(text("Keep this page open. The token expires: ", "请不要关闭本页面。令牌过期时间：")))
            (time(reply.token_expire_time))
        }
        h2 { (context.text(text("Wrap the material", "加密密钥材料"))) }
        p { (context.text(text(
            "Run this on the machine that has the material in the file material.bin: 32 bytes for AES-256, 16 for SM4. If you have none, generate it first: openssl rand -out material.bin 32",
            "在保存密钥材料的机器上执行。material.bin 为密钥材料：AES-256 为 32 字节，SM4 为 16 字节；如果还没有，请先用 openssl rand -out material.bin 32 生成。",
        ))) }
        pre tabindex="0" { code { (commands(&reply.public_key, hash)) } }
        h2 { (context.text(text("Import it", "导入"))) }
        (import_form(context, reply))
    })
}

fn commands(public_key: &str, hash: &str) -> String {
    format!(
        "echo '{public_key}' | openssl base64 -d -A -out wrapping.der\n\
         openssl pkeyutl -encrypt -pubin -keyform DER -inkey wrapping.der -in material.bin \\\n  \
         -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:{hash} -pkeyopt rsa_mgf1_md:{hash} | openssl base64 -A"
    )
}

fn import_form(context: &Context<'_>, reply: &GetParametersForImportReply) -> Markup {
    let form = super::find(bulla_wire::Product::Kms, "ImportKeyMaterial").expect("it is in the table");
    let mut fields = Parameters::default();
    fields.set("KeyId", &*reply.key_id);
    let denied = Denied::of(context, form, &fields);
    html! {
        form.fields method="post" action=(form.path()) autocomplete="off" {
            (token(&context.view))
            input type="hidden" name="KeyId" value=(reply.key_id);
            input type="hidden" name="ImportToken" value=(reply.import_token);
            div.field {
                label for="EncryptedKeyMaterial" { (context.text(WRAPPED)) }
                textarea id="EncryptedKeyMaterial" name="EncryptedKeyMaterial" required rows="6" spellcheck="false" {}
            }
            div.field {
                label for="KeyMaterialExpireUnix" { (context.text(EXPIRES)) span.fine { (context.text(texts::OPEN)) (context.text(texts::OPTIONAL)) (context.text(texts::CLOSE)) } }
                input id="KeyMaterialExpireUnix" name="KeyMaterialExpireUnix" type="datetime-local";
            }
            div.buttons {
                button aria-describedby=[denied.described_by()] { (context.text(form.title)) }
                (denied.mark(context))
            }
        }
    }
}
