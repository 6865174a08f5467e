//! The recovery sheet: what to keep so that no key is lost. To be printed and stored away from the server.

use std::path::{self, Path};

use bulla_kms::Caller;
use bulla_wire::{Error, Timestamp};
use maud::{Markup, html};

use super::Page;
use crate::context::Context;
use crate::layout::{facts, foreign};
use crate::shell::quoted;
use crate::texts::{self, Text, text};
use crate::times::time;

/// Whether the caller may see where the root key is stored: only the account's root and the owner, who are above all policies.
pub(super) fn is_shown_to(context: &Context<'_>) -> bool {
    matches!(context.origin.caller(), Caller::Root { .. } | Caller::Owner)
}

pub(super) fn show(context: &Context<'_>) -> Result<Page, Error> {
    if !is_shown_to(context) {
        let resource = format!("acs:kms:*:{}:*", context.kms.account());
        return Err(bulla_wire::Product::Kms.denied("kms:*", &resource));
    }
    let kms = context.kms;
    let file = |path: &Path| -> Markup {
        html! { code { (path.display().to_string()) } }
    };
    let content = html! {
        p { (context.text(ABOUT)) }
        (facts(&context.view, &[
            (ROOT_KEY, file(&kms.root_key_path())),
            (STORE, file(kms.data())),
            (ACCOUNT, html! { code { (kms.account()) } }),
            (REGION, html! { code { (kms.region()) } }),
            (texts::CREATED_ON, time(Timestamp::from_unix(kms.now()))),
        ]))
        h2 { (context.text(KEEP)) }
        ol { @for step in STEPS { li { (context.text(step)) } } }
        h2 { (context.text(LOST)) }
        ul { @for line in LOSSES { li { (context.text(line)) } } }
        (first_key(context))
        p.sheet-line { (context.text(WHERE)) }
        p.sheet-line { (context.text(WHO)) }
    };
    Ok(Page { title: context.text(texts::RECOVERY).to_owned(), content })
}

/// Shows the first public key of the audit trail, if there is one, with which a copy of the trail is verified.
fn first_key(context: &Context<'_>) -> Markup {
    let Some(trail) = context.kms.audit_options() else { return html! {} };
    let key = match context.kms.audit_first_key() {
        Ok(None) => html! {},
        Ok(Some(key)) => html! { code { (key) } },
        Err(error) => html! { (context.text(KEY_UNREADABLE)) (foreign(&error.to_string())) },
    };
    let directory = path::absolute(&trail.directory).unwrap_or_else(|_| trail.directory.clone());
    let directory = quoted(&directory.display().to_string());
    html! {
        h2 { (context.text(texts::AUDIT_TRAIL)) }
        (facts(&context.view, &[(FIRST_KEY, key)]))
        p { (context.text(WHY_FIRST_KEY)) }
        p { code { "bulla audit verify " (foreign(&directory)) " --public-key first-key" } }
    }
}

const ABOUT: Text = text(
    "Print this page, fill in the last two lines, and keep it where neither the server nor its backups are.",
    "请打印本页，填写最后两行，并与服务器及其备份分开保管。",
);
const ROOT_KEY: Text = text("Root key", "根密钥文件");
const STORE: Text = text("Store", "数据目录");
const ACCOUNT: Text = text("Account", "账号 ID");
const REGION: Text = text("Region", "地域");
const FIRST_KEY: Text = text("First public key", "首个公钥");
const KEY_UNREADABLE: Text = text("It cannot be read: ", "无法读取：");
const WHY_FIRST_KEY: Text = text(
    "Keep a copy of this key elsewhere, in a file such as first-key. An attacker who changes lines of the audit trail can write a whole new \
     trail with keys of its own; only a copy out of reach shows that it is another one:",
    "请将此公钥另存一份，例如保存为文件 first-key，并与服务器分开保管。篡改审计日志的人可以用自己的密钥重写整份日志，只有其接触不到的公钥副本才能证明日志已被替换：",
);
const KEEP: Text = text("What to keep", "需要保存的内容");
const LOST: Text = text("What is lost", "丢失的后果");
const WHERE: Text = text("The copy of the root key is kept at:", "根密钥副本的存放位置：");
const WHO: Text = text("Who can open that place:", "可以打开该位置的人员：");

const STEPS: [Text; 3] = [
    text(
        "A copy of the root key file, away from the data and from the backups of the data: a password manager, or paper in a safe.",
        "根密钥文件的副本：与数据及数据备份分开存放，例如密码管理器或保险柜中的纸质副本。",
    ),
    text(
        "A backup by `bulla backup create`, or one of the schedule.",
        "用 bulla backup create 创建的备份，或者定时备份中的一份。",
    ),
    text(
        "Once a quarter, start a server on another machine, on a restored backup with the copy of the root key, and decrypt a file with it.",
        "每季度用备份和根密钥副本在另一台机器上启动服务器，并解密一个文件作为演练。",
    ),
];

const LOSSES: [Text; 3] = [
    text(
        "Without the root key, no key of the store can be used, and everything that was encrypted with them is lost.",
        "没有根密钥，数据目录中的任何密钥都无法打开，用这些密钥加密的数据将全部丢失。",
    ),
    text("Without the store, the root key decrypts nothing.", "没有数据目录，单有根密钥也无法恢复任何数据。"),
    text(
        "A person who has both has all keys, regardless of policies.",
        "同时拥有两者的人拥有全部密钥，任何权限策略都不能阻止。",
    ),
];

#[cfg(test)]
mod tests {
    use bulla_kms::AuditOptions;
    use http::StatusCode;

    use crate::shell::quoted;
    use crate::testing::Browser;

    #[test]
    fn the_sheet_has_the_first_key_of_the_trail_and_is_shown_to_the_owner_alone() {
        let owner = Browser::audited_owner();
        let key = owner.site.kms.audit_first_key().unwrap().unwrap();
        assert_eq!(owner.site.kms.new_audit_key(), Some(key));
        let page = owner.get("/console/recovery");
        assert!(page.has(&key.to_string()) && page.has("bulla audit verify"), "{page:?}");
        assert!(owner.in_chinese().get("/console/recovery").has("首个公钥"));
        let ann = owner.user("ann", crate::testing::EVERYTHING);
        assert!(ann.get("/console/").has("Recovery sheet (not allowed)"));
        assert!(!owner.get("/console/").has("(not allowed)"));
        let page = ann.get("/console/recovery");
        assert_eq!(page.status, StatusCode::FORBIDDEN);
        assert!(!page.has(&key.to_string()));
        assert!(!Browser::owner().get("/console/recovery").has("bulla audit verify"), "no trail, no key");
    }

    #[test]
    fn the_command_of_the_sheet_is_for_a_shell() {
        let owner = Browser::owner_with(|options| {
            options.audit = Some(AuditOptions::new(options.data.join("it's the trail"), "node"));
        });
        let quoted = quoted(&owner.site.kms.data().join("it's the trail").display().to_string());
        assert!(quoted.starts_with('\''));
        let page = owner.get("/console/recovery");
        assert!(page.has(&format!("<bdi>{quoted}</bdi> --public-key first-key")), "{page:?}");
    }
}
