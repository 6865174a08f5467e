//! The account: its id and alias, the access keys and the MFA device of the caller, and all MFA devices.

use bulla_kms::On;
use bulla_wire::ram::GetAccountAlias;
use bulla_wire::sts::{GetCallerIdentity, IdentityType};
use bulla_wire::{Error, Product};
use maud::html;

use super::parts::unavailable;
use super::{Page, access_keys, mfa_devices};
use crate::context::Context;
use crate::forms;
use crate::layout::{facts, foreign};
use crate::offers::offer;
use crate::texts::{self, text};

pub(super) async fn show(context: &Context<'_>) -> Result<Page, Error> {
    let caller = context.ask(GetCallerIdentity {}).await?;
    let alias = context.ask(GetAccountAlias {}).await;
    let shown = match &alias {
        Ok(reply) if reply.account_alias.is_empty() => html! { (context.text(texts::NONE)) },
        Ok(reply) => foreign(&reply.account_alias),
        Err(error) => unavailable(context, error),
    };
    let has_alias = alias.is_ok_and(|reply| !reply.account_alias.is_empty());
    // acs:ram::ACCOUNT:user/NAME
    let own = match caller.arn.split_once(":user/") {
        Some((_, name)) => On::User(name),
        None => On::Account,
    };
    let is_root = caller.identity_type == IdentityType::Account;
    let advice = text(
        "You are signed in as the account itself (root), which no policy restricts. Create a user for each person and program, and keep the \
         account's access key for emergencies.",
        "你正以账号（主账号）身份操作，不受任何策略限制。请为每个人和程序创建用户，账号的访问密钥只在紧急情况下使用。",
    );
    let content = html! {
        (forms::done(context))
        @if is_root { p { (context.text(advice)) } }
        (facts(&context.view, &[
            (text("Account id", "账号 ID"), html! { code { (caller.account_id) } }),
            (texts::ALIAS, shown),
            (text("You are", "当前身份"), html! { code { (foreign(&caller.arn)) } }),
        ]))
        div.buttons {
            (offer(context, Product::Ram, "SetAccountAlias", On::Account, &[]))
            @if has_alias { (offer(context, Product::Ram, "ClearAccountAlias", On::Account, &[])) }
        }
        (access_keys::of(context, None, own).await)
        (mfa_devices::own(context))
        (mfa_devices::all(context).await)
    };
    Ok(Page { title: context.text(texts::ACCOUNT).to_owned(), content })
}

#[cfg(test)]
mod tests {
    use crate::testing::Browser;

    #[test]
    fn the_account_has_an_alias_and_the_caller_has_access_keys() {
        let owner = Browser::owner();
        let page = owner.post("/console/do/ram/SetAccountAlias", &[("AccountAlias", "apollo")]);
        assert!(page.at.starts_with("/console/account?") && page.has("<bdi>apollo</bdi>"), "{page:?}");
        assert!(owner.in_chinese().get("/console/account").has("主账号"));
        assert!(!owner.post("/console/do/ram/ClearAccountAlias", &[]).has("<bdi>apollo</bdi>"));
        let page = owner.post("/console/do/ram/CreateAccessKey", &[]);
        assert!(page.has("shown only once"), "{page:?}");
        assert!(owner.get("/console/account").has("UserAccessKeyId="));

        let policy = r#"{"Version":"1","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
        let page = owner.user("ann", policy).get("/console/account");
        assert!(page.has("user/ann") && !page.has("no policy restricts"), "{page:?}");
        assert!(page.has("Create an access key (not allowed)"), "{page:?}");
    }
}
