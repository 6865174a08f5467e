//! The page after a form whose reply is what people want to see.

use bulla_wire::Parameters;
use maud::{Markup, html};
use serde_json::Value;
use zeroize::Zeroizing;

use super::Form;
use super::command::line;
use crate::context::Context;
use crate::layout::{self, foreign};
use crate::texts;

pub(super) fn page(
    form: &Form,
    context: &Context<'_>,
    shown: Option<&Markup>,
    parameters: &Parameters,
    reply: &str,
) -> Markup {
    let content = html! {
        @if let Some(shown) = shown { (shown) }
        h2 { (context.say(texts::REPLY)) }
        pre tabindex="0" { code { (context.view.secret(&indented(reply))) } }
        h2 { (context.say(texts::SAME_BY_COMMAND)) }
        @for program in ["bulla", "aliyun"] {
            pre tabindex="0" { code { (foreign(&line(program, form, parameters))) } }
        }
        p { a href=(form.way_back(parameters)) { (context.say(texts::BACK)) } }
    };
    layout::page(&context.view, context.say(form.title), &content)
}

/// The reply with a member on each line. It may hold a secret, which is in no other member than a text.
fn indented(reply: &str) -> Zeroizing<String> {
    let value: Value = serde_json::from_str(reply).unwrap_or(Value::Null);
    let text = serde_json::to_string_pretty(&value).unwrap_or_default();
    Zeroizing::new(text)
}
