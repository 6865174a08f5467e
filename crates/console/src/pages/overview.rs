//! The first page.

use bulla_wire::Error;
use bulla_wire::kms::ListKeys;
use maud::html;

use super::Page;
use crate::context::Context;
use crate::layout::facts;
use crate::texts;

pub(super) async fn show(context: &Context<'_>) -> Result<Page, Error> {
    let keys = context.ask(ListKeys::default()).await?;
    let content = html! {
        (facts(&context.view, &[
            (texts::KEYS, html! { (keys.total_count) }),
        ]))
        @if super::recovery::is_shown_to(context) {
            p { a href=(crate::paths::path("recovery", &[])) { (context.say(texts::RECOVERY)) } }
        }
        p.fine { "bulla " (env!("CARGO_PKG_VERSION")) }
    };
    Ok(Page { title: context.say(texts::OVERVIEW).to_owned(), content })
}
