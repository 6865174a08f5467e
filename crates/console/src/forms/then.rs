//! The page that follows an action: the reply, or a redirect.

use bulla_wire::{Parameters, Reply};
use maud::Markup;
use serde_json::Value;

use crate::context::Context;
use crate::paths::path;

/// The page that a form shows after its action.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    /// The reply.
    Reply,
    /// The reply, below its most useful part.
    Shown(fn(&Context<'_>, &Reply) -> Option<Markup>),
    /// The page of the resource that a field names: its collection, and the parameter.
    Of(&'static str, &'static str),
    /// As [`Then::Of`], for the first of these parameters with a value. An empty parameter means the page of the collection.
    OneOf(&'static [(&'static str, &'static str)]),
    /// The page of the resource that the parameter `name` names, in the collection for the value of the parameter `kind`.
    Typed { name: &'static str, kind: &'static str, collections: &'static [(&'static str, &'static str)] },
    /// The page of the new resource: its collection, and the JSON pointer to its name in the reply.
    Made(&'static str, &'static str),
    /// The page of a collection.
    List(&'static str),
}

impl Then {
    /// Returns the path of the resource that the fields of a form name.
    pub(super) fn thing(self, fields: &Parameters) -> Option<String> {
        let of = |collection: &str, parameter: &str| match parameter {
            "" => Some(path(collection, &[])),
            _ => fields.non_empty(parameter).map(|name| path(collection, &[name])),
        };
        match self {
            Self::Of(collection, parameter) => of(collection, parameter),
            Self::OneOf(places) => {
                places.iter().find_map(|(collection, parameter)| of(collection, parameter))
            }
            Self::Typed { name, kind, collections } => {
                let kind = fields.non_empty(kind)?;
                let (_, collection) = collections.iter().find(|(candidate, _)| *candidate == kind)?;
                of(collection, name)
            }
            _ => None,
        }
    }

    /// Returns the path to redirect to; `None` if the reply is shown.
    pub(super) fn page(self, fields: &Parameters, reply: impl FnOnce() -> Option<Value>) -> Option<String> {
        match self {
            Self::Made(collection, place) => {
                let reply = reply()?;
                Some(path(collection, &[reply.pointer(place)?.as_str()?]))
            }
            Self::List(collection) => Some(path(collection, &[])),
            _ => self.thing(fields),
        }
    }

    /// Returns the collection, for the link back from a form without a resource.
    pub(super) fn collection(self) -> &'static str {
        match self {
            Self::Reply => "try",
            Self::Shown(_) | Self::Typed { .. } => "",
            Self::Of(below, _) | Self::Made(below, _) | Self::List(below) => {
                below.split_once('/').map_or(below, |(collection, _)| collection) // policies/Custom
            }
            Self::OneOf(places) => places.last().map_or("", |(collection, _)| *collection),
        }
    }
}
