//! Suggestions for a field: the names of existing resources.

use bulla_wire::{Parameters, Product, ReplyFormat, render_reply};
use maud::{Markup, html};
use serde_json::Value;

use super::Field;
use crate::context::Context;

/// The source of the names.
#[derive(Clone, Copy)]
pub(crate) struct Names {
    pub(crate) product: Product,
    /// The action that lists the resources. Only its first page is used.
    pub(crate) action: &'static str,
    pub(crate) parameters: &'static [(&'static str, &'static str)],
    /// The JSON pointer to the list in the reply.
    pub(crate) list: &'static str,
    /// The member of each entry with the name.
    pub(crate) name: &'static str,
    /// The member with the note that is shown beside the name.
    pub(crate) note: &'static str,
}

impl Names {
    /// Shows the list of names for a field; empty if the caller may not list them.
    pub(super) async fn show(self, context: &Context<'_>, field: &Field) -> Markup {
        let pairs = self.parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let parameters = Parameters::from_pairs(pairs).unwrap_or_default();
        let Ok(reply) = context.call(self.product, self.action, &parameters).await else { return html! {} };
        let reply = render_reply(ReplyFormat::Json, &reply, context.request_id());
        let reply: Value = serde_json::from_str(&reply).unwrap_or_default();
        let entries = reply.pointer(self.list).and_then(Value::as_array);
        html! {
            datalist id=(list_id(field)) {
                @for entry in entries.into_iter().flatten() {
                    @if let Some(name) = entry[self.name].as_str() {
                        option value=(name) label=[entry[self.note].as_str().filter(|note| !note.is_empty())] {}
                    }
                }
            }
        }
    }
}

/// Returns the id of a field's list in the page.
pub(super) fn list_id(field: &Field) -> String {
    format!("{}-names", field.parameter)
}

/// Ids of keys, with their aliases.
pub(super) const KEYS: Names = aliases("KeyId", "AliasName");
/// Aliases, with the ids of their keys.
pub(super) const ALIASES: Names = aliases("AliasName", "KeyId");
pub(super) const USERS: Names = ram("ListUsers", "/Users/User", "UserName", "DisplayName");
pub(super) const GROUPS: Names = ram("ListGroups", "/Groups/Group", "GroupName", "Comments");
pub(super) const ROLES: Names = ram("ListRoles", "/Roles/Role", "RoleName", "Description");
pub(super) const POLICIES: Names = ram("ListPolicies", "/Policies/Policy", "PolicyName", "PolicyType");

const fn ram(action: &'static str, list: &'static str, name: &'static str, note: &'static str) -> Names {
    Names { product: Product::Ram, action, parameters: &[("MaxItems", "1000")], list, name, note }
}

const fn aliases(name: &'static str, note: &'static str) -> Names {
    let parameters = &[("PageSize", "100")];
    Names { product: Product::Kms, action: "ListAliases", parameters, list: "/Aliases/Alias", name, note }
}
