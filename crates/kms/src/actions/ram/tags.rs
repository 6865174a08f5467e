//! TagResources, UntagResources, ListTagResources.

use std::collections::BTreeSet;

use bulla_keys::Tags;
use bulla_wire::ram::{
    Done, ListTagResources, ListTagResourcesReply, ResourceType, TagResourceEntry, TagResources,
    UntagResources,
};
use bulla_wire::{Error, ErrorCode, JsonList};

use super::page::Page;
use super::refusal::incorrect;
use super::tag_list::{self, TagFilter};
use crate::authorize::{Allowed, Container, View};
use crate::people::{ManagedPolicy, NameKey, Role};
use crate::session::Session;
use crate::state::{Changes, Row};

pub(in crate::actions) async fn tag(session: &Session<'_, TagResources>) -> Result<Done, Error> {
    let TagResources { resource_type, resource_names, tag } = session.request;
    let new = tag_list::given(Some(tag))?;
    if new.is_empty() {
        return Err(incorrect("Tag"));
    }
    change(session, *resource_type, resource_names, &new, |tags| {
        new.iter().try_for_each(|(name, value)| tags.set(name, value)).map_err(|_| incorrect("Tag"))
    })
    .await
}

pub(in crate::actions) async fn untag(session: &Session<'_, UntagResources>) -> Result<Done, Error> {
    let UntagResources { resource_type, resource_names, tag_keys, all } = session.request;
    let names = tag_keys.as_ref().map_or(&[][..], |names| &names.0);
    if names.len() > Tags::MAX {
        return Err(incorrect("TagKeys"));
    }
    if names.is_empty() && *all != Some(true) {
        return Err(Error::with(ErrorCode::MissingParameter, "TagKeys"));
    }
    change(session, *resource_type, resource_names, &Tags::default(), |tags| {
        names.iter().for_each(|name| tags.remove(name));
        if names.is_empty() {
            tags.clear();
        }
        Ok(())
    })
    .await
}

pub(in crate::actions) async fn list(
    session: &Session<'_, ListTagResources>,
) -> Result<ListTagResourcesReply, Error> {
    let request = session.request;
    let page = Page::of_tags(request.next_token.as_deref(), request.page_size)?;
    let after = page.after.as_deref().map(Position::parse).transpose()?;
    let filter = TagFilter::new(request.tag.as_ref())?;
    let found = match &request.resource_names {
        Some(names) => named(session, request.resource_type, &distinct(names)?)?,
        None => every(session, request.resource_type)?,
    };
    let tags = found.into_iter().filter(|found| filter.matches(found.tags)).flat_map(|found| {
        let tags = found.tags.iter();
        tags.map(move |(key, value)| (Position(found.key.clone(), key.to_owned()), found.name, value))
    });
    let rest = tags.filter(|(position, ..)| after.as_ref().is_none_or(|after| position > after));
    let printed = rest.map(|(position, name, value)| (position.print(), position, name, value));
    let page = page.take(printed, |(printed, ..)| printed);
    let entry = |(_, Position(_, tag_key), name, value): (String, Position, &str, &str)| TagResourceEntry {
        resource_name: name.into(),
        resource_type: request.resource_type,
        tag_key,
        tag_value: value.into(),
    };
    let next_token = page.marker.unwrap_or_default();
    Ok(ListTagResourcesReply { tag_resources: page.entries.into_iter().map(entry).collect(), next_token })
}

/// A role or policy whose tags the request may read or change.
#[derive(Clone, Copy)]
enum Taggable<'v> {
    Role(Allowed<&'v Row<Role>>),
    Policy(Allowed<&'v Row<ManagedPolicy>>),
}

impl<'v> Taggable<'v> {
    fn ask(state: &View<'v>, kind: ResourceType, name: &str) -> Result<Result<Self, Error>, Error> {
        Ok(match kind {
            ResourceType::Role => state.ask_role(name)?.map(Self::Role),
            ResourceType::Policy => state.ask_custom_policy(name)?.map(Self::Policy),
        })
    }

    fn tagged(&self) -> Tagged<'v> {
        match self {
            Self::Role(role) => Tagged::of_role(&role.record),
            Self::Policy(policy) => Tagged::of_policy(&policy.record),
        }
    }

    /// Gives it other tags, if they are others.
    fn edited(&self, edit: impl Fn(&mut Tags) -> Result<(), Error>) -> Result<Changes, Error> {
        let mut tags = self.tagged().tags.clone();
        edit(&mut tags)?;
        Ok(match self {
            Self::Role(role) => role.replaced(Role { tags, ..Role::clone(&role.record) }),
            Self::Policy(policy) => {
                let mut changed = ManagedPolicy::clone(&policy.record);
                changed.tags = tags;
                policy.replaced(changed)
            }
        })
    }
}

/// Changes the tags of some roles or policies, of all or of none. All are asked about before anything is told about one,
/// with the tags that they shall get.
async fn change<A>(
    session: &Session<'_, A>,
    kind: ResourceType,
    names: &JsonList<String>,
    new: &Tags,
    edit: impl Fn(&mut Tags) -> Result<(), Error>,
) -> Result<Done, Error> {
    let names = distinct(names)?;
    session
        .change(|state| {
            let view = state.with_tags(new);
            let asked = names.iter().map(|name| Taggable::ask(&view, kind, name));
            let asked = asked.collect::<Result<Vec<_>, _>>()?;
            let edited = asked.into_iter().map(|found| found?.edited(&edit));
            Ok(edited.collect::<Result<Changes, _>>()?.answering(Done {}))
        })
        .await
}

/// The names that a request has, in its order, each once in whatever spelling.
fn distinct(JsonList(names): &JsonList<String>) -> Result<Vec<&str>, Error> {
    if !(1..=MAX_RESOURCES).contains(&names.len()) {
        return Err(incorrect("ResourceNames"));
    }
    let mut seen = BTreeSet::new();
    Ok(names.iter().map(|name| &**name).filter(|name| seen.insert(NameKey::of(name))).collect())
}

/// A role or policy in a list of tags.
struct Tagged<'v> {
    key: &'v NameKey,
    name: &'v str,
    tags: &'v Tags,
}

/// These, as far as they exist, by name.
fn named<'v>(view: &View<'v>, kind: ResourceType, names: &[&str]) -> Result<Vec<Tagged<'v>>, Error> {
    let asked = names.iter().map(|name| Taggable::ask(view, kind, name));
    let asked = asked.collect::<Result<Vec<_>, _>>()?;
    let mut found: Vec<_> = asked.into_iter().flatten().map(|found| found.tagged()).collect();
    found.sort_by(|one, other| one.key.cmp(other.key));
    Ok(found)
}

/// All, for the permission for every one.
fn every<'v>(view: &View<'v>, kind: ResourceType) -> Result<Vec<Tagged<'v>>, Error> {
    Ok(match kind {
        ResourceType::Role => {
            let roles = view.every(Container::Roles)?;
            view.rows_after::<Role>(&roles, None).map(|row| Tagged::of_role(&row.record)).collect()
        }
        ResourceType::Policy => {
            let policies = view.every(Container::Policies)?;
            let rows = view.rows_after::<ManagedPolicy>(&policies, None);
            rows.map(|row| Tagged::of_policy(&row.record)).collect()
        }
    })
}

impl<'v> Tagged<'v> {
    fn of_role(role: &'v Role) -> Self {
        Self { key: &role.name.key, name: role.name.as_str(), tags: &role.tags }
    }

    fn of_policy(policy: &'v ManagedPolicy) -> Self {
        Self { key: &policy.name.key, name: policy.name.as_str(), tags: &policy.tags }
    }
}

/// Where a page ends: something with tags, and the name of one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Position(NameKey, String);

impl Position {
    fn parse(text: &str) -> Result<Self, Error> {
        let (name, tag) = text.split_once('/').ok_or_else(|| incorrect("NextToken"))?;
        Ok(Self(NameKey::of(name), tag.into()))
    }

    fn print(&self) -> String {
        format!("{}/{}", self.0, self.1)
    }
}

const MAX_RESOURCES: usize = 50;
