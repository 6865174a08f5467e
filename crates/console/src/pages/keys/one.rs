//! The page of one key.

use bulla_kms::On;
use bulla_wire::kms::{
    DescribeKey, DescribeKeyBackups, DescribeKeyBackupsReply, DescribeKeyUses, DescribeKeyUsesReply,
    KeyMetadata, KeyVersionEntry, ListAliasesByKeyId, ListAliasesReply, ListKeyVersions,
    ListKeyVersionsReply, ListResourceTags,
};
use bulla_wire::{Error, Product, Timestamp};
use maud::{Markup, html};

use super::{actions, policy, public_key, state, use_it};
use crate::context::Context;
use crate::forms;
use crate::forms::keys::{ORIGINS, USAGES};
use crate::layout::{facts, foreign};
use crate::offers::{may_read_backups, offer};
use crate::pages::numbered::Numbered;
use crate::pages::parts::{section, table, table_or};
use crate::pages::{Page, tags};
use crate::texts::{self, Text, text};
use crate::times::time;

pub(in crate::pages) async fn one(context: &Context<'_>, id: &str) -> Result<Page, Error> {
    let key = context.ask(DescribeKey { key_id: id.to_owned() }).await?.key_metadata;
    let key_id = || key.key_id.clone();
    let aliases = ListAliasesByKeyId {
        key_id: key_id(),
        page_number: Some(ALIASES.page_number(context)),
        page_size: Some(ALIASES.size()),
    };
    let aliases = context.ask(aliases).await;
    let versions = ListKeyVersions {
        key_id: key_id(),
        page_number: Some(VERSIONS.page_number(context)),
        page_size: Some(VERSIONS.size()),
    };
    let versions = context.ask(versions).await;
    let uses = context.ask(DescribeKeyUses { key_id: key_id() }).await.ok();
    let backups = backups(context, &key.key_id).await;
    let tags = context
        .ask(ListResourceTags { key_id: key_id() })
        .await
        .map(|reply| reply.tags.tag.into_iter().map(|tag| (tag.tag_key, tag.tag_value)).collect());
    let newest = newest_version(context, &key).await;
    let name = aliases.as_ref().ok().and_then(|reply| Some(&reply.aliases.alias.first()?.alias_name));
    let content = html! {
        @if let Some(name) = name { p.subject { (foreign(name)) } }
        (forms::done(context))
        (details(context, &key, backups.as_ref()))
        (actions::show(context, &key))
        (aliases_of(context, &key, &aliases))
        (versions_of(context, &key, &versions, uses.as_ref()))
        @if let Some(version) = &newest { (public_key::show(context, &key.key_id, version).await) }
        (actions::material(context, &key))
        (tags_of(context, &key, &tags))
        (policy::show(context, &key).await)
        (use_it::show(context, &key, name.unwrap_or(&key.key_id), newest.as_deref()).await)
    };
    Ok(Page { title: key.key_id.clone(), content })
}

/// Whether a key is asymmetric.
pub(in crate::pages) fn is_pair(key: &KeyMetadata) -> bool {
    key.key_spec.starts_with("RSA") || key.key_spec.starts_with("EC")
}

fn details(context: &Context<'_>, key: &KeyMetadata, backups: Option<&DescribeKeyBackupsReply>) -> Markup {
    let named = |table: &[(&str, Text)], value: &str| match table.iter().find(|(name, _)| *name == value) {
        Some((_, words)) => html! { (context.text(*words)) },
        None => foreign(value),
    };
    let mut shown = vec![
        (texts::STATE, state(context, &key.key_state)),
        (texts::DESCRIPTION, foreign(&key.description)),
        (texts::TYPE, html! { (key.key_spec) }),
        (text("Usage", "密钥用途"), named(USAGES, &key.key_usage)),
        (text("Material", "密钥材料来源"), named(ORIGINS, &key.origin)),
        (text("Protection level", "保护级别"), foreign(&key.protection_level)),
        (texts::CREATED, time(key.creation_date)),
        (text("Rotation", "轮转"), rotation(context, key)),
        (text("Deletion protection", "删除保护"), protection(context, key)),
        (text("ARN", "资源名称（ARN）"), html! { code { (key.arn) } }),
    ];
    shown.extend(backups.map(|backups| (texts::BACKUPS, held(context, backups))));
    if let Some(at) = Timestamp::parse(&key.delete_date) {
        shown.insert(1, (text("Deleted at", "删除时间"), time(at)));
    }
    if let Some(at) = Timestamp::parse(&key.material_expire_time) {
        shown.insert(1, (text("Material expires", "密钥材料过期时间"), time(at)));
    }
    facts(&context.view, &shown)
}

/// Returns which scheduled backups contain the key, if the caller may read the state of backups and there is a schedule.
async fn backups(context: &Context<'_>, key_id: &str) -> Option<DescribeKeyBackupsReply> {
    if !may_read_backups(context) {
        return None;
    }
    let reply = context.ask(DescribeKeyBackups { key_id: key_id.to_owned() }).await.ok()?;
    reply.scheduled.then_some(reply)
}

/// Shows the backups that contain the key, which its deletion does not change.
fn held(context: &Context<'_>, backups: &DescribeKeyBackupsReply) -> Markup {
    let Some(newest) = backups.newest else {
        return html! { (context.text(text("none holds the key", "没有备份包含此密钥"))) };
    };
    html! {
        (context.text(text("holding the key: ", "包含此密钥的备份数：")))
        (backups.backups.unwrap_or_default()) (context.text(texts::SEMICOLON))
        (context.text(text("newest: ", "最新备份时间："))) (time(newest))
        @if let Some(until) = backups.kept_until {
            (context.text(texts::SEMICOLON)) (context.text(text("kept at least until", "至少保留到"))) " " (time(until))
        }
    }
}

fn rotation(context: &Context<'_>, key: &KeyMetadata) -> Markup {
    let words = match &*key.automatic_rotation {
        "Enabled" => text("automatic", "自动轮转"),
        "Suspended" => text("suspended while the key is not enabled", "密钥未启用，已暂停"),
        _ => text("not automatic", "未开启自动轮转"),
    };
    html! {
        (context.text(words))
        @if let Some(interval) = &key.rotation_interval { (context.text(texts::OPEN)) (days(interval)) (context.text(texts::CLOSE)) }
        @if let Some(next) = key.next_rotation_date {
            (context.text(texts::SEMICOLON)) (context.text(text("next: ", "下次："))) (time(next))
        }
    }
}

/// Returns an interval of the API, which is in seconds, in days if it is a whole number of days.
pub(super) fn days(interval: &str) -> String {
    let seconds = interval.strip_suffix('s').and_then(|seconds| seconds.parse::<u64>().ok());
    match seconds {
        Some(seconds) if seconds % 86_400 == 0 => format!("{}d", seconds / 86_400),
        _ => interval.to_owned(),
    }
}

fn protection(context: &Context<'_>, key: &KeyMetadata) -> Markup {
    let is_on = key.deletion_protection.as_deref() == Some("Enabled");
    html! {
        (context.text(if is_on { text("on", "已开启") } else { text("off", "未开启") }))
        @if let Some(why) = key.deletion_protection_description.as_deref().filter(|why| !why.is_empty()) {
            (context.text(texts::COLON)) (foreign(why))
        }
    }
}

fn aliases_of(context: &Context<'_>, key: &KeyMetadata, reply: &Result<ListAliasesReply, Error>) -> Markup {
    let create = offer(context, Product::Kms, "CreateAlias", On::Key(&key.key_id), &[("KeyId", &key.key_id)]);
    html! {
        (section(context, texts::ALIASES, reply, |reply| {
            let rows: Vec<_> = reply.aliases.alias.iter().map(|alias| alias_row(context, &alias.alias_name)).collect();
            let empty = text("No alias. Programs can name the key by an alias, which can be moved to another key.", "没有别名。程序可以用别名引用密钥，别名可以改为指向另一个密钥。");
            html! {
                (table_or(context, &[texts::ALIAS, texts::ACTIONS], &rows, empty))
                (ALIASES.page_links_if_long(context, reply.total_count))
            }
        }))
        @if key.key_state != "PendingDeletion" { div.buttons { (create) } }
    }
}

fn alias_row(context: &Context<'_>, alias: &str) -> Vec<Markup> {
    let act = |action| offer(context, Product::Kms, action, On::Alias(alias), &[("AliasName", alias)]);
    vec![foreign(alias), html! { div.buttons { (act("UpdateAlias")) (act("DeleteAlias")) } }]
}

/// Shows the tags, which cannot be changed while the key is pending deletion.
fn tags_of(context: &Context<'_>, key: &KeyMetadata, reply: &Result<Vec<(String, String)>, Error>) -> Markup {
    if key.key_state != "PendingDeletion" {
        let parameters = [("KeyId", &*key.key_id)];
        return tags::show(
            context,
            reply,
            Product::Kms,
            ["TagResource", "UntagResource"],
            On::Key(&key.key_id),
            &parameters,
        );
    }
    section(context, texts::TAGS, reply, |tags| {
        let rows: Vec<_> = tags.iter().map(|(name, value)| vec![foreign(name), foreign(value)]).collect();
        table_or(context, &[texts::NAME, texts::VALUE], &rows, texts::NONE)
    })
}

fn versions_of(
    context: &Context<'_>,
    key: &KeyMetadata,
    reply: &Result<ListKeyVersionsReply, Error>,
    uses: Option<&DescribeKeyUsesReply>,
) -> Markup {
    let last = if is_pair(key) { public_key::TITLE } else { text("Use", "用途") };
    section(context, text("Versions", "密钥版本"), reply, |reply| {
        let row = |version: &KeyVersionEntry| {
            let last = if is_pair(key) {
                public_key::link(context, &key.key_id, &version.key_version_id)
            } else {
                use_of(context, key, version)
            };
            let [encryptions, others, last_used] = counts_of(context, uses, &version.key_version_id);
            let id = html! { code { (version.key_version_id) } };
            vec![id, time(version.creation_date), last, encryptions, others, last_used]
        };
        let heads = [
            texts::VERSION,
            texts::CREATED,
            last,
            text("Encryptions", "加密次数"),
            text("Other operations", "其他操作次数"),
            text("Last used", "最近使用时间"),
        ];
        let rows: Vec<_> = reply.key_versions.key_version.iter().map(row).collect();
        html! {
            (table(context, &heads, &rows))
            @if let Some(uses) = uses {
                p { (context.text(text("Uses are counted since ", "使用次数统计开始时间："))) (time(uses.counted_since)) }
            }
            (VERSIONS.page_links_if_long(context, reply.total_count))
        }
    })
}

/// Shows how often a version was used, and its last use.
fn counts_of(context: &Context<'_>, uses: Option<&DescribeKeyUsesReply>, version: &str) -> [Markup; 3] {
    let mut versions = uses.into_iter().flat_map(|uses| &uses.key_version_uses.key_version_use);
    let counts = versions.find(|of| of.key_version_id == version);
    let Some(counts) = counts else { return [(); 3].map(|()| html! {}) };
    let last_used =
        counts.last_use_date.map_or_else(|| html! { (context.text(text("never", "从未"))) }, time);
    [html! { (counts.encryptions) }, html! { (counts.other_operations) }, last_used]
}

fn use_of(context: &Context<'_>, key: &KeyMetadata, version: &KeyVersionEntry) -> Markup {
    let is_primary = key.primary_key_version.as_deref() == Some(&*version.key_version_id);
    let words = if is_primary {
        text("primary: encrypts and decrypts", "主版本：加密和解密")
    } else {
        text("decrypts only", "仅解密")
    };
    html! { @if key.primary_key_version.is_some() { (context.text(words)) } }
}

/// Returns the id of the newest version of a key pair, which is the first in the list of the API.
pub(in crate::pages) async fn newest_version(context: &Context<'_>, key: &KeyMetadata) -> Option<String> {
    if !is_pair(key) {
        return None;
    }
    let first = ListKeyVersions { key_id: key.key_id.clone(), page_number: None, page_size: Some(1) };
    let reply = context.ask(first).await.ok()?;
    Some(reply.key_versions.key_version.into_iter().next()?.key_version_id)
}

const ALIASES: Numbered = Numbered::within("aliases", 100, text("Pages of the aliases", "别名分页"));
const VERSIONS: Numbered = Numbered::within("versions", 100, text("Pages of the versions", "密钥版本分页"));
