//! The public key of a key pair, on the page of the key and as a file.

use bulla_wire::Error;
use bulla_wire::kms::{GetPublicKey, KeyMetadata};
use maud::{Markup, html};
use zeroize::Zeroizing;

use crate::context::Context;
use crate::http::Answer;
use crate::pages::parts::section;
use crate::paths::path;
use crate::texts::text;

/// The public key of the newest version.
pub(super) async fn show(context: &Context<'_>, key: &KeyMetadata) -> Markup {
    let version = key.primary_key_version.clone().unwrap_or_default();
    let told = if version.is_empty() { newest(context, &key.key_id).await } else { Ok(version) };
    let told = match told {
        Ok(version) => get(context, &key.key_id, &version).await.map(|pem| (version, pem)),
        Err(error) => Err(error),
    };
    section(context, text("Public key", "公钥"), &told, |(version, pem)| {
        html! {
            p { (context.say(text("Of the newest version:", "最新版本："))) " " code { (version) } }
            pre tabindex="0" { code { (pem) } }
            div.buttons {
                a.action href=(path("keys", &[&key.key_id, "versions", version, FILE])) {
                    (context.say(text("Download the public key", "下载公钥")))
                }
            }
        }
    })
}

/// The public key of a version as a file.
pub(in crate::pages) async fn download(
    context: &Context<'_>,
    key: &str,
    version: &str,
) -> Result<Answer, Error> {
    let pem = get(context, key, version).await?;
    Ok(Answer::download(&format!("{key}-{FILE}"), Zeroizing::new(pem)))
}

pub(in crate::pages) const FILE: &str = "public-key.pem";

async fn get(context: &Context<'_>, key: &str, version: &str) -> Result<String, Error> {
    let asked = GetPublicKey { key_id: key.to_owned(), key_version_id: version.to_owned(), dry_run: None };
    Ok(context.ask(asked).await?.public_key)
}

async fn newest(context: &Context<'_>, key: &str) -> Result<String, Error> {
    let listed =
        bulla_wire::kms::ListKeyVersions { key_id: key.to_owned(), page_number: None, page_size: Some(100) };
    let versions = context.ask(listed).await?.key_versions.key_version;
    let newest = versions.into_iter().max_by_key(|version| version.creation_date);
    Ok(newest.map(|version| version.key_version_id).unwrap_or_default())
}
