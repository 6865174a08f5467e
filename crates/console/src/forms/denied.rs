//! The mark at the button of a form whose action the caller may not call.
//!
//! The button stays: policies can have conditions on facts that only the request has, such as its encryption context.

use bulla_kms::{Caller, On};
use bulla_wire::Parameters;
use maud::{Markup, html};

use super::Form;
use crate::context::Context;
use crate::offers::may_all;
use crate::texts;

/// The id of the mark, by which the button refers to it. A page has one such form.
const MARK: &str = "not-allowed";

/// Whether the policies of the caller deny the action of a form on a resource that its fields name.
#[derive(Clone, Copy)]
pub(super) struct Denied(bool);

impl Denied {
    pub(super) fn of(context: &Context<'_>, form: &Form, fields: &Parameters) -> Self {
        let own = context.view.name.as_deref().unwrap_or_default();
        let on = resources(form, fields).unwrap_or_else(|| vec![own_account(context.origin.caller(), own)]);
        Self(!may_all(context, form.product, form.action, &on))
    }

    /// Returns what describes the button.
    pub(super) fn described_by(self) -> Option<&'static str> {
        self.0.then_some(MARK)
    }

    pub(super) fn mark(self, context: &Context<'_>) -> Markup {
        html! { @if self.0 { span.fine id=(MARK) { (context.text(texts::NOT_ALLOWED)) } } }
    }
}

/// Returns the resources that the fields of a form name, all of which need the permission. Empty fields name none. `None` for
/// access keys of the caller, whose forms name no user.
fn resources<'f>(form: &Form, fields: &'f Parameters) -> Option<Vec<On<'f>>> {
    let value = |name: &str| {
        let has = form.fields.iter().any(|field| field.parameter == name);
        fields.non_empty(name).filter(|_| has)
    };
    Some(match form.action {
        "CreateKey" => vec![On::Keys],
        "CreateSecret" => vec![On::Secrets],
        "CreateUser" => vec![On::Users],
        "CreateGroup" => vec![On::Groups],
        "CreateRole" => vec![On::Roles],
        "CreatePolicy" => vec![On::Policies],
        "CreateVirtualMFADevice" => vec![On::MfaDevices],
        "GetRandomPassword" => vec![On::Anything],
        "SetAccountAlias" | "ClearAccountAlias" => vec![On::Account],
        "CreateAccessKey" | "UpdateAccessKey" | "DeleteAccessKey" => vec![On::User(value("UserName")?)],
        "TagResources" | "UntagResources" => match (value("ResourceType"), value("ResourceNames")) {
            (Some("role"), Some(name)) => vec![On::Role(name)],
            (Some("policy"), Some(name)) => vec![On::Policy(name)],
            _ => Vec::new(),
        },
        _ => named(value).collect(),
    })
}

/// Returns the resources that parameters name in every action that takes them.
fn named<'f>(value: impl Fn(&str) -> Option<&'f str>) -> impl Iterator<Item = On<'f>> {
    let policy = match value("PolicyType") {
        Some("System") => On::SystemPolicy,
        _ => On::Policy,
    };
    let named = [
        value("KeyId").map(On::Key),
        value("AliasName").map(On::Alias),
        value("SecretName").map(On::Secret),
        value("UserName").map(On::User),
        value("GroupName").map(On::Group),
        value("RoleName").map(On::Role),
        value("PolicyName").map(policy),
        value("SerialNumber").map(On::MfaDevice),
    ];
    named.into_iter().flatten()
}

/// Returns the holder of the caller's own access keys.
fn own_account<'n>(caller: &Caller, name: &'n str) -> On<'n> {
    match caller {
        Caller::User { .. } => On::User(name),
        _ => On::Account,
    }
}
