//! Links to forms, shown as denied if the caller may not call their actions.

use bulla_kms::{Kms, On, Origin};
use bulla_wire::Product;
use maud::{Markup, html};

use crate::context::Context;
use crate::forms::{button, find, link_as};
use crate::layout::not_allowed;
use crate::texts::Text;

/// Returns a link to the form of an action, or a note that the caller may not call it.
pub(crate) fn offer(
    context: &Context<'_>,
    product: Product,
    action: &str,
    on: On<'_>,
    parameters: &[(&str, &str)],
) -> Markup {
    offer_all(context, product, action, None, &[on], parameters)
}

/// As [`offer`], for an action on several resources, and with an optional label.
pub(crate) fn offer_all(
    context: &Context<'_>,
    product: Product,
    action: &str,
    label: Option<Text>,
    on: &[On<'_>],
    parameters: &[(&str, &str)],
) -> Markup {
    let form = find(product, action).expect("a page links to forms of the table");
    let label = label.unwrap_or(form.title);
    if may_all(context, product, action, on) {
        return link_as(context, product, action, label, parameters);
    }
    denied(context, label)
}

/// Returns a button that calls an action at once, or a note that the caller may not call it.
pub(crate) fn offer_button(
    context: &Context<'_>,
    product: Product,
    action: &str,
    label: Text,
    on: On<'_>,
    parameters: &[(&str, &str)],
) -> Markup {
    if may_all(context, product, action, &[on]) {
        return button(context, product, action, label, parameters);
    }
    denied(context, label)
}

/// Whether the caller may read the state of backups. Pages leave it out for other callers, so that a visit of theirs is no
/// denied request in the audit trail.
pub(crate) fn may_read_backups(context: &Context<'_>) -> bool {
    may_all(context, Product::Kms, "DescribeBackups", &[On::Anything])
}

/// Whether the caller has the permission for an action on all of these resources.
pub(crate) fn may_all(context: &Context<'_>, product: Product, action: &str, on: &[On<'_>]) -> bool {
    on.iter().all(|on| context.kms.may(product, action, *on, &context.origin))
}

/// Shows what the caller may not do.
pub(crate) fn denied(context: &Context<'_>, label: Text) -> Markup {
    html! { span.action.denied { (not_allowed(&context.view, label)) } }
}

/// Returns the pages of the navigation that the caller may not open, by their path below the prefix.
pub(crate) fn denied_pages(kms: &Kms, origin: &Origin) -> Vec<&'static str> {
    let lists = [
        ("keys", Product::Kms, "ListKeys", On::Keys),
        ("aliases", Product::Kms, "ListAliases", On::Aliases),
        ("secrets", Product::Kms, "ListSecrets", On::Secrets),
        ("users", Product::Ram, "ListUsers", On::Users),
        ("groups", Product::Ram, "ListGroups", On::Groups),
        ("roles", Product::Ram, "ListRoles", On::Roles),
        ("policies", Product::Ram, "ListPolicies", On::Policies),
        ("limits", Product::Kms, "GetKmsInstanceQuotaInfos", On::Anything),
    ];
    let denied = lists.into_iter().filter(|(_, product, action, on)| !kms.may(*product, action, *on, origin));
    let audit = (!kms.may_look_up_events(origin)).then_some("audit");
    denied.map(|(page, ..)| page).chain(audit).collect()
}
