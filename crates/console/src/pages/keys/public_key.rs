//! The public key of a key pair, on the page of the key and as a file.

use bulla_wire::Error;
use bulla_wire::kms::GetPublicKey;
use maud::{Markup, html};
use zeroize::Zeroizing;

use crate::context::Context;
use crate::http::Answer;
use crate::pages::parts::section;
use crate::paths::path;
use crate::texts::{Text, text};

pub(super) const TITLE: Text = text("Public key", "公钥");

/// Shows the public key of the newest version.
pub(super) async fn show(context: &Context<'_>, key: &str, version: &str) -> Markup {
    let public_key = get(context, key, version).await;
    section(context, TITLE, &public_key, |pem| {
        html! {
            p { (context.text(text("Of the newest version: ", "最新版本："))) code { (version) } }
            pre tabindex="0" { code { (pem) } }
        }
    })
}

/// Returns a link to the public key of a version.
pub(super) fn link(context: &Context<'_>, key: &str, version: &str) -> Markup {
    let label = text("Download", "下载");
    html! {
        a href=(path("keys", &[key, "versions", version, FILE])) aria-label=(format!("{} {version}", context.text(label))) {
            (context.text(label))
        }
    }
}

/// Returns the public key of a version as a file.
pub(in crate::pages) async fn download(
    context: &Context<'_>,
    key: &str,
    version: &str,
) -> Result<Answer, Error> {
    let pem = get(context, key, version).await?;
    Ok(Answer::download(&format!("{key}-{FILE}"), Zeroizing::new(pem)))
}

pub(in crate::pages) const FILE: &str = "public-key.pem";

pub(super) async fn get(context: &Context<'_>, key: &str, version: &str) -> Result<String, Error> {
    let query = GetPublicKey { key_id: key.to_owned(), key_version_id: version.to_owned(), dry_run: None };
    Ok(context.ask(query).await?.public_key)
}
