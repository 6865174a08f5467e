//! The page that shows the reply to a form.

use bulla_wire::Parameters;
use maud::{Markup, html};

use super::Form;
use super::command;
use crate::context::Context;
use crate::indented::indented;
use crate::layout;
use crate::texts;

pub(super) fn page(
    form: &Form,
    context: &Context<'_>,
    shown: Option<&Markup>,
    parameters: &Parameters,
    reply: &str,
) -> Markup {
    let json = html! { pre tabindex="0" { code { (context.view.secret(&indented(reply))) } } };
    let content = html! {
        @if let Some(shown) = shown {
            (shown)
            details { // closed, because its content is already shown above and may be secret
                summary { (context.text(texts::REPLY)) " (JSON)" }
                (json)
            }
        } @else {
            h2 { (context.text(texts::REPLY)) }
            (json)
        }
        @if let Some(commands) = command::show(context, form, parameters) {
            h2 { (context.text(texts::SAME_BY_COMMAND)) }
            (commands)
        }
        p { a href=(form.way_back(parameters)) { (context.text(texts::BACK)) } }
    };
    layout::page(&context.view, context.text(form.title), &content)
}
