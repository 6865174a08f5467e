//! Users: the list, and the page of one.

use bulla_wire::ram::{
    GetLoginProfile, GetUser, ListGroupsForUser, ListGroupsForUserReply, ListPoliciesForUser, ListUsers,
    LoginProfileReply, User,
};
use bulla_wire::{Error, Product, Timestamp};
use maud::{Markup, html};

use super::attached::{Holder, policies};
use super::parts::{marker, named, section, table_or, turning};
use super::{Page, access_keys};
use crate::context::Context;
use crate::forms::{self, link};
use crate::layout::{facts, foreign};
use crate::texts::{self, text};
use crate::times::time;

pub(super) async fn list(context: &Context<'_>) -> Result<Page, Error> {
    let listed = context.ask(ListUsers { marker: marker(context), max_items: Some(PAGE) }).await?;
    let heads = [texts::USER_NAME, text("Display name", "显示名称"), texts::COMMENTS, texts::CREATED];
    let row = |user: &User| {
        let texts = [&user.display_name, &user.comments].map(|text| foreign(text));
        let [display_name, comments] = texts;
        vec![named("users", &user.user_name), display_name, comments, time(user.create_date)]
    };
    let rows: Vec<_> = listed.users.user.iter().map(row).collect();
    let empty = text(
        "There are no users yet. Create one for each person and program, instead of using the account's own access key.",
        "还没有用户。请为每个人和程序分别创建用户，不要使用账号自己的访问密钥。",
    );
    let content = html! {
        (forms::done(context))
        (table_or(context, &heads, &rows, empty))
        (turning(context, listed.marker.as_deref()))
    };
    Ok(Page { title: context.say(texts::USERS).to_owned(), content })
}

pub(super) async fn one(context: &Context<'_>, name: &str) -> Result<Page, Error> {
    let user = context.ask(GetUser { user_name: name.to_owned() }).await?.user;
    let user_name = || user.user_name.clone();
    let groups = context.ask(ListGroupsForUser { user_name: user_name() }).await;
    let attached = context.ask(ListPoliciesForUser { user_name: user_name() }).await;
    let profile = context.ask(GetLoginProfile { user_name: user_name() }).await;
    let known = [("UserName", &*user.user_name)];
    let holder = Holder {
        attach: "AttachPolicyToUser",
        detach: "DetachPolicyFromUser",
        parameter: "UserName",
        name: &user.user_name,
    };
    let content = html! {
        (forms::done(context))
        (details(context, &user))
        div.buttons {
            (link(context, Product::Ram, "UpdateUser", &known))
            (link(context, Product::Ram, "DeleteUser", &known))
        }
        (groups_of(context, &user.user_name, &groups))
        (policies(context, holder, &attached))
        (access_keys::of(context, Some(&user.user_name)).await)
        (sign_in(context, &known, profile))
    };
    Ok(Page { title: user.user_name.clone(), content })
}

fn details(context: &Context<'_>, user: &User) -> Markup {
    let updated = user.update_date.map(time).unwrap_or_default();
    let last = user.last_login_date.as_deref().and_then(Timestamp::parse);
    facts(
        &context.view,
        &[
            (text("Display name", "显示名称"), foreign(&user.display_name)),
            (text("User id", "用户 ID"), html! { code { (user.user_id) } }),
            (text("E-mail address", "邮箱"), foreign(&user.email)),
            (text("Phone", "手机号"), foreign(&user.mobile_phone)),
            (texts::COMMENTS, foreign(&user.comments)),
            (texts::CREATED, time(user.create_date)),
            (text("Changed", "更新时间"), updated),
            (
                text("Last sign-in", "最近登录"),
                last.map_or_else(|| html! { (context.say(text("never", "从未"))) }, time),
            ),
        ],
    )
}

fn groups_of(context: &Context<'_>, user: &str, told: &Result<ListGroupsForUserReply, Error>) -> Markup {
    let heads = [texts::NAME, texts::COMMENTS, text("Member since", "加入时间"), texts::ACTIONS];
    html! {
        (section(context, texts::GROUPS, told, |told| {
            let rows: Vec<_> = told.groups.group.iter().map(|group| {
                let known = [("UserName", user), ("GroupName", &*group.group_name)];
                vec![
                    named("groups", &group.group_name),
                    foreign(&group.comments),
                    time(group.join_date),
                    link(context, Product::Ram, "RemoveUserFromGroup", &known),
                ]
            }).collect();
            table_or(context, &heads, &rows, text("In no group.", "未加入任何用户组。"))
        }))
        div.buttons { (link(context, Product::Ram, "AddUserToGroup", &[("UserName", user)])) }
    }
}

/// Whether and how the user signs in to the console.
fn sign_in(context: &Context<'_>, known: &[(&str, &str)], told: Result<LoginProfileReply, Error>) -> Markup {
    let act = |action| link(context, Product::Ram, action, known);
    let profile = match told {
        Ok(reply) => Ok(Some(reply.login_profile)),
        Err(error) if error.status() == NOT_FOUND => Ok(None),
        Err(error) => Err(error),
    };
    section(context, text("Signing in to the console", "控制台登录"), &profile, |profile| match profile {
        None => html! {
            p { (context.say(text("The user has no password.", "该用户没有登录密码。"))) }
            div.buttons { (act("CreateLoginProfile")) }
        },
        Some(profile) => {
            let reset = if profile.password_reset_required {
                text("Has to choose another password at the next sign-in.", "下次登录时必须重置密码。")
            } else {
                text("Signs in with a password.", "使用密码登录。")
            };
            html! {
                p { (context.say(reset)) " " (context.say(texts::CREATED)) ": " (time(profile.create_date)) }
                @if profile.mfa_bind_required { p { (context.say(texts::SIGN_IN_SECOND_FACTOR)) } }
                div.buttons { (act("UpdateLoginProfile")) (act("DeleteLoginProfile")) }
            }
        }
    })
}

const PAGE: u32 = 50;
const NOT_FOUND: u16 = 404;
