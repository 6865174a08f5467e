//! Actions that policies know by several names.

/// All names of an action of `product`, itself among them: the action is allowed if it is by one of them, and denied if it is by
/// one. Empty for an action with one name.
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

/// The actions with several names that policies of identities decide about.
pub(crate) const GROUPS: [&[&str]; 3] = [TAG, UNTAG, LIST_TAGS];
