//! Groups: the list, and the page of one.

use bulla_kms::{FindGroups, On};
use bulla_wire::ram::{GetGroup, Group, ListPoliciesForGroup, ListUsersForGroup, ListUsersForGroupReply};
use bulla_wire::{Error, Product};
use maud::{Markup, html};

use super::Page;
use super::attached::{Holder, policies};
use super::numbered::{self, PAGE_SIZE, page_number};
use super::parts::{empty_text, marker, named, page_links, search, searched, section, table_or};
use crate::context::Context;
use crate::forms;
use crate::layout::{facts, foreign};
use crate::offers::{offer, offer_all};
use crate::texts::{self, text};
use crate::times::time;

pub(super) async fn list(context: &Context<'_>) -> Result<Page, Error> {
    let found = context
        .find(FindGroups {
            text: searched(context),
            page_number: Some(page_number(context)),
            page_size: Some(PAGE_SIZE),
        })
        .await?;
    let row = |group: &Group| {
        vec![named("groups", &group.group_name), foreign(&group.comments), time(group.create_date)]
    };
    let rows: Vec<_> = found.entries.iter().map(row).collect();
    let empty = text(
        "There are no groups yet. Create one for users who need the same policies.",
        "还没有用户组。请为需要相同权限策略的用户创建用户组。",
    );
    let content = html! {
        (forms::done(context))
        (search(context, &offer(context, Product::Ram, "CreateGroup", On::Groups, &[])))
        (table_or(context, &[texts::NAME, texts::COMMENTS, texts::CREATED], &rows, empty_text(context, empty)))
        (numbered::page_links(context, found.total))
    };
    Ok(Page { title: context.text(texts::GROUPS).to_owned(), content })
}

pub(super) async fn one(context: &Context<'_>, name: &str) -> Result<Page, Error> {
    let group = context.ask(GetGroup { group_name: name.to_owned() }).await?.group;
    let name = &*group.group_name;
    let query =
        ListUsersForGroup { group_name: name.to_owned(), marker: marker(context), max_items: Some(50) };
    let members = context.ask(query).await;
    let attached = context.ask(ListPoliciesForGroup { group_name: name.to_owned() }).await;
    let parameters = [("GroupName", name)];
    let holder = Holder {
        attach: "AttachPolicyToGroup",
        detach: "DetachPolicyFromGroup",
        parameter: "GroupName",
        name,
        on: On::Group(name),
    };
    let content = html! {
        (forms::done(context))
        (facts(&context.view, &[
            (texts::COMMENTS, foreign(&group.comments)),
            (texts::CREATED, time(group.create_date)),
            (text("Changed", "更新时间"), group.update_date.map(time).unwrap_or_default()),
        ]))
        div.buttons {
            (offer(context, Product::Ram, "UpdateGroup", On::Group(name), &parameters))
            (offer(context, Product::Ram, "DeleteGroup", On::Group(name), &parameters))
        }
        (members_of(context, name, &members))
        (policies(context, holder, &attached))
    };
    Ok(Page { title: group.group_name.clone(), content })
}

fn members_of(context: &Context<'_>, group: &str, reply: &Result<ListUsersForGroupReply, Error>) -> Markup {
    let heads = [
        texts::USER_NAME,
        text("Display name", "显示名称"),
        text("Member since", "加入时间"),
        texts::ACTIONS,
    ];
    html! {
        (section(context, texts::USERS, reply, |reply| {
            let rows: Vec<_> = reply.users.user.iter().map(|user| {
                let parameters = [("UserName", &*user.user_name), ("GroupName", group)];
                vec![
                    named("users", &user.user_name),
                    foreign(&user.display_name),
                    time(user.join_date),
                    offer_all(context, Product::Ram, "RemoveUserFromGroup", None, &[On::User(&user.user_name), On::Group(group)], &parameters),
                ]
            }).collect();
            html! {
                (table_or(context, &heads, &rows, text("No users in this group.", "该用户组中没有用户。")))
                (page_links(context, reply.marker.as_deref()))
            }
        }))
        div.buttons {
            (offer_all(context, Product::Ram, "AddUserToGroup", Some(text("Add a user", "添加用户")), &[On::Group(group)], &[("GroupName", group)]))
        }
    }
}

#[cfg(test)]
mod tests {
    use bulla_wire::Product;
    use http::StatusCode;

    use crate::testing::Browser;

    #[test]
    fn the_life_of_a_group() {
        let owner = Browser::owner();
        assert!(owner.get("/console/groups").has("There are no groups yet"));
        owner.post("/console/do/ram/CreateGroup", &[("GroupName", "readers"), ("Comments", "<look>")]);
        let page =
            owner.post("/console/do/ram/UpdateGroup?GroupName=readers", &[("NewGroupName", "writers")]);
        assert!(page.at.starts_with("/console/groups/writers?") && page.has("&lt;look&gt;"), "{page:?}");
        assert!(owner.in_chinese().get("/console/groups/writers").has("权限策略"));
        let policy = [("PolicyType", "System"), ("PolicyName", "AliyunKMSFullAccess")];
        let page = owner.post("/console/do/ram/AttachPolicyToGroup?GroupName=writers", &policy);
        assert!(page.has("/console/policies/System/AliyunKMSFullAccess"), "{page:?}");
        let query = "?GroupName=writers&PolicyType=System&PolicyName=AliyunKMSFullAccess";
        owner.post(&format!("/console/do/ram/DetachPolicyFromGroup{query}"), &[]);
        owner.post("/console/do/ram/DeleteGroup?GroupName=writers", &[("confirmation", "writers")]);
        assert_eq!(owner.get("/console/groups/writers").status, StatusCode::NOT_FOUND);
    }

    #[test]
    fn the_users_of_a_group_are_turned_by_their_marker() {
        let owner = Browser::owner();
        owner.call(Product::Ram, "CreateGroup", &[("GroupName", "g")]).unwrap();
        for number in 0..51 {
            let name = format!("u{number:02}");
            owner.call(Product::Ram, "CreateUser", &[("UserName", &name)]).unwrap();
            owner.call(Product::Ram, "AddUserToGroup", &[("UserName", &name), ("GroupName", "g")]).unwrap();
        }
        let page = owner.get("/console/groups/g");
        assert!(page.has(">u49<") && !page.has(">u50<"), "{page:?}");
        let next = page.html.split("rel=\"next\"").next().unwrap().rsplit("href=\"").next().unwrap();
        let page = owner.get(next.split('"').next().unwrap());
        assert!(page.has(">u50<") && !page.has(">u49<") && page.has("First page"), "{page:?}");
    }
}
