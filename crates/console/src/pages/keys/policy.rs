//! The policy of a key.

use bulla_kms::On;
use bulla_wire::Product;
use bulla_wire::kms::{GetKeyPolicy, KeyMetadata};
use maud::{Markup, html};

use crate::context::Context;
use crate::offers::offer;
use crate::pages::may;
use crate::pages::parts::{document, section};
use crate::texts::text;

pub(super) async fn show(context: &Context<'_>, key: &KeyMetadata) -> Markup {
    let reply = context.ask(GetKeyPolicy { key_id: key.key_id.clone(), policy_name: None }).await;
    let parameters = [("KeyId", &*key.key_id)];
    html! {
        (section(context, text("Key policy", "密钥策略"), &reply, |reply| document(&reply.policy)))
        div.buttons {
            @if key.key_state != "PendingDeletion" {
                (offer(context, Product::Kms, "SetKeyPolicy", On::Key(&key.key_id), &parameters))
            }
            (may::link(context, may::WHO_MAY, &[("resource", &format!("key/{}", key.key_id))]))
        }
    }
}
