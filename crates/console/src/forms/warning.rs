//! What a form warns of before its action.

use bulla_wire::Parameters;
use bulla_wire::kms::DescribeKeyUses;
use maud::{Markup, html};

use crate::context::Context;
use crate::texts::text;
use crate::times::time;

/// A warning.
#[derive(Clone, Copy)]
pub(crate) enum Warning {
    /// The key that this parameter names was used lately.
    LateUse(&'static str),
}

impl Warning {
    /// Shows the warning, if there is a reason and the caller may know it.
    pub(super) async fn show(self, context: &Context<'_>, fields: &Parameters) -> Markup {
        let Self::LateUse(parameter) = self;
        let key_id = fields.get(parameter).unwrap_or_default().to_owned();
        let uses = context.ask(DescribeKeyUses { key_id }).await.ok();
        let used = uses.and_then(|uses| uses.last_use_date());
        let lately = used.filter(|used| context.kms.now().saturating_sub(used.unix()) < LATELY);
        html! {
            @if let Some(used) = lately {
                p.problem role="status" {
                    (context.text(text("This key is in use. Last used:", "该密钥正在使用，最近使用时间："))) " " (time(used))
                }
            }
        }
    }
}

/// As in `bulla key schedule-deletion`: 30 days, in seconds.
const LATELY: i64 = 30 * 86_400;
