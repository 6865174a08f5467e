//! Groups: the list, and the page of one.

use bulla_wire::ram::{
    GetGroup, Group, ListGroups, ListPoliciesForGroup, ListUsersForGroup, ListUsersForGroupReply,
};
use bulla_wire::{Error, Product};
use maud::{Markup, html};

use super::Page;
use super::attached::{Holder, policies};
use super::parts::{marker, named, section, table_or, turning};
use crate::context::Context;
use crate::forms::{self, link, link_as};
use crate::layout::{facts, foreign};
use crate::texts::{self, text};
use crate::times::time;

pub(super) async fn list(context: &Context<'_>) -> Result<Page, Error> {
    let listed = context.ask(ListGroups { marker: marker(context), max_items: Some(50) }).await?;
    let row = |group: &Group| {
        vec![named("groups", &group.group_name), foreign(&group.comments), time(group.create_date)]
    };
    let rows: Vec<_> = listed.groups.group.iter().map(row).collect();
    let empty = text(
        "There are no groups yet. Create one for users who need the same policies.",
        "还没有用户组。请为需要相同权限策略的用户创建用户组。",
    );
    let content = html! {
        (forms::done(context))
        div.buttons { (link(context, Product::Ram, "CreateGroup", &[])) }
        (table_or(context, &[texts::NAME, texts::COMMENTS, texts::CREATED], &rows, empty))
        (turning(context, listed.marker.as_deref()))
    };
    Ok(Page { title: context.say(texts::GROUPS).to_owned(), content })
}

pub(super) async fn one(context: &Context<'_>, name: &str) -> Result<Page, Error> {
    let group = context.ask(GetGroup { group_name: name.to_owned() }).await?.group;
    let name = &*group.group_name;
    let asked =
        ListUsersForGroup { group_name: name.to_owned(), marker: marker(context), max_items: Some(50) };
    let members = context.ask(asked).await;
    let attached = context.ask(ListPoliciesForGroup { group_name: name.to_owned() }).await;
    let known = [("GroupName", name)];
    let holder = Holder {
        attach: "AttachPolicyToGroup",
        detach: "DetachPolicyFromGroup",
        parameter: "GroupName",
        name,
    };
    let content = html! {
        (forms::done(context))
        (facts(&context.view, &[
            (texts::COMMENTS, foreign(&group.comments)),
            (texts::CREATED, time(group.create_date)),
            (text("Changed", "更新时间"), group.update_date.map(time).unwrap_or_default()),
        ]))
        div.buttons {
            (link(context, Product::Ram, "UpdateGroup", &known))
            (link(context, Product::Ram, "DeleteGroup", &known))
        }
        (members_of(context, name, &members))
        (policies(context, holder, &attached))
    };
    Ok(Page { title: group.group_name.clone(), content })
}

fn members_of(context: &Context<'_>, group: &str, told: &Result<ListUsersForGroupReply, Error>) -> Markup {
    let heads = [
        texts::USER_NAME,
        text("Display name", "显示名称"),
        text("Member since", "加入时间"),
        texts::ACTIONS,
    ];
    html! {
        (section(context, texts::USERS, told, |told| {
            let rows: Vec<_> = told.users.user.iter().map(|user| {
                let known = [("UserName", &*user.user_name), ("GroupName", group)];
                vec![
                    named("users", &user.user_name),
                    foreign(&user.display_name),
                    time(user.join_date),
                    link(context, Product::Ram, "RemoveUserFromGroup", &known),
                ]
            }).collect();
            html! {
                (table_or(context, &heads, &rows, text("No users in this group.", "该用户组中没有用户。")))
                (turning(context, told.marker.as_deref()))
            }
        }))
        div.buttons {
            (link_as(context, Product::Ram, "AddUserToGroup", text("Add a user", "添加用户"), &[("GroupName", group)]))
        }
    }
}
