//! Actions that policies know by several names.

/// All names of an action of `product`, itself among them: the action is allowed if it is by one of them, and denied if it is by
/// one. Empty for an action with one name.
pub fn synonyms(product: &str, action: &str) -> &'static [&'static str] {
    match (product, action) {
        ("kms", "TagResource" | "TagResources") => {
            &["kms:TagResource", "kms:TagResources", "ecs:TagResources"]
        }
        ("kms", "UntagResource" | "UntagResources") => {
            &["kms:UntagResource", "kms:UntagResources", "ecs:UntagResources"]
        }
        ("kms", "ListResourceTags" | "ListTagResources") => {
            &["kms:ListResourceTags", "kms:ListTagResources", "ecs:ListTagResources"]
        }
        ("sts", "AssumeRoleWithOIDC") => &["sts:AssumeRole", "sts:AssumeRoleWithOIDC"],
        _ => &[],
    }
}
