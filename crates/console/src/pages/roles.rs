//! Roles: the list, and the page of one.

use bulla_wire::ram::{GetRole, ListPoliciesForRole, ListRoles, ResourceType, Role};
use bulla_wire::{Error, Product};
use maud::{Markup, html};

use super::attached::{Holder, policies};
use super::parts::{marker, named, table_or, turning};
use super::{Page, tags};
use crate::context::Context;
use crate::forms::{self, link};
use crate::layout::{facts, foreign};
use crate::texts::{self, text};
use crate::times::time;

pub(super) async fn list(context: &Context<'_>) -> Result<Page, Error> {
    let asked = ListRoles { marker: marker(context), max_items: Some(50), tag: None };
    let listed = context.ask(asked).await?;
    let row = |role: &Role| {
        vec![named("roles", &role.role_name), foreign(&role.description), time(role.create_date)]
    };
    let rows: Vec<_> = listed.roles.role.iter().map(row).collect();
    let empty = text(
        "There are no roles yet. A role gives programs temporary credentials, without a secret of their own.",
        "还没有角色。角色为程序提供临时凭证，程序无需保存访问密钥。",
    );
    let content = html! {
        (forms::done(context))
        div.buttons { (link(context, Product::Ram, "CreateRole", &[])) }
        (table_or(context, &[texts::NAME, texts::DESCRIPTION, texts::CREATED], &rows, empty))
        (turning(context, listed.marker.as_deref()))
    };
    Ok(Page { title: context.say(texts::ROLES).to_owned(), content })
}

pub(super) async fn one(context: &Context<'_>, name: &str) -> Result<Page, Error> {
    let role = context.ask(GetRole { role_name: name.to_owned() }).await?.role;
    let name = &*role.role_name;
    let attached = context.ask(ListPoliciesForRole { role_name: name.to_owned() }).await;
    let known = [("RoleName", name)];
    let holder =
        Holder { attach: "AttachPolicyToRole", detach: "DetachPolicyFromRole", parameter: "RoleName", name };
    let content = html! {
        (forms::done(context))
        (details(context, &role))
        div.buttons {
            (link(context, Product::Ram, "UpdateRole", &known))
            (link(context, Product::Ram, "DeleteRole", &known))
        }
        h2 { (context.say(text("Trust policy: who may assume the role", "信任策略：谁可以扮演此角色"))) }
        pre tabindex="0" { code { (role.assume_role_policy_document.as_deref().unwrap_or_default()) } }
        (policies(context, holder, &attached))
        (tags::of_ram(context, ResourceType::Role, name).await)
    };
    Ok(Page { title: role.role_name.clone(), content })
}

fn details(context: &Context<'_>, role: &Role) -> Markup {
    facts(
        &context.view,
        &[
            (texts::DESCRIPTION, foreign(&role.description)),
            (text("ARN", "ARN"), html! { code { (foreign(&role.arn)) } }),
            (text("Role id", "角色 ID"), html! { code { (role.role_id) } }),
            (
                text("Longest session", "最大会话时间"),
                html! { (role.max_session_duration) " " (context.say(text("seconds", "秒"))) },
            ),
            (texts::CREATED, time(role.create_date)),
            (text("Changed", "更新时间"), role.update_date.map(time).unwrap_or_default()),
        ],
    )
}
