//! Aliases.

use bulla_wire::Error;
use bulla_wire::Product;
use bulla_wire::kms::ListAliases;
use maud::html;

use super::Page;
use crate::context::Context;
use crate::forms::{self, link};
use crate::layout::foreign;
use crate::paths::path;
use crate::texts;

pub(super) async fn list(context: &Context<'_>) -> Result<Page, Error> {
    let listed = context.ask(ListAliases { page_number: None, page_size: Some(100) }).await?;
    let content = html! {
        (forms::done(context))
        p { (link(context, Product::Kms, "CreateAlias", &[])) }
        @if listed.aliases.alias.is_empty() {
            p { (context.say(texts::NO_ALIASES)) }
        } @else {
            div.table {
                table {
                    thead { tr { th scope="col" { (context.say(texts::ALIASES)) } th scope="col" { (context.say(texts::KEYS)) } } }
                    tbody {
                        @for alias in &listed.aliases.alias {
                            tr {
                                th scope="row" { (foreign(&alias.alias_name)) }
                                td { a href=(path("keys", &[&alias.key_id])) { code { (alias.key_id) } } }
                            }
                        }
                    }
                }
            }
        }
    };
    Ok(Page { title: context.say(texts::ALIASES).to_owned(), content })
}
