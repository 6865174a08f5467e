//! Forms for tags: of keys and secrets, and of roles and policies.

use super::control::Control::{HiddenList, RamTags, Tags};
use super::{Field, Form, Then};
use crate::texts::{self, Text, text};

pub(super) const FORMS: &[Form] = &[
    Form::kms("TagResource", ADD)
        .fields(&[KEY, SECRET, Field::needed("Tags", texts::TAGS, Tags)])
        .then(OF_KEY_OR_SECRET),
    Form::kms("UntagResource", REMOVE).fields(&[KEY, SECRET, listed("TagKeys")]).then(OF_KEY_OR_SECRET),
    Form::ram("TagResources", ADD)
        .fields(&[
            Field::hidden("ResourceType"),
            listed("ResourceNames"),
            Field::needed("Tag", texts::TAGS, RamTags),
        ])
        .then(OF_ROLE_OR_POLICY),
    Form::ram("UntagResources", REMOVE)
        .fields(&[Field::hidden("ResourceType"), listed("ResourceNames"), listed("TagKeys")])
        .then(OF_ROLE_OR_POLICY),
];

const ADD: Text = text("Add tags", "添加标签");
const REMOVE: Text = text("Remove the tag", "移除标签");
const KEY: Field = Field::hidden_optional("KeyId");
const SECRET: Field = Field::hidden_optional("SecretName");
const OF_KEY_OR_SECRET: Then = Then::OneOf(&[("keys", "KeyId"), ("secrets", "SecretName")]);
const OF_ROLE_OR_POLICY: Then = Then::Typed {
    name: "ResourceNames",
    kind: "ResourceType",
    collections: &[("role", "roles"), ("policy", "policies/Custom")],
};

const fn listed(parameter: &'static str) -> Field {
    Field { control: HiddenList, ..Field::hidden(parameter) }
}
