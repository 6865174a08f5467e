//! Actions that have several names in policies.

/// Returns all names of an action of `product`, including its own; an empty list if it has only one. The action is allowed if any
/// name is allowed, and denied if any name is denied.
pub fn synonyms(product: &str, action: &str) -> &'static [&'static str] {
    match (product, action) {
        ("kms", "TagResource" | "TagResources") => TAG,
        ("kms", "UntagResource" | "UntagResources") => UNTAG,
        ("kms", "ListResourceTags" | "ListTagResources") => LIST_TAGS,
        ("sts", "AssumeRoleWithOIDC") => &["sts:AssumeRole", "sts:AssumeRoleWithOIDC"],
        _ => &[],
    }
}

const TAG: &[&str] = &["kms:TagResource", "kms:TagResources", "ecs:TagResources"];
const UNTAG: &[&str] = &["kms:UntagResource", "kms:UntagResources", "ecs:UntagResources"];
const LIST_TAGS: &[&str] = &["kms:ListResourceTags", "kms:ListTagResources", "ecs:ListTagResources"];

/// The actions with several names about which identity policies decide.
pub(crate) const GROUPS: [&[&str]; 3] = [TAG, UNTAG, LIST_TAGS];
