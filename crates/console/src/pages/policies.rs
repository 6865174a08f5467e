//! Policies: the list, and the page of one.

mod amount;

use bulla_wire::ram::{
    GetPolicy, GetPolicyVersion, ListEntitiesForPolicy, ListEntitiesForPolicyReply, ListPolicies,
    ListPolicyVersions, ListPolicyVersionsReply, Policy, PolicyType, PolicyVersion, ResourceType,
};
use bulla_wire::{Error, ErrorCode, Product};
use maud::{Markup, html};

use super::attached::{kind, kind_words, policy_link};
use super::parts::{marker, named, section, table, table_or, turning};
use super::{Page, tags};
use crate::context::Context;
use crate::forms::{self, button, link, link_as};
use crate::layout::{facts, foreign};
use crate::paths::{path, with_query};
use crate::texts::{self, text};
use crate::times::time;

pub(super) async fn list(context: &Context<'_>) -> Result<Page, Error> {
    let queried = context.request.queried();
    let policy_type = queried.non_empty("type").and_then(policy_type);
    let asked = ListPolicies { policy_type, marker: marker(context), max_items: Some(50), tag: None };
    let listed = context.ask(asked).await?;
    let row = |policy: &Policy| {
        vec![
            policy_link(policy.policy_type, &policy.policy_name),
            html! { (context.say(kind_words(policy.policy_type))) },
            foreign(&policy.description),
            html! { @if let Some(count) = policy.attachment_count { (count) } },
        ]
    };
    let rows: Vec<_> = listed.policies.policy.iter().map(row).collect();
    let heads = [texts::NAME, texts::TYPE, texts::DESCRIPTION, text("Attached to", "被引用次数")];
    let empty = text(
        "There are no policies of this type. Create one that allows what your programs need, and no more.",
        "没有此类型的权限策略。请创建只包含所需权限的策略。",
    );
    let content = html! {
        (forms::done(context))
        div.buttons { (link(context, Product::Ram, "CreatePolicy", &[])) }
        (types(context, policy_type))
        (table_or(context, &heads, &rows, empty))
        (turning(context, listed.marker.as_deref()))
    };
    Ok(Page { title: context.say(texts::POLICIES).to_owned(), content })
}

/// Links to the policies of one type.
fn types(context: &Context<'_>, shown: Option<PolicyType>) -> Markup {
    let here = path("policies", &[]);
    let of = |policy_type| with_query(&here, &[("type", kind(policy_type))]);
    let links = [
        (None, text("All", "全部"), here.clone()),
        (Some(PolicyType::Custom), kind_words(PolicyType::Custom), of(PolicyType::Custom)),
        (Some(PolicyType::System), kind_words(PolicyType::System), of(PolicyType::System)),
    ];
    html! {
        nav aria-label=(context.say(texts::TYPE)) {
            ul {
                @for (policy_type, label, to) in &links {
                    li { a href=(to) aria-current=[(*policy_type == shown).then_some("true")] { (context.say(*label)) } }
                }
            }
        }
    }
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
        (section(context, text("Versions", "版本"), &versions, |told| versions_of(context, &found.policy, told)))
        (section(context, text("Who has it", "授权对象"), &holders, |told| holders_of(context, &found.policy, told)))
        (attach(context, &found.policy))
        @if is_custom { (tags::of_ram(context, ResourceType::Policy, &found.policy.policy_name).await) }
    };
    Ok(Page { title: found.policy.policy_name.clone(), content })
}

/// The version that the address of the page names, else the one in force.
async fn shown_version(
    context: &Context<'_>,
    policy: &Policy,
    default: PolicyVersion,
) -> Result<PolicyVersion, Error> {
    let queried = context.request.queried();
    let Some(version) = queried.non_empty("version").filter(|version| *version != default.version_id) else {
        return Ok(default);
    };
    let asked = GetPolicyVersion {
        policy_type: policy.policy_type,
        policy_name: policy.policy_name.clone(),
        version_id: version.to_owned(),
    };
    Ok(context.ask(asked).await?.policy_version)
}

fn details(context: &Context<'_>, policy: &Policy) -> Markup {
    facts(
        &context.view,
        &[
            (texts::TYPE, html! { (context.say(kind_words(policy.policy_type))) }),
            (texts::DESCRIPTION, foreign(&policy.description)),
            (texts::CREATED, time(policy.create_date)),
            (text("Changed", "更新时间"), policy.update_date.map(time).unwrap_or_default()),
        ],
    )
}

fn actions(context: &Context<'_>, name: &str) -> Markup {
    // The type is for the actions that tell what the policy holds now.
    let known = [("PolicyName", name), ("PolicyType", "Custom")];
    html! {
        div.buttons {
            @for action in ["CreatePolicyVersion", "UpdatePolicyDescription", "DeletePolicy"] {
                (link(context, Product::Ram, action, &known))
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
        h2 { (context.say(texts::VERSION)) " " (foreign(&version.version_id)) " (" (context.say(state)) ")" }
        pre tabindex="0" { code { (version.policy_document) } }
    }
}

fn versions_of(context: &Context<'_>, policy: &Policy, told: &ListPolicyVersionsReply) -> Markup {
    let here = path("policies", &[kind(policy.policy_type), &policy.policy_name]);
    let is_custom = policy.policy_type == PolicyType::Custom;
    let row = |version: &PolicyVersion| {
        let known = [("PolicyName", &*policy.policy_name), ("VersionId", &*version.version_id)];
        let to = with_query(&here, &[("version", &version.version_id)]);
        let in_force = text("in force", "生效中");
        vec![
            html! { a href=(to) { (foreign(&version.version_id)) } },
            time(version.create_date),
            html! {
                @if version.is_default_version {
                    (context.say(in_force))
                } @else if is_custom {
                    div.buttons {
                        (button(context, Product::Ram, "SetDefaultPolicyVersion", text("Put in force", "设为默认"), &known))
                        (link(context, Product::Ram, "DeletePolicyVersion", &known))
                    }
                }
            },
        ]
    };
    let rows: Vec<_> = told.policy_versions.policy_version.iter().map(row).collect();
    table(context, &[texts::VERSION, texts::CREATED, texts::STATE], &rows)
}

fn holders_of(context: &Context<'_>, policy: &Policy, told: &ListEntitiesForPolicyReply) -> Markup {
    let row = |collection, name: &str, parameter, action, since| {
        let known = [
            (parameter, name),
            ("PolicyType", kind(policy.policy_type)),
            ("PolicyName", &policy.policy_name),
        ];
        vec![named(collection, name), time(since), link(context, Product::Ram, action, &known)]
    };
    let users = told.users.user.iter();
    let users =
        users.map(|user| row("users", &user.user_name, "UserName", "DetachPolicyFromUser", user.attach_date));
    let groups = told.groups.group.iter();
    let groups = groups.map(|group| {
        row("groups", &group.group_name, "GroupName", "DetachPolicyFromGroup", group.attach_date)
    });
    let roles = told.roles.role.iter();
    let roles =
        roles.map(|role| row("roles", &role.role_name, "RoleName", "DetachPolicyFromRole", role.attach_date));
    let lists: [(_, Vec<_>); 3] =
        [(texts::USERS, users.collect()), (texts::GROUPS, groups.collect()), (texts::ROLES, roles.collect())];
    html! {
        @if lists.iter().all(|(_, rows)| rows.is_empty()) {
            p { (context.say(text("Nobody has this policy.", "尚未授权给任何身份。"))) }
        }
        @for (title, rows) in lists.iter().filter(|(_, rows)| !rows.is_empty()) {
            (table(context, &[*title, text("Attached", "授权时间"), texts::ACTIONS], rows))
        }
    }
}

fn attach(context: &Context<'_>, policy: &Policy) -> Markup {
    let known = [("PolicyType", kind(policy.policy_type)), ("PolicyName", &*policy.policy_name)];
    html! {
        div.buttons {
            @for (action, label) in [
                ("AttachPolicyToUser", text("Attach to a user", "授权给用户")),
                ("AttachPolicyToGroup", text("Attach to a group", "授权给用户组")),
                ("AttachPolicyToRole", text("Attach to a role", "授权给角色")),
            ] { (link_as(context, Product::Ram, action, label, &known)) }
        }
    }
}

fn policy_type(typed: &str) -> Option<PolicyType> {
    [PolicyType::System, PolicyType::Custom].into_iter().find(|known| kind(*known) == typed)
}
