//! How programs use a key: examples for the command lines and the official SDKs, with the address of this server and without
//! secrets.
//!
//! Each language has a file. The conformance tests run the examples unchanged against the official clients.

mod commands;
mod go;
mod java;
mod node;
mod python;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bulla_wire::kms::KeyMetadata;
use maud::{Markup, html};

use super::{Purpose, public_key};
use crate::address::{Address, CREDENTIALS, Server};
use crate::context::Context;
use crate::paths::{path, with_query};
use crate::sm2;
use crate::texts::{self, Text, text};

/// The server, the key and the operation of an example.
struct Use<'a> {
    purpose: Purpose,
    /// An alias of the key, or its id.
    key: &'a str,
    /// The version of a key pair.
    version: &'a str,
    /// Empty if the key determines it.
    algorithm: &'static str,
    /// What precedes the message in a digest for SM2, as Base64.
    signer: Option<String>,
    /// The line for a shell after which `bulla` calls this KMS.
    export: String,
    server: Server<'a>,
}

pub(super) async fn show(
    context: &Context<'_>,
    key: &KeyMetadata,
    name: &str,
    version: Option<&str>,
) -> Markup {
    let purpose = Purpose::of(key);
    let algorithm = purpose.algorithm(key).unwrap_or_default();
    let version = version.unwrap_or("VERSION");
    let use_of = Use {
        purpose,
        key: name,
        version,
        algorithm,
        signer: if algorithm == "SM2DSA" { Some(signer(context, key, version).await) } else { None },
        export: Address::of(context).export(),
        server: Server::of(context),
    };
    html! {
        h2 { (context.text(text("Use this key", "使用此密钥"))) }
        p {
            a href=(with_query(&path("try", &[]), &[("key", &key.key_id)])) { (context.text(texts::TRY_IT)) }
            (context.text(text(" in this console, or from a program:", "（在控制台中），或在程序中使用：")))
        }
        @if context.is_embedded() {
            (lines(context, text("Command line", "命令行"), &use_of.own_commands()))
            p.fine { (context.text(SERVE)) }
        } @else {
            p.fine { (context.text(CREDENTIALS)) }
            (lines(context, text("Command line", "命令行"), &use_of.commands()))
            @for (language, code) in [("Python", use_of.python()), ("Java", use_of.java()), ("Go", use_of.go()), ("Node.js", use_of.node())] {
                (lines(context, text(language, language), &code))
            }
        }
    }
}

/// Returns what precedes the message in a digest for SM2, or a placeholder if the caller may not read the public key.
async fn signer(context: &Context<'_>, key: &KeyMetadata, version: &str) -> String {
    let public_key = public_key::get(context, &key.key_id, version).await;
    let signer = public_key.ok().and_then(|pem| sm2::signer(&pem));
    signer.map_or_else(|| "SIGNER".to_owned(), |signer| BASE64_STANDARD.encode(signer))
}

fn lines(context: &Context<'_>, title: Text, code: &str) -> Markup {
    html! {
        details {
            summary { (context.text(title)) }
            pre tabindex="0" { code { (code) } }
        }
    }
}

const SERVE: Text = text(
    "The SDKs need a server: `bulla serve` answers the API of Alibaba Cloud KMS with the keys of this store.",
    "各语言 SDK 需要服务器：运行 bulla serve，即可通过阿里云 KMS 的 API 使用此密钥库中的密钥。",
);
