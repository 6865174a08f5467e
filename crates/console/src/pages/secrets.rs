//! Secrets: the list, and the page of one. Neither contains a value, which is shown by a form of its own.

use bulla_kms::{FindSecrets, On};
use bulla_wire::kms::{
    DescribeSecret, DescribeSecretReply, GetSecretPolicy, ListSecretVersionIds, ListSecretVersionIdsReply,
    SecretEntry, SecretVersionEntry,
};
use bulla_wire::{Error, Parameters, Product};
use maud::{Markup, html};

use super::numbered::{self, PAGE_SIZE, page_number};
use super::parts::{document, empty_text, named, search, searched, section, table, table_or};
use super::{Page, tags};
use crate::context::Context;
use crate::forms;
use crate::layout::{facts, foreign};
use crate::offers::{offer, offer_all, offer_button};
use crate::paths::path;
use crate::texts::{self, text};
use crate::times::time;

pub(super) async fn list(context: &Context<'_>) -> Result<Page, Error> {
    let query = FindSecrets {
        text: searched(context),
        page_number: Some(page_number(context)),
        page_size: Some(PAGE_SIZE),
    };
    let found = context.find(query).await?;
    let row = |secret: &SecretEntry| {
        vec![
            named("secrets", &secret.secret_name),
            time(secret.create_time),
            time(secret.update_time),
            deletion(context, secret),
        ]
    };
    let rows: Vec<_> = found.entries.iter().map(row).collect();
    let heads = [texts::NAME, texts::CREATED, text("Changed", "更新时间"), texts::STATE];
    let empty = text(
        "There are no secrets yet. Store the first password or token here, and let programs read it by its name.",
        "还没有凭据。请把第一个密码或令牌存放在这里，让程序按名称读取。",
    );
    let create = offer(context, Product::Kms, "CreateSecret", On::Secrets, &[("VersionId", "v1")]);
    let content = html! {
        (forms::done(context))
        (search(context, &create))
        (table_or(context, &heads, &rows, empty_text(context, empty)))
        (numbered::page_links(context, found.total))
    };
    Ok(Page { title: context.text(texts::SECRETS).to_owned(), content })
}

fn deletion(context: &Context<'_>, secret: &SecretEntry) -> Markup {
    html! {
        @if let Some(at) = secret.planned_delete_time {
            (context.text(text("to be deleted at ", "计划删除："))) (time(at))
        } @else {
            (context.text(text("in use", "使用中")))
        }
    }
}

pub(super) async fn one(context: &Context<'_>, name: &str) -> Result<Page, Error> {
    let query = DescribeSecret { secret_name: name.to_owned(), fetch_tags: Some(true) };
    let secret = context.ask(query).await?;
    let versions = ListSecretVersionIds {
        secret_name: secret.secret_name.clone(),
        include_deprecated: Some(true),
        page_number: None,
        page_size: Some(100),
    };
    let versions = context.ask(versions).await;
    let query = GetSecretPolicy { secret_name: secret.secret_name.clone(), policy_name: None };
    let policy = context.ask(query).await;
    let parameters = [("SecretName", &*secret.secret_name)];
    let on = On::Secret(&secret.secret_name);
    let next = versions.as_ref().map_or_else(|_| String::new(), next_version);
    let tags = secret.tags.iter().flat_map(|tags| &tags.tag);
    let tags = Ok(tags.map(|tag| (tag.tag_key.clone(), tag.tag_value.clone())).collect());
    let content = html! {
        (forms::done(context))
        (details(context, &secret))
        (actions(context, &secret, &next))
        (section(context, text("Versions", "版本"), &versions, |reply| versions_of(context, &secret, reply)))
        (section(context, text("Policy of the secret", "凭据策略"), &policy, |reply| document(&reply.policy)))
        div.buttons { (offer(context, Product::Kms, "SetSecretPolicy", on, &parameters)) }
        (tags::show(context, &tags, Product::Kms, ["TagResource", "UntagResource"], on, &parameters))
        (use_it(context, &secret.secret_name))
    };
    Ok(Page { title: secret.secret_name.clone(), content })
}

fn details(context: &Context<'_>, secret: &DescribeSecretReply) -> Markup {
    let key = match &secret.encryption_key_id {
        Some(key) => html! { a href=(path("keys", &[key])) { code { (foreign(key)) } } },
        None => html! { (context.text(text("a key of the server", "服务器的密钥"))) },
    };
    let mut details = vec![
        (texts::DESCRIPTION, foreign(&secret.description)),
        (text("ARN", "ARN"), html! { code { (foreign(&secret.arn)) } }),
        (text("Encrypted with", "加密密钥"), key),
        (texts::CREATED, time(secret.create_time)),
        (text("Changed", "更新时间"), time(secret.update_time)),
    ];
    if let Some(at) = secret.planned_delete_time {
        details.push((text("To be deleted", "计划删除时间"), time(at)));
    }
    facts(&context.view, &details)
}

/// Shows the actions on a secret. One that is pending deletion can only be restored.
fn actions(context: &Context<'_>, secret: &DescribeSecretReply, next: &str) -> Markup {
    let name = ("SecretName", &*secret.secret_name);
    let on = On::Secret(&secret.secret_name);
    html! {
        div.buttons {
            @if secret.planned_delete_time.is_some() {
                (offer(context, Product::Kms, "RestoreSecret", on, &[name]))
            } @else {
                (offer_button(context, Product::Kms, "GetSecretValue", text("Show the value", "查看凭据值"), on, &[name]))
                (offer(context, Product::Kms, "PutSecretValue", on, &[name, ("VersionId", next)]))
                (offer(context, Product::Kms, "UpdateSecret", on, &[name]))
                (offer(context, Product::Kms, "DeleteSecret", on, &[name]))
            }
        }
    }
}

fn versions_of(
    context: &Context<'_>,
    secret: &DescribeSecretReply,
    reply: &ListSecretVersionIdsReply,
) -> Markup {
    let versions = &reply.version_ids.version_id;
    let on = On::Secret(&secret.secret_name);
    let has = |version: &SecretVersionEntry, stage: &str| {
        version.version_stages.version_stage.iter().any(|label| label == stage)
    };
    let current = versions.iter().find(|version| has(version, CURRENT));
    let current = current.map_or("", |version| &*version.version_id);
    let row = |version: &SecretVersionEntry| {
        let name = ("SecretName", &*secret.secret_name);
        let id = &*version.version_id;
        let moved = [name, ("VersionStage", CURRENT), ("RemoveFromVersion", current), ("MoveToVersion", id)];
        let stages = &version.version_stages.version_stage;
        let acts = secret.planned_delete_time.is_none();
        vec![
            foreign(id),
            time(version.create_time),
            html! { @for stage in stages { code { (foreign(stage)) } " " } },
            html! {
                div.buttons {
                    @if acts && !stages.is_empty() {
                        (offer_button(context, Product::Kms, "GetSecretValue", text("Show the value", "查看凭据值"), on, &[name, ("VersionId", id)]))
                    }
                    @if acts && id != current {
                        (offer_all(context, Product::Kms, "UpdateSecretVersionStage", Some(text("Make it current", "设为当前版本")), &[on], &moved))
                    }
                }
            },
        ]
    };
    let rows: Vec<_> = versions.iter().map(row).collect();
    let heads = [texts::VERSION, texts::CREATED, text("Stages", "版本状态"), texts::ACTIONS];
    html! {
        (table(context, &heads, &rows))
        @if secret.planned_delete_time.is_none() {
            div.buttons {
                (offer(context, Product::Kms, "UpdateSecretVersionStage", on, &[("SecretName", &secret.secret_name)]))
            }
        }
    }
}

/// Returns an unused name for the next version, judged by the listed versions.
fn next_version(reply: &ListSecretVersionIdsReply) -> String {
    let versions = &reply.version_ids.version_id;
    let is_free = |name: &String| versions.iter().all(|version| version.version_id != *name);
    (reply.total_count + 1..).map(|number| format!("v{number}")).find(is_free).unwrap_or_default()
}

/// Shows how programs read the secret.
fn use_it(context: &Context<'_>, name: &str) -> Markup {
    let get = forms::find(Product::Kms, "GetSecretValue").expect("it is in the table");
    let mut parameters = Parameters::default();
    parameters.set("SecretName", name);
    html! {
        h2 { (context.text(text("Read it from a program", "在程序中读取"))) }
        @if let Some(commands) = forms::command::show(context, get, &parameters) { (commands) }
    }
}

const CURRENT: &str = "ACSCurrent";

#[cfg(test)]
mod tests {
    use bulla_wire::Product;
    use http::{Method, StatusCode};

    use crate::testing::Browser;

    const VALUE: &str = "swordfish <&>";
    const SHOW: &str = "/console/do/kms/GetSecretValue";

    #[test]
    fn the_life_of_a_secret() {
        let owner = Browser::owner();
        assert!(owner.get("/console/secrets").has("There are no secrets yet"));
        let to = "/console/do/kms/CreateSecret?VersionId=v1";
        let page = owner.post(to, &[("SecretName", "db/password"), ("SecretData", VALUE)]);
        assert!(page.at.starts_with("/console/secrets/db%2Fpassword?"), "{page:?}");
        assert!(page.has("ACSCurrent") && !page.has("swordfish"), "{page:?}");
        assert!(owner.in_chinese().get("/console/secrets/db%2Fpassword").has("凭据策略"));

        let shown = owner.send(&Method::POST, SHOW, &page.form(SHOW).encode());
        assert!(
            str::from_utf8(shown.body.as_ref()).unwrap().contains("<code>swordfish &lt;&amp;&gt;</code>")
        );
        assert!(!owner.get(&format!("{SHOW}?SecretName=db%2Fpassword")).has("swordfish"));

        let query = "?SecretName=db%2Fpassword&VersionId=v2";
        let page = owner.post(&format!("/console/do/kms/PutSecretValue{query}"), &[("SecretData", "next")]);
        assert!(page.has("ACSPrevious") && page.has("VersionId=v3"), "{page:?}");
        let move_back = "/console/do/kms/UpdateSecretVersionStage?SecretName=db%2Fpassword&VersionStage=ACSCurrent&\
                         RemoveFromVersion=v2&MoveToVersion=v1";
        assert!(page.html.replace("&amp;", "&").contains(move_back), "{page:?}");
        owner.post(move_back, &[]);
        let current = owner.call(Product::Kms, "GetSecretValue", &[("SecretName", "db/password")]).unwrap();
        assert_eq!(current["SecretData"], VALUE);

        let to = "/console/do/kms/DeleteSecret?SecretName=db%2Fpassword";
        owner.post(to, &[("confirmation", "db/password"), ("RecoveryWindowInDays", "7")]);
        assert!(owner.get("/console/secrets").has("to be deleted at"));
        let page = owner.get("/console/secrets/db%2Fpassword");
        assert!(page.has("RestoreSecret") && !page.has("GetSecretValue\""), "{page:?}");
        let page = owner.post("/console/do/kms/RestoreSecret?SecretName=db%2Fpassword", &[]);
        assert!(page.has("PutSecretValue"), "{page:?}");
        owner.post(to, &[("confirmation", "db/password"), ("ForceDeleteWithoutRecovery", "true")]);
        assert_eq!(owner.get("/console/secrets/db%2Fpassword").status, StatusCode::NOT_FOUND);
    }

    #[test]
    fn a_generated_password_is_stored_and_enters_no_page() {
        let owner = Browser::owner();
        let to = "/console/do/kms/CreateSecret";
        let page = owner.post(to, &[("SecretName", "s"), ("VersionId", "v1"), ("second", "yes")]);
        let value = owner.call(Product::Kms, "GetSecretValue", &[("SecretName", "s")]).unwrap();
        let value = value["SecretData"].as_str().unwrap();
        assert_eq!(value.len(), 32);
        assert!(!page.has(value));
        // No response contains the value, regardless of the error.
        let page = owner.post(to, &[("SecretName", "s"), ("VersionId", "v1"), ("SecretData", VALUE)]);
        assert!(page.status.is_client_error() && !page.has("swordfish"), "{page:?}");
    }

    #[test]
    fn policies_tags_and_names_of_secrets() {
        let owner = Browser::owner();
        for name in ["apollo", "gemini"] {
            let fields = [("SecretName", name), ("VersionId", "v1"), ("SecretData", "x")];
            owner.post("/console/do/kms/CreateSecret", &fields);
        }
        let page = owner.get("/console/secrets?text=gem");
        assert!(page.has(">gemini<") && !page.has(">apollo<"), "{page:?}");
        let path = "/console/do/kms/SetSecretPolicy";
        let to = format!("{path}?SecretName=apollo");
        assert!(owner.get(&to).form(path).get("Policy").unwrap().contains("Principal"));
        assert!(owner.post(&to, &[("Policy", "{\"Version\":1}")]).has("line 1, column"));
        let tag = [("Tags:name:0", "team"), ("Tags:value:0", "ops")];
        let page = owner.post("/console/do/kms/TagResource?SecretName=apollo", &tag);
        assert!(page.at.starts_with("/console/secrets/apollo?") && page.has("<bdi>ops</bdi>"), "{page:?}");
        let remove = "/console/do/kms/UntagResource";
        owner.send(&Method::POST, remove, &page.form(remove).encode());
        assert!(owner.get("/console/secrets/apollo").has("No tags."));

        let look =
            r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:Describe*","Resource":"*"}]}"#;
        let ann = owner.user("ann", look);
        assert_eq!(ann.get("/console/secrets").status, StatusCode::FORBIDDEN);
        let page = ann.get("/console/secrets/apollo");
        assert!(page.has("not allowed"), "{page:?}");
        assert!(page.has("Show the value (not allowed)") && !page.has(SHOW), "{page:?}");
        assert_eq!(ann.post(&format!("{SHOW}?SecretName=apollo"), &[]).status, StatusCode::FORBIDDEN);
    }
}
