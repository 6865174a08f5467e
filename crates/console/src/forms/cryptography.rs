//! Forms to try out cryptographic operations. The result shows the reply and the equivalent commands.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bulla_wire::{Reply, kms};
use maud::{Markup, html};
use zeroize::Zeroizing;

use super::control::Control::{Area, Base64, Check, Choice, Digest, Known, Line, Members, Number};
use super::suggest::ALIASES;
use super::{Field, Form};
use crate::context::Context;
use crate::texts::{Text, text};

pub(super) const FORMS: &[Form] = &[
    Form::kms("Encrypt", text("Encrypt a text", "加密文本"))
        .about(
            "For small secrets. For files and records, generate a data key and encrypt with it.",
            "适用于较小的敏感数据。加密文件和记录时，请生成数据密钥，再用数据密钥加密。",
        )
        .fields(&[KEY, Field::needed("Plaintext", text("Text", "文本"), Base64), CONTEXT]),
    Form::kms("Decrypt", text("Decrypt", "解密"))
        .about(
            "The ciphertext names its key. The encryption context must be the one that it was encrypted with.",
            "密文自身记录了所用的密钥。加密上下文必须与加密时一致。",
        )
        .fields(&[CIPHERTEXT, CONTEXT]),
    Form::kms("GenerateDataKey", text("Generate a data key", "生成数据密钥"))
        .about(
            "Encrypt with the plaintext key, then erase it; keep the ciphertext beside the data. Decrypt returns the plaintext key.",
            "用明文数据密钥加密数据后立即清除它，并将密文与数据一起保存；解密时用 Decrypt 取回明文数据密钥。",
        )
        .fields(&[KEY, DATA_KEY_SPEC, BYTES, CONTEXT]),
    Form::kms(
        "GenerateDataKeyWithoutPlaintext",
        text("Generate a data key without its plaintext", "生成数据密钥（不返回明文）"),
    )
    .about(
        "For programs that generate data keys which other programs use.",
        "适用于只分发数据密钥、自身不使用明文的程序。",
    )
    .fields(&[KEY, DATA_KEY_SPEC, BYTES, CONTEXT]),
    Form::kms("AsymmetricSign", text("Sign a text", "对文本签名"))
        .about(
            "The server computes the digest of the text: SHA-256, or for SM2 the SM3 digest of the signer's identity, the public key and the text. A program computes the digest and sends only that.",
            "服务器计算文本的摘要：SHA-256；对于 SM2，则为签名者标识、公钥和文本的 SM3 摘要。程序应自行计算，只发送摘要。",
        )
        .fields(&[KEY, KEY_VERSION, SIGNATURE, Field::needed("Digest", text("Text", "文本"), Digest)]),
    Form::kms("AsymmetricVerify", text("Verify a signature", "验证签名")).fields(&[
        KEY,
        KEY_VERSION,
        SIGNATURE,
        Field::needed("Digest", text("Text", "文本"), Digest),
        Field::needed("Value", text("Signature, as Base64", "签名（Base64）"), Area),
    ]),
    Form::kms("AsymmetricEncrypt", text("Encrypt by a public key", "公钥加密")).fields(&[
        KEY,
        KEY_VERSION,
        ENCRYPTION,
        Field::needed("Plaintext", text("Text", "文本"), Base64),
    ]),
    Form::kms("AsymmetricDecrypt", text("Decrypt by the private key", "私钥解密")).fields(&[
        KEY,
        KEY_VERSION,
        ENCRYPTION,
        CIPHERTEXT,
    ]),
    Form::kms("GenerateMac", text("Authenticate a message", "生成消息认证码")).fields(&[
        KEY,
        MAC,
        Field::needed("Message", text("Message", "消息"), Base64),
    ]),
    Form::kms("VerifyMac", text("Verify a message", "验证消息认证码")).fields(&[
        KEY,
        MAC,
        Field::needed("Message", text("Message", "消息"), Base64),
        Field::needed("Mac", text("Code, as Base64", "认证码（Base64）"), Area),
    ]),
    Form::kms("GetRandomPassword", text("Generate a random password", "生成随机密码")).fields(&[
        Field::optional("PasswordLength", text("Length (8 to 128)", "长度（8 至 128）"), Number),
        Field::optional("ExcludeCharacters", text("Excluded characters", "排除的字符"), Line),
        Field::optional("ExcludePunctuation", text("Without punctuation", "不含标点符号"), Check),
        Field::optional("ExcludeUppercase", text("Without upper case", "不含大写字母"), Check),
        Field::optional("ExcludeLowercase", text("Without lower case", "不含小写字母"), Check),
        Field::optional("ExcludeNumbers", text("Without digits", "不含数字"), Check),
    ]),
];

const KEY: Field = Field::needed("KeyId", text("Key: an alias or id", "密钥（别名或 ID）"), Known(ALIASES));
const KEY_VERSION: Field = Field::needed(
    "KeyVersionId",
    text("Version id (on the page of the key)", "密钥版本 ID（见密钥页面）"),
    Line,
);
const CIPHERTEXT: Field =
    Field::needed("CiphertextBlob", text("Ciphertext, as Base64", "密文（Base64）"), Area);
const CONTEXT: Field = Field::optional(
    "EncryptionContext",
    text("Encryption context: bound to the ciphertext, not secret", "加密上下文（与密文绑定，不保密）"),
    Members,
);
const BYTES: Field =
    Field::optional("NumberOfBytes", text("Bytes (1 to 1024)", "字节数（1 至 1024）"), Number);
const DATA_KEY_SPEC: Field = Field::optional(
    "KeySpec",
    text("Length", "数据密钥长度"),
    Choice(&[("AES_256", text("256 bits", "256 位")), ("AES_128", text("128 bits", "128 位"))]),
);

const SIGNATURE: Field = algorithm(&[
    ("RSA_PSS_SHA_256", same("RSA_PSS_SHA_256")),
    ("RSA_PKCS1_SHA_256", same("RSA_PKCS1_SHA_256")),
    ("ECDSA_SHA_256", same("ECDSA_SHA_256")),
    ("SM2DSA", same("SM2DSA")),
]);
const ENCRYPTION: Field = algorithm(&[
    ("RSAES_OAEP_SHA_256", same("RSAES_OAEP_SHA_256")),
    ("RSAES_OAEP_SHA_1", same("RSAES_OAEP_SHA_1")),
    ("SM2PKE", same("SM2PKE")),
]);
const MAC: Field = algorithm(&[
    ("HMAC_SHA_256", same("HMAC_SHA_256")),
    ("HMAC_SHA_384", same("HMAC_SHA_384")),
    ("HMAC_SHA_512", same("HMAC_SHA_512")),
    ("HMAC_SM3", same("HMAC_SM3")),
]);

const fn algorithm(choices: &'static [(&'static str, Text)]) -> Field {
    Field::needed("Algorithm", text("Algorithm", "算法"), Choice(choices))
}

/// Returns a name of the API, which is the same in both languages.
const fn same(name: &'static str) -> Text {
    text(name, name)
}

/// Shows the decrypted text, if it is readable.
pub(super) fn plaintext(context: &Context<'_>, reply: &Reply) -> Option<Markup> {
    let plaintext = match reply {
        Reply::Kms(kms::Reply::Decrypt(reply)) => &reply.plaintext,
        Reply::Kms(kms::Reply::AsymmetricDecrypt(reply)) => &reply.plaintext,
        _ => return None,
    };
    let bytes = Zeroizing::new(BASE64_STANDARD.decode(plaintext.expose()).ok()?);
    let readable = str::from_utf8(&bytes).ok()?;
    let is_binary = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t');
    (!readable.chars().any(is_binary)).then(|| {
        html! {
            h2 { (context.text(text("Text", "文本"))) }
            pre tabindex="0" { bdi { (context.view.secret(readable)) } }
        }
    })
}
