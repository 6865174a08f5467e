//! What follows an action: a page, or the reply.

use bulla_wire::{Parameters, Reply};
use maud::Markup;
use serde_json::Value;

use crate::context::Context;
use crate::paths::path;

/// What a form shows after its action.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    /// The reply.
    Reply,
    /// The reply, with what people want of it first.
    Shown(fn(&Context<'_>, &Reply) -> Option<Markup>),
    /// The page of what a field names: a collection, and the parameter.
    Of(&'static str, &'static str),
    /// As [`Then::Of`], for the first of these parameters that has a value. An empty parameter is the page of the collection.
    OneOf(&'static [(&'static str, &'static str)]),
    /// The page of what one parameter names, in the collection that another one, the type, stands for.
    Typed { name: &'static str, kind: &'static str, collections: &'static [(&'static str, &'static str)] },
    /// The page of what the reply names: a collection, and the place in the reply.
    Made(&'static str, &'static str),
    /// The page of a collection.
    List(&'static str),
}

impl Then {
    /// The page of the thing that the fields of a form name.
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
                let (_, collection) = collections.iter().find(|(known, _)| *known == kind)?;
                of(collection, name)
            }
            _ => None,
        }
    }

    /// The page that shows what was done; none if that is the reply.
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

    /// The collection, for the way back from a form that is about nothing yet.
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
