//! Policies: the list, and the page of one.

mod amount;

use bulla_kms::{FindPolicies, On};
use bulla_wire::ram::{
    GetPolicy, GetPolicyVersion, ListEntitiesForPolicy, ListEntitiesForPolicyReply, ListPolicyVersions,
    ListPolicyVersionsReply, Policy, PolicyType, PolicyVersion, ResourceType,
};
use bulla_wire::{Error, ErrorCode, Product};
use maud::{Markup, html};

use super::attached::{kind, kind_words, on, policy_link};
use super::numbered::{self, PAGE_SIZE, page_number};
use super::parts::{empty_text, named, search, searched, section, table, table_or};
use super::{Page, tags};
use crate::context::Context;
use crate::forms;
use crate::layout::{facts, foreign};
use crate::offers::{offer, offer_all, offer_button};
use crate::paths::{path, with_query};
use crate::texts::{self, text};
use crate::times::time;

pub(super) async fn list(context: &Context<'_>) -> Result<Page, Error> {
    let query = FindPolicies {
        text: searched(context),
        page_number: Some(page_number(context)),
        page_size: Some(PAGE_SIZE),
    };
    let found = context.find(query).await?;
    let row = |policy: &Policy| {
        vec![
            policy_link(policy.policy_type, &policy.policy_name),
            html! { (context.text(kind_words(policy.policy_type))) },
            foreign(&policy.description),
            html! { @if let Some(count) = policy.attachment_count { (count) } },
        ]
    };
    let rows: Vec<_> = found.entries.iter().map(row).collect();
    let heads = [texts::NAME, texts::TYPE, texts::DESCRIPTION, text("Attached to", "被引用次数")];
    let empty = text(
        "There are no policies yet. Create one that allows what your programs need, and no more.",
        "还没有权限策略。请创建只包含所需权限的策略。",
    );
    let content = html! {
        (forms::done(context))
        (search(context, &offer(context, Product::Ram, "CreatePolicy", On::Policies, &[])))
        (table_or(context, &heads, &rows, empty_text(context, empty)))
        (numbered::page_links(context, found.total))
    };
    Ok(Page { title: context.text(texts::POLICIES).to_owned(), content })
}

pub(super) async fn one(context: &Context<'_>, typed: &str, name: &str) -> Result<Page, Error> {
    let Some(policy_type) = policy_type(typed) else {
        return Err(Error::with(ErrorCode::EntityNotExistPolicy, name));
    };
    let named = || name.to_owned();
    let found = context.ask(GetPolicy { policy_type, policy_name: named() }).await?;
    let versions = context.ask(ListPolicyVersions { policy_type, policy_name: named() }).await;
    let holders = context.ask(ListEntitiesForPolicy { policy_type, policy_name: named() }).await;
    let shown = shown_version(context, &found.policy, found.default_policy_version).await?;
    let is_custom = policy_type == PolicyType::Custom;
    let content = html! {
        (forms::done(context))
        (details(context, &found.policy))
        @if is_custom { (actions(context, &found.policy.policy_name)) }
        (document(context, &shown))
        (amount::show(context, policy_type, &shown.policy_document))
        (section(context, text("Versions", "版本"), &versions, |reply| versions_of(context, &found.policy, reply)))
        (section(context, text("Attached to", "授权对象"), &holders, |reply| holders_of(context, &found.policy, reply)))
        (attach(context, &found.policy))
        @if is_custom { (tags::of_ram(context, ResourceType::Policy, &found.policy.policy_name, On::Policy(&found.policy.policy_name)).await) }
    };
    Ok(Page { title: found.policy.policy_name.clone(), content })
}

/// Returns the version that the query names, else the default version.
async fn shown_version(
    context: &Context<'_>,
    policy: &Policy,
    default: PolicyVersion,
) -> Result<PolicyVersion, Error> {
    let queried = context.request.queried();
    let Some(version) = queried.non_empty("version").filter(|version| *version != default.version_id) else {
        return Ok(default);
    };
    let query = GetPolicyVersion {
        policy_type: policy.policy_type,
        policy_name: policy.policy_name.clone(),
        version_id: version.to_owned(),
    };
    Ok(context.ask(query).await?.policy_version)
}

fn details(context: &Context<'_>, policy: &Policy) -> Markup {
    facts(
        &context.view,
        &[
            (texts::TYPE, html! { (context.text(kind_words(policy.policy_type))) }),
            (texts::DESCRIPTION, foreign(&policy.description)),
            (texts::CREATED, time(policy.create_date)),
            (text("Changed", "更新时间"), policy.update_date.map(time).unwrap_or_default()),
        ],
    )
}

fn actions(context: &Context<'_>, name: &str) -> Markup {
    // The actions that read the current values for the forms need the type.
    let parameters = [("PolicyName", name), ("PolicyType", "Custom")];
    html! {
        div.buttons {
            @for action in ["CreatePolicyVersion", "UpdatePolicyDescription", "DeletePolicy"] {
                (offer(context, Product::Ram, action, On::Policy(name), &parameters))
            }
        }
    }
}

fn document(context: &Context<'_>, version: &PolicyVersion) -> Markup {
    let state = if version.is_default_version {
        text("in force", "默认版本，生效中")
    } else {
        text("not in force", "非默认版本，未生效")
    };
    html! {
        h2 { (context.text(texts::VERSION)) " " (foreign(&version.version_id)) (context.text(texts::OPEN)) (context.text(state)) (context.text(texts::CLOSE)) }
        pre tabindex="0" { code { (version.policy_document) } }
    }
}

fn versions_of(context: &Context<'_>, policy: &Policy, reply: &ListPolicyVersionsReply) -> Markup {
    let here = path("policies", &[kind(policy.policy_type), &policy.policy_name]);
    let is_custom = policy.policy_type == PolicyType::Custom;
    let this = on(policy.policy_type, &policy.policy_name);
    let row = |version: &PolicyVersion| {
        let parameters = [("PolicyName", &*policy.policy_name), ("VersionId", &*version.version_id)];
        let to = with_query(&here, &[("version", &version.version_id)]);
        let in_force = text("in force", "生效中");
        vec![
            html! { a href=(to) { (foreign(&version.version_id)) } },
            time(version.create_date),
            html! {
                @if version.is_default_version {
                    (context.text(in_force))
                } @else if is_custom {
                    div.buttons {
                        (offer_button(context, Product::Ram, "SetDefaultPolicyVersion", text("Put in force", "设为默认"), this, &parameters))
                        (offer(context, Product::Ram, "DeletePolicyVersion", this, &parameters))
                    }
                }
            },
        ]
    };
    let rows: Vec<_> = reply.policy_versions.policy_version.iter().map(row).collect();
    table(context, &[texts::VERSION, texts::CREATED, texts::STATE], &rows)
}

fn holders_of(context: &Context<'_>, policy: &Policy, reply: &ListEntitiesForPolicyReply) -> Markup {
    let this = on(policy.policy_type, &policy.policy_name);
    let row = |collection, holder, name: &str, parameter, action, since| {
        let parameters = [
            (parameter, name),
            ("PolicyType", kind(policy.policy_type)),
            ("PolicyName", &policy.policy_name),
        ];
        vec![
            named(collection, name),
            time(since),
            offer_all(context, Product::Ram, action, None, &[this, holder], &parameters),
        ]
    };
    let users = reply.users.user.iter();
    let users = users.map(|user| {
        row(
            "users",
            On::User(&user.user_name),
            &user.user_name,
            "UserName",
            "DetachPolicyFromUser",
            user.attach_date,
        )
    });
    let groups = reply.groups.group.iter();
    let groups = groups.map(|group| {
        row(
            "groups",
            On::Group(&group.group_name),
            &group.group_name,
            "GroupName",
            "DetachPolicyFromGroup",
            group.attach_date,
        )
    });
    let roles = reply.roles.role.iter();
    let roles = roles.map(|role| {
        row(
            "roles",
            On::Role(&role.role_name),
            &role.role_name,
            "RoleName",
            "DetachPolicyFromRole",
            role.attach_date,
        )
    });
    let lists: [(_, Vec<_>); 3] =
        [(texts::USERS, users.collect()), (texts::GROUPS, groups.collect()), (texts::ROLES, roles.collect())];
    html! {
        @if lists.iter().all(|(_, rows)| rows.is_empty()) {
            p { (context.text(text("Not attached.", "尚未授权给任何身份。"))) }
        }
        @for (title, rows) in lists.iter().filter(|(_, rows)| !rows.is_empty()) {
            (table(context, &[*title, text("Attached", "授权时间"), texts::ACTIONS], rows))
        }
    }
}

fn attach(context: &Context<'_>, policy: &Policy) -> Markup {
    let parameters = [("PolicyType", kind(policy.policy_type)), ("PolicyName", &*policy.policy_name)];
    let this = on(policy.policy_type, &policy.policy_name);
    html! {
        div.buttons {
            @for (action, label) in [
                ("AttachPolicyToUser", text("Attach to a user", "授权给用户")),
                ("AttachPolicyToGroup", text("Attach to a group", "授权给用户组")),
                ("AttachPolicyToRole", text("Attach to a role", "授权给角色")),
            ] { (offer_all(context, Product::Ram, action, Some(label), &[this], &parameters)) }
        }
    }
}

fn policy_type(typed: &str) -> Option<PolicyType> {
    [PolicyType::System, PolicyType::Custom].into_iter().find(|candidate| kind(*candidate) == typed)
}

#[cfg(test)]
mod tests {
    use http::{Method, StatusCode};

    use crate::testing::Browser;

    const BROKEN: &str =
        "{\n \"Version\": \"1\",\n \"Statement\": [{\"Effect\": \"Allow\", \"Acton\": \"<i>\"}]\n}";
    const GRANTING: &str =
        r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"ram:CreateAccessKey","Resource":"*"}]}"#;
    const PLAIN: &str =
        r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}]}"#;

    #[test]
    fn the_editor_shows_errors_with_their_place() {
        let owner = Browser::owner();
        let to = "/console/do/ram/CreatePolicy";
        let template = owner.get(to).form(to);
        let account = owner.site.kms.account().to_owned();
        assert!(template.get("PolicyDocument").unwrap().contains(&format!("acs:kms:*:{account}:key/*")));
        let page = owner.post(to, &[("PolicyName", "p"), ("PolicyDocument", BROKEN)]);
        assert_eq!(page.status, StatusCode::BAD_REQUEST);
        assert!(page.has("line 3, column 36, Statement[0].Acton"), "{page:?}");
        assert!(page.has("<mark>&quot;Acton&quot;: &quot;&lt;i&gt;"), "{page:?}");
        assert_eq!(page.form(to).get("PolicyDocument"), Some(BROKEN));
        let page = owner.in_chinese().post(to, &[("PolicyDocument", BROKEN), ("PolicyName", "p")]);
        let problem = "策略文档有误：<span lang=\"en\"><bdi>line 3, column 36";
        assert!(page.has("第 3 行") && page.has(problem), "{page:?}");
        // The template is a policy.
        assert!(owner.post(to, &[("PolicyName", "p")]).at.starts_with("/console/policies/Custom/p?"));
    }

    #[test]
    fn a_policy_has_versions_holders_and_what_it_amounts_to() {
        let owner = Browser::owner();
        owner.post("/console/do/ram/CreatePolicy", &[("PolicyName", "p"), ("PolicyDocument", GRANTING)]);
        let page = owner.get("/console/policies/Custom/p");
        assert!(page.has("line 1: <code>ram:CreateAccessKey</code>") && page.has("Not attached"), "{page:?}");
        let page = owner.in_chinese().get("/console/policies/Custom/p");
        assert!(page.has("提权风险") && page.has("可以让调用者以该用户的身份操作"), "{page:?}");

        let to = "/console/do/ram/CreatePolicyVersion?PolicyName=p&PolicyType=Custom";
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let form = owner.get(to).form("/console/do/ram/CreatePolicyVersion");
        assert_eq!(json(form.get("PolicyDocument").unwrap()), json(GRANTING)); // with a member on each line
        let page = owner.post(to, &[("PolicyDocument", PLAIN)]);
        assert!(page.has("version=v2"), "{page:?}");
        assert!(
            owner
                .get("/console/policies/Custom/p?version=v2")
                .has("No statement allows privilege escalation")
        );
        let set = "/console/do/ram/SetDefaultPolicyVersion";
        owner.send(&Method::POST, set, &page.form(set).encode());
        assert!(owner.get("/console/policies/Custom/p").has("Version <bdi>v2</bdi> (in force)"));

        owner.post("/console/do/ram/CreateUser", &[("UserName", "ann")]);
        let query = "PolicyType=Custom&PolicyName=p&UserName=ann";
        owner.post(&format!("/console/do/ram/AttachPolicyToUser?{query}"), &[]);
        assert!(owner.get("/console/policies/Custom/p").has(r#"href="/console/users/ann""#));
        owner.post(&format!("/console/do/ram/DetachPolicyFromUser?{query}"), &[]);
        let to = "/console/do/ram/DeletePolicy?PolicyName=p";
        owner.post(to, &[("confirmation", "p"), ("CascadingDelete", "true")]);
        assert_eq!(owner.get("/console/policies/Custom/p").status, StatusCode::NOT_FOUND);
    }

    #[test]
    fn system_policies_are_listed_and_read_only() {
        let owner = Browser::owner();
        assert!(owner.get("/console/policies").has("AliyunKMSFullAccess"));
        assert!(!owner.get("/console/policies?text=ReadOnly").has("AliyunKMSFullAccess"));
        let page = owner.get("/console/policies/System/AliyunKMSFullAccess");
        assert!(page.has("Privilege escalation") && !page.has("CreatePolicyVersion"), "{page:?}");
        for path in ["/console/policies/Custom/no", "/console/policies/Other/p"] {
            assert_eq!(owner.get(path).status, StatusCode::NOT_FOUND);
        }
    }
}
