//! The tags of a resource, with the forms that add and remove them.

use bulla_kms::On;
use bulla_wire::ram::{ListTagResources, ResourceType};
use bulla_wire::{Error, JsonList, Product};
use maud::{Markup, html};

use super::parts::{section, table_or};
use crate::context::Context;
use crate::layout::foreign;
use crate::offers::{offer, offer_button};
use crate::texts::{self, text};

/// The names and values of tags.
type Tags = Vec<(String, String)>;

/// Shows the tags of a role or policy.
pub(super) async fn of_ram(
    context: &Context<'_>,
    resource_type: ResourceType,
    name: &str,
    on: On<'_>,
) -> Markup {
    let query = ListTagResources {
        resource_type,
        resource_names: Some(JsonList(vec![name.to_owned()])),
        tag: None,
        next_token: None,
        page_size: Some(100),
    };
    let reply = context.ask(query).await;
    let tags =
        reply.map(|reply| reply.tag_resources.into_iter().map(|tag| (tag.tag_key, tag.tag_value)).collect());
    let kind = match resource_type {
        ResourceType::Role => "role",
        ResourceType::Policy => "policy",
    };
    let parameters = [("ResourceType", kind), ("ResourceNames", name)];
    show(context, &tags, Product::Ram, ["TagResources", "UntagResources"], on, &parameters)
}

/// Shows the tags of a resource, with the forms of the two actions that add and remove them.
pub(super) fn show(
    context: &Context<'_>,
    tags: &Result<Tags, Error>,
    product: Product,
    [add, remove]: [&str; 2],
    on: On<'_>,
    parameters: &[(&str, &str)],
) -> Markup {
    html! {
        (section(context, texts::TAGS, tags, |tags| {
            let rows: Vec<_> = tags.iter().map(|(name, value)| {
                let removed: Vec<_> = parameters.iter().copied().chain([("TagKeys", &**name)]).collect();
                let label = text("Remove", "移除");
                vec![foreign(name), foreign(value), offer_button(context, product, remove, label, on, &removed)]
            }).collect();
            let empty = text("No tags.", "没有标签。");
            table_or(context, &[texts::NAME, texts::VALUE, texts::ACTIONS], &rows, empty)
        }))
        div.buttons { (offer(context, product, add, on, parameters)) }
    }
}
