//! Roles: the list, and the page of one.

use bulla_kms::{FindRoles, On};
use bulla_wire::ram::{GetRole, ListPoliciesForRole, ResourceType, Role};
use bulla_wire::{Error, Product};
use maud::{Markup, html};

use super::attached::{Holder, policies};
use super::numbered::{self, PAGE_SIZE, page_number};
use super::parts::{document, empty_text, named, search, searched, table_or};
use super::{Page, may, tags};
use crate::context::Context;
use crate::forms;
use crate::layout::{facts, foreign};
use crate::offers::offer;
use crate::texts::{self, text};
use crate::times::time;

pub(super) async fn list(context: &Context<'_>) -> Result<Page, Error> {
    let found = context
        .find(FindRoles {
            text: searched(context),
            page_number: Some(page_number(context)),
            page_size: Some(PAGE_SIZE),
        })
        .await?;
    let row = |role: &Role| {
        vec![named("roles", &role.role_name), foreign(&role.description), time(role.create_date)]
    };
    let rows: Vec<_> = found.entries.iter().map(row).collect();
    let empty = text(
        "There are no roles yet. A role gives programs temporary credentials, without a secret of their own.",
        "还没有角色。角色为程序提供临时凭证，程序无需保存访问密钥。",
    );
    let content = html! {
        (forms::done(context))
        (search(context, &offer(context, Product::Ram, "CreateRole", On::Roles, &[])))
        (table_or(context, &[texts::NAME, texts::DESCRIPTION, texts::CREATED], &rows, empty_text(context, empty)))
        (numbered::page_links(context, found.total))
    };
    Ok(Page { title: context.text(texts::ROLES).to_owned(), content })
}

pub(super) async fn one(context: &Context<'_>, name: &str) -> Result<Page, Error> {
    let role = context.ask(GetRole { role_name: name.to_owned() }).await?.role;
    let name = &*role.role_name;
    let attached = context.ask(ListPoliciesForRole { role_name: name.to_owned() }).await;
    let parameters = [("RoleName", name)];
    let holder = Holder {
        attach: "AttachPolicyToRole",
        detach: "DetachPolicyFromRole",
        parameter: "RoleName",
        name,
        on: On::Role(name),
    };
    let content = html! {
        (forms::done(context))
        (details(context, &role))
        div.buttons {
            (offer(context, Product::Ram, "UpdateRole", On::Role(name), &parameters))
            (may::link(context, may::WHAT_IT_MAY, &[("who", &format!("role/{name}"))]))
            (offer(context, Product::Ram, "DeleteRole", On::Role(name), &parameters))
        }
        h2 { (context.text(text("Trust policy: who may assume the role", "信任策略：谁可以扮演此角色"))) }
        (document(role.assume_role_policy_document.as_deref().unwrap_or_default()))
        (policies(context, holder, &attached))
        (tags::of_ram(context, ResourceType::Role, name, On::Role(name)).await)
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
                html! { (role.max_session_duration) " " (context.text(text("seconds", "秒"))) },
            ),
            (texts::CREATED, time(role.create_date)),
            (text("Changed", "更新时间"), role.update_date.map(time).unwrap_or_default()),
        ],
    )
}

#[cfg(test)]
mod tests {
    use http::{Method, StatusCode};

    use crate::testing::Browser;

    #[test]
    fn the_life_of_a_role() {
        let owner = Browser::owner();
        assert!(owner.get("/console/roles").has("There are no roles yet"));
        let page = owner.post("/console/do/ram/CreateRole", &[("RoleName", "deploy")]);
        assert!(page.at.starts_with("/console/roles/deploy?") && page.has("sts:AssumeRole"), "{page:?}");
        assert!(owner.in_chinese().get("/console/roles/deploy").has("信任策略"));

        let path = "/console/do/ram/UpdateRole";
        let to = format!("{path}?RoleName=deploy");
        let now = owner.get(&to).form(path);
        assert_eq!(now.get("NewMaxSessionDuration"), Some("3600"));
        assert!(now.get("NewAssumeRolePolicyDocument").unwrap().contains("sts:AssumeRole"));
        let page = owner.post(&to, &[("NewMaxSessionDuration", "7200"), ("NewDescription", "for <ci>")]);
        assert!(page.has("7200 seconds") && page.has("for &lt;ci&gt;"), "{page:?}");

        let query = "?ResourceType=role&ResourceNames=deploy";
        let tag = [("Tag:name:0", "team"), ("Tag:value:0", "ops")];
        let page = owner.post(&format!("/console/do/ram/TagResources{query}"), &tag);
        assert!(page.at.starts_with("/console/roles/deploy?") && page.has("<bdi>team</bdi>"), "{page:?}");
        let remove = "/console/do/ram/UntagResources";
        owner.send(&Method::POST, remove, &page.form(remove).encode());
        assert!(owner.get("/console/roles/deploy").has("No tags."));

        owner.post("/console/do/ram/DeleteRole?RoleName=deploy", &[("confirmation", "deploy")]);
        assert_eq!(owner.get("/console/roles/deploy").status, StatusCode::NOT_FOUND);
    }
}
