//! Links to forms, and buttons that post a form at once.

use bulla_wire::Product;
use maud::{Markup, html};

use super::{Form, find};
use crate::context::Context;
use crate::layout::token;
use crate::paths::{path, with_query};
use crate::texts::Text;

/// Returns a link to the form of an action, with the fields of `parameters` filled in.
pub(crate) fn link(
    context: &Context<'_>,
    product: Product,
    action: &str,
    parameters: &[(&str, &str)],
) -> Markup {
    let form = find(product, action).expect("a page links to forms of the table");
    link_as(context, product, action, form.title, parameters)
}

/// As [`link`], with another label.
pub(crate) fn link_as(
    context: &Context<'_>,
    product: Product,
    action: &str,
    label: Text,
    parameters: &[(&str, &str)],
) -> Markup {
    let form = find(product, action).expect("a page links to forms of the table");
    let to = with_query(&form.path(), parameters);
    let class = if form.confirmed.is_some() { "action danger" } else { "action" };
    html! { a class=(class) href=(to) { (context.text(label)) } }
}

/// Returns a button that calls an action at once, with the `parameters`.
pub(crate) fn button(
    context: &Context<'_>,
    product: Product,
    action: &str,
    label: Text,
    parameters: &[(&str, &str)],
) -> Markup {
    let form = find(product, action).expect("a page has buttons for forms of the table");
    html! {
        form.inline method="post" action=(form.path()) {
            (token(&context.view))
            @for (name, value) in parameters { input type="hidden" name=(name) value=(value); }
            button.quiet { (context.text(label)) }
        }
    }
}

impl Form {
    pub(crate) fn path(&self) -> String {
        path("do", &[&self.product.name().to_ascii_lowercase(), self.action])
    }
}
