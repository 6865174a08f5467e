//! Links to forms, shown as denied if the caller may not call their actions.

use bulla_kms::On;
use bulla_wire::Product;
use maud::{Markup, html};

use crate::context::Context;
use crate::forms::{button, find, link_as};
use crate::texts::{self, Text};

/// Returns a link to the form of an action, or a note that the caller may not call it.
pub(crate) fn offer(
    context: &Context<'_>,
    product: Product,
    action: &str,
    on: On<'_>,
    known: &[(&str, &str)],
) -> Markup {
    offer_all(context, product, action, None, &[on], known)
}

/// As [`offer`], for an action on several resources, and with an optional label.
pub(crate) fn offer_all(
    context: &Context<'_>,
    product: Product,
    action: &str,
    label: Option<Text>,
    on: &[On<'_>],
    known: &[(&str, &str)],
) -> Markup {
    let form = find(product, action).expect("a page links to forms of the table");
    let label = label.unwrap_or(form.title);
    if may_all(context, product, action, on) {
        return link_as(context, product, action, label, known);
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
    known: &[(&str, &str)],
) -> Markup {
    if may_all(context, product, action, &[on]) {
        return button(context, product, action, label, known);
    }
    denied(context, label)
}

/// Whether the caller may read the state of backups. Pages leave it out for other callers, so that a visit of theirs is no
/// denied request in the audit trail.
pub(crate) fn may_read_backups(context: &Context<'_>) -> bool {
    may_all(context, Product::Kms, "DescribeBackups", &[On::Anything])
}

fn may_all(context: &Context<'_>, product: Product, action: &str, on: &[On<'_>]) -> bool {
    on.iter().all(|on| context.kms.may(product, action, *on, &context.origin))
}

fn denied(context: &Context<'_>, label: Text) -> Markup {
    html! { span.action.denied { (context.say(label)) (context.say(texts::OPEN)) (context.say(texts::NOT_ALLOWED)) (context.say(texts::CLOSE)) } }
}
