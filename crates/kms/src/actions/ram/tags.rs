//! The actions on tags of roles and policies: TagResources, UntagResources, ListTagResources.

use std::collections::BTreeSet;
use std::ops::Bound;

use bulla_keys::Tags;
use bulla_wire::ram::{
    Done, ListTagResources, ListTagResourcesReply, ResourceType, TagResourceEntry, TagResources,
    UntagResources,
};
use bulla_wire::{Error, ErrorCode, JsonList};

use super::page::Page;
use super::refusal::incorrect;
use super::tag_list::{self, TagFilter};
use crate::authorize::{Allowed, Container, Listing, View};
use crate::people::{ManagedPolicy, NameKey, Role};
use crate::session::Session;
use crate::state::{Changes, KeptKind, Row};

pub(in crate::actions) async fn tag(session: &Session<'_, TagResources>) -> Result<Done, Error> {
    let TagResources { resource_type, resource_names, tag } = session.request;
    let new = tag_list::parse(Some(tag))?;
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
    let search = TagSearch::new(session.request)?;
    let kind = session.request.resource_type;
    match (&session.request.resource_names, kind) {
        (Some(names), _) => {
            let found = named(session, kind, &distinct(names)?)?;
            Ok(search.page(found.into_iter()))
        }
        (None, ResourceType::Role) => {
            let roles = session.listing(&session.every(Container::Roles)?);
            search.run(session, roles, role).await
        }
        (None, ResourceType::Policy) => {
            let policies = session.listing(&session.every(Container::Policies)?);
            search.run(session, policies, policy).await
        }
    }
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
            Self::Role(row) => role(row),
            Self::Policy(row) => policy(row),
        }
    }

    /// Returns the change to its tags; no change if `edit` leaves them equal.
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

/// Changes the tags of some roles or policies, of all or of none. Checks the permission for each, with the new tags, before
/// an error reveals anything about one.
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
            let allowed = names.iter().map(|name| Taggable::ask(&view, kind, name));
            let allowed = allowed.collect::<Result<Vec<_>, _>>()?;
            let edited = allowed.into_iter().map(|found| found?.edited(&edit));
            Ok(edited.collect::<Result<Changes, _>>()?.answering(Done {}))
        })
        .await
}

/// Returns the names of a request in order, without repeated ones in any spelling.
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

/// Returns those that exist, sorted by name.
fn named<'v>(view: &View<'v>, kind: ResourceType, names: &[&str]) -> Result<Vec<Tagged<'v>>, Error> {
    let allowed = names.iter().map(|name| Taggable::ask(view, kind, name));
    let allowed = allowed.collect::<Result<Vec<_>, _>>()?;
    let mut found: Vec<_> = allowed.into_iter().flatten().map(|found| found.tagged()).collect();
    found.sort_by(|one, other| one.key.cmp(other.key));
    Ok(found)
}

/// A search for tags of roles or policies.
struct TagSearch {
    kind: ResourceType,
    filter: TagFilter,
    page: Page,
    after: Option<Position>,
}

impl TagSearch {
    fn new(request: &ListTagResources) -> Result<Self, Error> {
        let page = Page::of_tags(request.next_token.as_deref(), request.page_size)?;
        let after = page.after.as_deref().map(Position::parse).transpose()?;
        let filter = TagFilter::new(request.tag.as_ref())?;
        Ok(Self { kind: request.resource_type, filter, page, after })
    }

    /// Searches all records. Few of them may match, so it runs on another thread, and other requests do not wait.
    async fn run<R: KeptKind<Id = NameKey>>(
        self,
        session: &Session<'_, ListTagResources>,
        listing: Listing<R>,
        tagged: TaggedOf<R>,
    ) -> Result<ListTagResourcesReply, Error> {
        session.search(move || self.among(&listing, tagged)).await
    }

    fn among<R: KeptKind<Id = NameKey>>(
        &self,
        listing: &Listing<R>,
        tagged: TaggedOf<R>,
    ) -> ListTagResourcesReply {
        // The record that the page before ended with may have further tags.
        let start = self.after.as_ref().map_or(Bound::Unbounded, |Position(name, _)| Bound::Included(name));
        self.page(listing.rows_from(start).map(tagged))
    }

    /// Returns a page of the matching tags of these records, in order.
    fn page<'t>(&self, found: impl Iterator<Item = Tagged<'t>>) -> ListTagResourcesReply {
        let tags = found.filter(|found| self.filter.matches(found.tags)).flat_map(|found| {
            let tags = found.tags.iter();
            tags.map(move |(key, value)| (Position(found.key.clone(), key.to_owned()), found.name, value))
        });
        let rest = tags.filter(|(position, ..)| self.after.as_ref().is_none_or(|after| position > after));
        let printed = rest.map(|(position, name, value)| (position.print(), position, name, value));
        let page = self.page.take(printed, |(printed, ..)| printed);
        let entry =
            |(_, Position(_, tag_key), name, value): (String, Position, &str, &str)| TagResourceEntry {
                resource_name: name.into(),
                resource_type: self.kind,
                tag_key,
                tag_value: value.into(),
            };
        let next_token = page.marker.unwrap_or_default();
        ListTagResourcesReply { tag_resources: page.entries.into_iter().map(entry).collect(), next_token }
    }
}

/// Returns the tags of a row.
type TaggedOf<R> = for<'v> fn(&'v Row<R>) -> Tagged<'v>;

fn role(row: &Row<Role>) -> Tagged<'_> {
    let Role { name, tags, .. } = &*row.record;
    Tagged { key: &name.key, name: name.as_str(), tags }
}

fn policy(row: &Row<ManagedPolicy>) -> Tagged<'_> {
    let ManagedPolicy { name, tags, .. } = &*row.record;
    Tagged { key: &name.key, name: name.as_str(), tags }
}

/// Where a page ends: a record with tags, and the name of a tag.
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::people::{Document, RoleName};
    use crate::state::{VISITS, Write};
    use crate::{Kms, Options, SystemClock};

    fn tagged_role(number: usize) -> Role {
        let name: RoleName = format!("r{number:04}").parse().unwrap();
        let trust = r#"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"RAM": "acs:ram::42:root"}}]}"#;
        let mut role = Role::new(name, Document::parse("42", trust, |_| None).unwrap(), 0);
        (0..20).for_each(|tag| role.tags.set(&format!("t{tag:02}"), "x").unwrap());
        role
    }

    #[test]
    fn a_page_of_all_tags_costs_by_its_size_and_not_by_where_it_is() {
        let data = tempfile::tempdir().unwrap();
        let kms = Kms::open(&Options::new(data.path(), crate::Role::Command), SystemClock).unwrap();
        let staged = kms.state.commit(kms.now(), |_| {
            let changes = (0..1_000).map(|number| (Write::Role(tagged_role(number)), 0));
            Ok(Changes::for_test(changes).answering(()))
        });
        pollster::block_on(staged).unwrap();
        let listing = Listing::for_test(Arc::clone(&*kms.state.snapshot().unwrap()));
        let mut request = ListTagResources {
            resource_type: ResourceType::Role,
            resource_names: None,
            tag: None,
            next_token: None,
            page_size: Some(30), // so that pages end among the tags of a role
        };
        let (mut costs, mut found) = (Vec::new(), Vec::new());
        loop {
            VISITS.set(0);
            let reply = TagSearch::new(&request).unwrap().among(&listing, role);
            costs.push(VISITS.get());
            found.extend(reply.tag_resources.into_iter().map(|entry| (entry.resource_name, entry.tag_key)));
            if reply.next_token.is_empty() {
                break;
            }
            request.next_token = Some(reply.next_token);
        }
        assert_eq!((costs.len(), found.len()), (667, 20_000));
        assert!(found.is_sorted_by(|one, other| one < other), "each once, in their order");
        assert!(costs.iter().all(|cost| *cost <= 4), "{costs:?}");
    }
}
