//! The actions on a key, without those that the API would refuse because of its state or kind.

use bulla_keys::{KeyState, Operation};
use bulla_kms::On;
use bulla_wire::Product;
use bulla_wire::kms::KeyMetadata;
use maud::{Markup, html};

use super::one::{days, is_pair};
use crate::context::Context;
use crate::offers::offer;
use crate::texts::{self, text};

/// Shows the actions on the key.
pub(super) fn show(context: &Context<'_>, key: &KeyMetadata) -> Markup {
    html! {
        h2 { (context.text(texts::ACTIONS)) }
        div.buttons {
            @for (action, more) in allowed(key) {
                (act(context, key, action, &more))
            }
        }
    }
}

/// Shows the actions on imported material, if the key has or awaits some.
pub(super) fn material(context: &Context<'_>, key: &KeyMetadata) -> Markup {
    let can = |operation| state(key).is_some_and(|state| state.allows(operation).is_ok());
    html! {
        @if key.origin == "EXTERNAL" {
            h2 { (context.text(text("Imported material", "导入的密钥材料"))) }
            p {
                @if key.key_state == "PendingImport" {
                    (context.text(text("The key has no material yet, and cannot be used.", "密钥还没有材料，暂不可使用。")))
                } @else {
                    (context.text(text("Keep a copy of the material: the server never returns it.", "请自行保留密钥材料的备份，服务器不会导出。")))
                }
            }
            div.buttons {
                @if can(Operation::Import) { (act(context, key, "GetParametersForImport", &[])) }
                @if key.key_state != "PendingImport" { (act(context, key, "DeleteKeyMaterial", &[])) }
            }
        }
    }
}

/// Returns the actions that the state and kind of a key allow, with the fields that their forms begin with.
fn allowed(key: &KeyMetadata) -> Vec<(&'static str, Vec<(&'static str, String)>)> {
    let can = |operation| state(key).is_some_and(|state| state.allows(operation).is_ok());
    let is_protected = key.deletion_protection.as_deref() == Some("Enabled");
    let is_own = key.origin != "EXTERNAL";
    let is_mac = key.key_spec.starts_with("HMAC");
    let rotates = can(Operation::Use) && is_own && !is_mac;
    let rotation = vec![
        ("EnableAutomaticRotation", "true".to_owned()),
        ("RotationInterval", key.rotation_interval.as_deref().map_or_else(|| "90d".to_owned(), days)),
    ];
    let protection = vec![("EnableDeletionProtection", (!is_protected).to_string())];
    let deletion = vec![("PendingWindowInDays", "30".to_owned())];
    let all = [
        (key.key_state == "Disabled", "EnableKey", vec![]),
        (key.key_state == "Enabled", "DisableKey", vec![]),
        (can(Operation::Describe), "UpdateKeyDescription", vec![]),
        (rotates, "CreateKeyVersion", vec![]),
        (rotates && !is_pair(key), "UpdateRotationPolicy", rotation),
        (can(Operation::Describe), "SetDeletionProtection", protection),
        (can(Operation::ScheduleDeletion) && !is_protected, "ScheduleKeyDeletion", deletion),
        (can(Operation::CancelDeletion), "CancelKeyDeletion", vec![]),
    ];
    all.into_iter().filter(|(fits, ..)| *fits).map(|(_, action, parameters)| (action, parameters)).collect()
}

fn act(context: &Context<'_>, key: &KeyMetadata, action: &str, more: &[(&str, String)]) -> Markup {
    let more = more.iter().map(|(name, value)| (*name, &**value));
    let parameters: Vec<_> = [("KeyId", &*key.key_id)].into_iter().chain(more).collect();
    offer(context, Product::Kms, action, On::Key(&key.key_id), &parameters)
}

fn state(key: &KeyMetadata) -> Option<KeyState> {
    KeyState::from_name(&key.key_state)
}
