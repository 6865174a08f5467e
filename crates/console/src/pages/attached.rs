//! The policies of a user, group or role.

use bulla_kms::On;
use bulla_wire::ram::{AttachedPoliciesReply, PolicyType};
use bulla_wire::{Error, Product};
use maud::{Markup, html};

use super::parts::{section, table_or};
use crate::context::Context;
use crate::layout::foreign;
use crate::offers::{offer, offer_all};
use crate::paths::path;
use crate::texts::{self, text};
use crate::times::time;

/// The user, group or role that has the policies, and the actions that attach and detach.
#[derive(Clone, Copy)]
pub(super) struct Holder<'a> {
    pub(super) attach: &'static str,
    pub(super) detach: &'static str,
    pub(super) parameter: &'static str,
    pub(super) name: &'a str,
    pub(super) on: On<'a>,
}

pub(super) fn policies(
    context: &Context<'_>,
    holder: Holder<'_>,
    reply: &Result<AttachedPoliciesReply, Error>,
) -> Markup {
    let heads = [texts::NAME, texts::TYPE, texts::DESCRIPTION, text("Attached", "授权时间"), texts::ACTIONS];
    let parameter = (holder.parameter, holder.name);
    html! {
        (section(context, texts::POLICIES, reply, |reply| {
            let rows: Vec<_> = reply.policies.policy.iter().map(|policy| {
                let kind = kind(policy.policy_type);
                let detached = [parameter, ("PolicyType", kind), ("PolicyName", &policy.policy_name)];
                vec![
                    policy_link(policy.policy_type, &policy.policy_name),
                    html! { (context.text(kind_words(policy.policy_type))) },
                    foreign(&policy.description),
                    time(policy.attach_date),
                    offer_all(context, Product::Ram, holder.detach, None, &[holder.on, on(policy.policy_type, &policy.policy_name)], &detached),
                ]
            }).collect();
            let empty = text("No policies, so none allows anything.", "没有权限策略，未授予任何权限。");
            table_or(context, &heads, &rows, empty)
        }))
        div.buttons { (offer(context, Product::Ram, holder.attach, holder.on, &[parameter])) }
    }
}

/// Returns a link to the page of a policy.
pub(super) fn policy_link(policy_type: PolicyType, name: &str) -> Markup {
    html! { a href=(path("policies", &[kind(policy_type), name])) { (foreign(name)) } }
}

/// Returns a policy as the resource of an action.
pub(super) fn on(policy_type: PolicyType, name: &str) -> On<'_> {
    match policy_type {
        PolicyType::System => On::SystemPolicy(name),
        PolicyType::Custom => On::Policy(name),
    }
}

/// Returns the type of a policy as a value of the API.
pub(super) fn kind(policy_type: PolicyType) -> &'static str {
    match policy_type {
        PolicyType::System => "System",
        PolicyType::Custom => "Custom",
    }
}

/// Returns the type of a policy in words.
pub(super) fn kind_words(policy_type: PolicyType) -> texts::Text {
    match policy_type {
        PolicyType::System => text("System", "系统策略"),
        PolicyType::Custom => text("Custom", "自定义策略"),
    }
}
