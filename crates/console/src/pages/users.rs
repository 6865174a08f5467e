//! Users: the list, and the page of one.

use bulla_kms::{FindUsers, On};
use bulla_wire::ram::{
    GetLoginProfile, GetUser, ListGroupsForUser, ListGroupsForUserReply, ListPoliciesForUser,
    LoginProfileReply, User,
};
use bulla_wire::{Error, Product, Timestamp};
use maud::{Markup, html};

use super::attached::{Holder, policies};
use super::numbered::{self, PAGE_SIZE, page_number};
use super::parts::{empty_text, named, search, searched, section, table_or};
use super::{Page, access_keys, may, mfa_devices};
use crate::context::Context;
use crate::forms;
use crate::layout::{facts, foreign};
use crate::offers::{offer, offer_all};
use crate::texts::{self, Text, text};
use crate::times::time;

pub(super) async fn list(context: &Context<'_>) -> Result<Page, Error> {
    let found = context
        .find(FindUsers {
            text: searched(context),
            page_number: Some(page_number(context)),
            page_size: Some(PAGE_SIZE),
        })
        .await?;
    let heads = [texts::USER_NAME, text("Display name", "显示名称"), texts::COMMENTS, texts::CREATED];
    let row = |user: &User| {
        let texts = [&user.display_name, &user.comments].map(|text| foreign(text));
        let [display_name, comments] = texts;
        vec![named("users", &user.user_name), display_name, comments, time(user.create_date)]
    };
    let rows: Vec<_> = found.entries.iter().map(row).collect();
    let empty = text(
        "There are no users yet. Create one for each person and program, instead of using the account's own access key.",
        "还没有用户。请为每个人和程序分别创建用户，不要使用账号自己的访问密钥。",
    );
    let content = html! {
        (forms::done(context))
        @if context.is_embedded() { p { (context.text(NO_SIGN_IN)) } }
        (search(context, &offer(context, Product::Ram, "CreateUser", On::Users, &[])))
        (table_or(context, &heads, &rows, empty_text(context, empty)))
        (numbered::page_links(context, found.total))
    };
    Ok(Page { title: context.text(texts::USERS).to_owned(), content })
}

pub(super) async fn one(context: &Context<'_>, name: &str) -> Result<Page, Error> {
    let user = context.ask(GetUser { user_name: name.to_owned() }).await?.user;
    let user_name = || user.user_name.clone();
    let groups = context.ask(ListGroupsForUser { user_name: user_name() }).await;
    let attached = context.ask(ListPoliciesForUser { user_name: user_name() }).await;
    let profile = context.ask(GetLoginProfile { user_name: user_name() }).await;
    let parameters = [("UserName", &*user.user_name)];
    let holder = Holder {
        attach: "AttachPolicyToUser",
        detach: "DetachPolicyFromUser",
        parameter: "UserName",
        name: &user.user_name,
        on: On::User(&user.user_name),
    };
    let content = html! {
        (forms::done(context))
        (details(context, &user))
        div.buttons {
            (offer(context, Product::Ram, "UpdateUser", On::User(&user.user_name), &parameters))
            (may::link(context, may::WHAT_IT_MAY, &[("who", &format!("user/{}", user.user_name))]))
            (offer(context, Product::Ram, "DeleteUser", On::User(&user.user_name), &parameters))
        }
        (groups_of(context, &user.user_name, &groups))
        (policies(context, holder, &attached))
        (access_keys::of(context, Some(&user.user_name), On::User(&user.user_name)).await)
        (sign_in(context, &user.user_name, profile))
        (mfa_devices::of_user(context, &user.user_name).await)
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
                last.map_or_else(|| html! { (context.text(text("never", "从未"))) }, time),
            ),
        ],
    )
}

fn groups_of(context: &Context<'_>, user: &str, reply: &Result<ListGroupsForUserReply, Error>) -> Markup {
    let heads = [texts::NAME, texts::COMMENTS, text("Member since", "加入时间"), texts::ACTIONS];
    html! {
        (section(context, texts::GROUPS, reply, |reply| {
            let rows: Vec<_> = reply.groups.group.iter().map(|group| {
                let parameters = [("UserName", user), ("GroupName", &*group.group_name)];
                vec![
                    named("groups", &group.group_name),
                    foreign(&group.comments),
                    time(group.join_date),
                    offer_all(context, Product::Ram, "RemoveUserFromGroup", None, &[On::User(user), On::Group(&group.group_name)], &parameters),
                ]
            }).collect();
            table_or(context, &heads, &rows, text("In no group.", "未加入任何用户组。"))
        }))
        div.buttons { (offer(context, Product::Ram, "AddUserToGroup", On::User(user), &[("UserName", user)])) }
    }
}

/// Shows whether and how the user signs in to the console.
fn sign_in(context: &Context<'_>, user: &str, reply: Result<LoginProfileReply, Error>) -> Markup {
    let act = |action| offer(context, Product::Ram, action, On::User(user), &[("UserName", user)]);
    let profile = match reply {
        Ok(reply) => Ok(Some(reply.login_profile)),
        Err(error) if error.status() == NOT_FOUND => Ok(None),
        Err(error) => Err(error),
    };
    section(context, text("Signing in to the console", "控制台登录"), &profile, |profile| match profile {
        None => html! {
            p { (context.text(text("The user has no password.", "该用户没有登录密码。"))) }
            div.buttons { (act("CreateLoginProfile")) }
        },
        Some(profile) => {
            let reset = if profile.password_reset_required {
                text("Has to choose another password at the next sign-in.", "下次登录时必须重置密码。")
            } else {
                text("Signs in with a password.", "使用密码登录。")
            };
            html! {
                p { (context.text(reset)) (context.text(text(" ", ""))) (context.text(texts::CREATED)) (context.text(texts::COLON)) (time(profile.create_date)) }
                @if profile.mfa_bind_required { p { (context.text(text("Has to bind an MFA device.", "必须绑定 MFA 设备。"))) } }
                div.buttons { (act("UpdateLoginProfile")) (act("DeleteLoginProfile")) }
            }
        }
    })
}

const NOT_FOUND: u16 = 404;
const NO_SIGN_IN: Text = text(
    "Users can sign in only at a server (`bulla serve`) with this store.",
    "只有用此密钥库运行服务器（bulla serve）时，用户才能登录。",
);

#[cfg(test)]
mod tests {
    use http::header::CONTENT_DISPOSITION;
    use http::{Method, StatusCode};

    use crate::testing::{Browser, EVERYTHING};

    #[test]
    fn the_life_of_a_user() {
        let owner = Browser::owner();
        let page = owner.get("/console/users");
        assert!(page.has("There are no users yet") && page.has("/console/do/ram/CreateUser"), "{page:?}");
        let fields = [("UserName", "ann"), ("DisplayName", "Ann Lee"), ("Comments", "<b>a\u{202e}b")];
        let page = owner.post("/console/do/ram/CreateUser", &fields);
        assert!(page.at.starts_with("/console/users/ann?"), "{page:?}");
        assert!(page.has("<bdi>&lt;b&gt;a<span") && page.has("U+202E"), "{page:?}");
        assert!(owner.in_chinese().get("/console/users/ann").has("访问密钥"));
        assert!(owner.get("/console/users").has(r#"href="/console/users/ann""#));

        let to = "/console/do/ram/UpdateUser?UserName=ann";
        assert_eq!(owner.get(to).form("/console/do/ram/UpdateUser").get("NewDisplayName"), Some("Ann Lee"));
        let page = owner.post(to, &[("NewUserName", "anna"), ("NewComments", "")]);
        assert!(page.at.starts_with("/console/users/anna?") && !page.has("U+202E"), "{page:?}");

        owner.post("/console/do/ram/CreateGroup", &[("GroupName", "readers")]);
        let page = owner.post("/console/do/ram/AddUserToGroup?UserName=anna", &[("GroupName", "readers")]);
        assert!(page.has(r#"href="/console/groups/readers""#), "{page:?}");
        assert!(owner.get("/console/groups/readers").has(r#"href="/console/users/anna""#));

        let read = [("PolicyType", "System"), ("PolicyName", "AliyunKMSReadOnlyAccess")];
        let page = owner.post("/console/do/ram/AttachPolicyToUser?UserName=anna", &read);
        assert!(page.has("/console/policies/System/AliyunKMSReadOnlyAccess"), "{page:?}");

        let password = [("Password", "Correct-Horse-7")];
        let page = owner.post("/console/do/ram/CreateLoginProfile?UserName=anna", &password);
        assert!(page.has("Signs in with a password") && !page.has("Correct-Horse-7"), "{page:?}");

        let to = "/console/do/ram/DeleteUser?UserName=anna";
        let page = owner.post(to, &[("confirmation", "ann")]);
        assert_eq!(page.status, StatusCode::BAD_REQUEST);
        let page = owner.post(to, &[("confirmation", "anna")]);
        assert_eq!(page.status, StatusCode::CONFLICT, "{page:?}"); // it still has a group, a policy and a password
        let query = "?UserName=anna&GroupName=readers&PolicyType=System&PolicyName=AliyunKMSReadOnlyAccess";
        for action in ["RemoveUserFromGroup", "DetachPolicyFromUser"] {
            owner.post(&format!("/console/do/ram/{action}{query}"), &[]);
        }
        owner.post(&format!("/console/do/ram/DeleteLoginProfile{query}"), &[("confirmation", "anna")]);
        let page = owner.post(to, &[("confirmation", "anna")]);
        assert!(page.at.starts_with("/console/users?") && page.has("There are no users yet"), "{page:?}");
    }

    #[test]
    fn the_owner_of_a_store_reads_where_users_sign_in() {
        let owner = Browser::owner();
        assert!(owner.get("/console/users").has("only at a server"));
        assert!(owner.in_chinese().get("/console/users").has("用户才能登录"));
        assert!(!owner.user("ann", EVERYTHING).get("/console/users").has("only at a server"));
    }

    #[test]
    fn users_are_searched_by_name_and_turned_page_by_page() {
        let owner = Browser::owner();
        for number in 0..21 {
            owner.post("/console/do/ram/CreateUser", &[("UserName", &format!("u{number:02}"))]);
        }
        let page = owner.get("/console/users");
        assert!(page.has(">u19<") && !page.has(">u20<") && page.has("page=2"), "{page:?}");
        let page = owner.get("/console/users?page=2");
        assert!(page.has(">u20<") && !page.has(">u19<") && page.has("page=1"), "{page:?}");
        let page = owner.get("/console/users?text=U07");
        assert!(page.has(">u07<") && !page.has(">u08<"), "{page:?}");
        assert!(owner.get("/console/users?text=%3Cb%3E").has("No entry matches"));
    }

    #[test]
    fn the_secret_of_an_access_key_is_shown_or_downloaded_once() {
        let owner = Browser::owner();
        owner.post("/console/do/ram/CreateUser", &[("UserName", "ci")]);
        let path = "/console/do/ram/CreateAccessKey";
        let to = format!("{path}?UserName=ci");
        let page = owner.post(&to, &[]);
        assert!(page.has("shown only once") && page.has("AccessKeySecret"), "{page:?}");

        let mut fields = owner.get(&to).form(path);
        fields.set("second", "yes");
        let file = owner.send(&Method::POST, path, &fields.encode());
        let text = str::from_utf8(file.body.as_ref()).unwrap();
        let (id, secret) = text.lines().nth(1).unwrap().split_once(',').unwrap();
        let name = file.headers[CONTENT_DISPOSITION].to_str().unwrap();
        assert_eq!(name, format!("attachment; filename=\"AccessKey-{id}.csv\""));

        let page = owner.get("/console/users/ci");
        assert!(page.has(id) && !page.has(secret), "{page:?}");
        let change = "/console/do/ram/UpdateAccessKey";
        owner.send(&Method::POST, change, &page.form(change).encode());
        assert!(owner.get("/console/users/ci").has("Inactive"));
        let to = format!("/console/do/ram/DeleteAccessKey?UserName=ci&UserAccessKeyId={id}");
        assert!(!owner.post(&to, &[("confirmation", id)]).has(id));
    }

    #[test]
    fn the_page_states_what_a_caller_may_not_see_or_do() {
        let owner = Browser::owner();
        let policy =
            r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"ram:GetUser","Resource":"*"}]}"#;
        let ann = owner.user("ann", policy);
        assert_eq!(ann.get("/console/users").status, StatusCode::FORBIDDEN);
        let page = ann.get("/console/users/ann");
        assert_eq!(page.status, StatusCode::OK);
        for part in ["Groups", "Policies", "Access keys", "Signing in to the console"] {
            assert!(
                page.has(&format!("<h2>{part}</h2><p><span class=\"fine\">not allowed</span>")),
                "{part}: {page:?}"
            );
        }
        assert!(page.has("Delete the user (not allowed)") && !page.has("DeleteUser"), "{page:?}");
        let page = ann.post("/console/do/ram/CreateUser", &[("UserName", "eve")]);
        assert_eq!(page.status, StatusCode::FORBIDDEN);
        assert!(page.has("ram:CreateUser") && page.has("the-request-id"), "{page:?}");
        assert_eq!(owner.get("/console/users/eve").status, StatusCode::NOT_FOUND);
    }
}
