//! The actions on tags of keys and secrets: TagResource, UntagResource, ListResourceTags, TagResources, UntagResources,
//! ListTagResources.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bulla_keys::{Key, KeyId, Secret, SecretName, Tags};
use bulla_wire::kms::{
    Done, KeyTagEntry, KeyTagList, ListResourceTags, ListResourceTagsReply, ListTagResources,
    ListTagResourcesReply, TagResource, TagResourceEntry, TagResourceList, TagResources, UntagResource,
    UntagResources,
};
use bulla_wire::{Error, ErrorCode, NumberedTags};
use serde::{Deserialize, Serialize};

use super::tag_list;
use crate::authorize::{Allowed, Listing, View};
use crate::refusal::{key_refused, secret_refused};
use crate::session::Session;
use crate::state::{Changes, Index, Label, Row};

pub(super) async fn tag(session: &Session<'_, TagResource>) -> Result<Done, Error> {
    let TagResource { key_id, secret_name, certificate_id, tags } = session.request;
    let target = Target::named(key_id.as_deref(), secret_name.as_deref(), certificate_id.as_deref())?;
    let new = tag_list::parse(tags)?;
    if new.is_empty() {
        return Err(Error::invalid("Tags"));
    }
    change(session, &[target], &new, |tags| set_all(tags, &new, "Tags")).await
}

pub(super) async fn untag(session: &Session<'_, UntagResource>) -> Result<Done, Error> {
    let UntagResource { key_id, secret_name, certificate_id, tag_keys } = session.request;
    let target = Target::named(key_id.as_deref(), secret_name.as_deref(), certificate_id.as_deref())?;
    let names: Option<Vec<String>> = serde_json::from_str(tag_keys).ok();
    let names = names.filter(|names| (1..=Tags::MAX).contains(&names.len()));
    let names = names.ok_or_else(|| Error::invalid("TagKeys"))?;
    change(session, &[target], &Tags::default(), |tags| {
        names.iter().for_each(|name| tags.remove(name));
        Ok(())
    })
    .await
}

pub(super) async fn list(session: &Session<'_, ListResourceTags>) -> Result<ListResourceTagsReply, Error> {
    let key = &session.key_by_id(&session.request.key_id)?.record;
    let entry = |(name, value): (&str, &str)| KeyTagEntry {
        key_id: key.id.to_string(),
        tag_key: name.into(),
        tag_value: value.into(),
    };
    Ok(ListResourceTagsReply { tags: KeyTagList { tag: key.tags.iter().map(entry).collect() } })
}

pub(super) async fn tag_many(session: &Session<'_, TagResources>) -> Result<Done, Error> {
    let request = session.request;
    check_region(session, &request.region_id)?;
    let targets = Target::numbered(&request.resource_type, &request.resource_id.0)?;
    let new = numbered_tags(&request.tag)?;
    change(session, &targets, &new, |tags| set_all(tags, &new, "Tag")).await
}

pub(super) async fn untag_many(session: &Session<'_, UntagResources>) -> Result<Done, Error> {
    let request = session.request;
    check_region(session, &request.region_id)?;
    let targets = Target::numbered(&request.resource_type, &request.resource_id.0)?;
    let names = request.tag_key.as_ref().map_or(&[][..], |names| &names.0);
    if names.len() > Tags::MAX {
        return Err(Error::invalid("TagKey"));
    }
    if names.is_empty() && request.all != Some(true) {
        return Err(Error::with(ErrorCode::Missing, "TagKey"));
    }
    change(session, &targets, &Tags::default(), |tags| {
        names.iter().for_each(|name| tags.remove(name));
        if names.is_empty() {
            tags.clear();
        }
        Ok(())
    })
    .await
}

pub(super) async fn find(session: &Session<'_, ListTagResources>) -> Result<ListTagResourcesReply, Error> {
    let request = session.request;
    check_region(session, &request.region_id)?;
    let ids = request.resource_id.as_ref().map(|ids| &*ids.0);
    if ids.is_some_and(|ids| ids.len() > MAX_RESOURCES) {
        return Err(Error::invalid("ResourceId"));
    }
    if request.tag.as_ref().is_some_and(|tags| tags.0.len() > Tags::MAX) {
        return Err(Error::invalid("Tag"));
    }
    let after = request.next_token.as_deref().map(Position::parse).transpose()?;
    let request = request.clone();
    match &*request.resource_type {
        "key" => {
            let search = TagSearch::new(request, after)?;
            let Some(ids) = ids else {
                let tags: TagsOf<Key, KeyId> = |keys, id| keys.key(*id).map(|row| &row.record.tags);
                return search.run(session, session.every_key()?, |keys| keys.lists().tagged(), tags).await;
            };
            let allowed = ids.iter().map(|id| session.ask_listed_key(id)).collect::<Result<Vec<_>, _>>()?;
            let found = allowed.iter().flatten().map(|key| (key.record.id, &key.record.tags));
            Ok(search.among(found.collect()))
        }
        "secret" => {
            let search = TagSearch::new(request, after)?;
            let Some(ids) = ids else {
                let tags: TagsOf<Secret, SecretName> = |of, name| of.secret(name).map(|row| &row.record.tags);
                return search.run(session, session.every_secret()?, |of| of.lists().by_label(), tags).await;
            };
            let allowed =
                ids.iter().map(|id| session.ask_secret_by_name(id)).collect::<Result<Vec<_>, _>>()?;
            let found = allowed.iter().flatten().map(|row| (row.record.name.clone(), &row.record.tags));
            Ok(search.among(found.collect()))
        }
        _ => Err(Error::invalid("ResourceType")),
    }
}

/// A search for tags of keys or secrets, with ids or names of type `K`.
struct TagSearch<K> {
    request: ListTagResources,
    after: Option<Position>,
    /// The first resource whose tags may be on the page.
    from: Option<K>,
}

type IndexOf<R, K> = fn(&Listing<R>) -> &Index<Label, K>;
type TagsOf<R, K> = for<'s> fn(&'s Listing<R>, &K) -> Option<&'s Tags>;

impl<K: Ord + Clone + FromStr + ToString + Send + 'static> TagSearch<K> {
    fn new(request: ListTagResources, after: Option<Position>) -> Result<Self, Error> {
        let parse = |Position(id, _): &Position| id.parse().map_err(|_| Error::invalid("NextToken"));
        let from = after.as_ref().map(parse).transpose()?;
        Ok(Self { request, after, from })
    }

    /// Searches these few resources.
    fn among(self, named: BTreeMap<K, &Tags>) -> ListTagResourcesReply {
        self.page(named.into_iter().filter(|(id, _)| Some(id) >= self.from.as_ref()))
    }

    async fn run<R: 'static>(
        self,
        session: &Session<'_, ListTagResources>,
        listing: Listing<R>,
        index: IndexOf<R, K>,
        tags: TagsOf<R, K>,
    ) -> Result<ListTagResourcesReply, Error> {
        let labels: BTreeSet<_> = self.requested_tags().map(|(name, value)| label(name, value)).collect();
        let page = move |labels: BTreeSet<Label>| {
            let index = index(&listing);
            let rarest = labels.into_iter().min_by_key(|label| index.part(label).len());
            let label = rarest.unwrap_or(Label::TAGGED);
            let mut ranks = index.part(&label);
            if let Some(from) = &self.from {
                ranks.start = index.rank(&label, from);
            }
            self.page(index.keys(ranks).filter_map(|id| Some((id.clone(), tags(&listing, id)?))))
        };
        match labels.len() {
            // The list of the label contains exactly the matches.
            0 | 1 => Ok(page(labels)),
            // May take long in a large store, so it runs on another thread, and other requests do not wait.
            _ => session.search(move || page(labels)).await,
        }
    }

    fn requested_tags(&self) -> impl Iterator<Item = &(String, String)> {
        self.request.tag.iter().flat_map(|tags| &tags.0)
    }

    /// Returns a page of the matching tags of these resources, in order.
    fn page<'t>(&self, resources: impl Iterator<Item = (K, &'t Tags)>) -> ListTagResourcesReply {
        let tagged = resources.map(|(id, tags)| (id.to_string(), tags));
        let matching = tagged.filter(|(_, tags)| has_all(tags, self.request.tag.as_ref()));
        let mut rest = matching
            .flat_map(|(id, tags)| {
                tags.iter().map(move |(name, value)| (Position(id.clone(), name.into()), value))
            })
            .filter(|(position, _)| self.after.as_ref().is_none_or(|after| position > after));
        let page: Vec<_> = rest.by_ref().take(PAGE).collect();
        let next_token = match (rest.next(), page.last()) {
            (Some(_), Some((last, _))) => last.print(),
            _ => String::new(),
        };
        let entry = |(Position(resource_id, tag_key), tag_value): (Position, &str)| TagResourceEntry {
            resource_id,
            resource_type: self.request.resource_type.clone(),
            tag_key,
            tag_value: tag_value.into(),
        };
        let tag_resources = TagResourceList { tag_resource: page.into_iter().map(entry).collect() };
        ListTagResourcesReply { next_token, tag_resources }
    }
}

/// A resource that can have tags.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target<'a> {
    /// By its id.
    Key(&'a str),
    /// By its name.
    Secret(&'a str),
}

/// A resource whose tags the request may change.
enum Taggable<'v> {
    Key(Allowed<&'v Row<Key>>),
    Secret(Allowed<&'v Row<Secret>>),
}

impl<'a> Target<'a> {
    /// Returns the target of a request, which names exactly one.
    fn named(
        key: Option<&'a str>,
        secret: Option<&'a str>,
        certificate: Option<&str>,
    ) -> Result<Self, Error> {
        match (key, secret, certificate) {
            (Some(key), None, None) => Ok(Self::Key(key)),
            (None, Some(secret), None) => Ok(Self::Secret(secret)),
            (None, None, Some(_)) => Err(ErrorCode::CertificateNotFound.into()),
            (None, None, None) => Err(Error::with(ErrorCode::Missing, "KeyId")),
            _ => Err(Error::invalid("KeyId")),
        }
    }

    fn numbered(kind: &str, ids: &'a [String]) -> Result<Vec<Self>, Error> {
        if !(1..=MAX_RESOURCES).contains(&ids.len()) {
            return Err(Error::invalid("ResourceId"));
        }
        match kind {
            "key" => Ok(ids.iter().map(|id| Self::Key(id)).collect()),
            "secret" => Ok(ids.iter().map(|name| Self::Secret(name)).collect()),
            _ => Err(Error::invalid("ResourceType")),
        }
    }

    fn ask<'v>(self, state: &View<'v>) -> Result<Result<Taggable<'v>, Error>, Error> {
        Ok(match self {
            Self::Key(id) => state.ask_key_by_id(id)?.map(Taggable::Key),
            Self::Secret(name) => state.ask_secret_by_name(name)?.map(Taggable::Secret),
        })
    }
}

impl Taggable<'_> {
    /// Returns the change to its tags; no change if `edit` leaves them equal.
    fn edited(&self, now: i64, edit: impl Fn(&mut Tags) -> Result<(), Error>) -> Result<Changes, Error> {
        let edited = |tags: &Tags| {
            let mut tags = tags.clone();
            edit(&mut tags).map(|()| tags)
        };
        match self {
            Self::Key(key) => {
                let tags = edited(&key.record.tags)?;
                let changed = key.record.with_metadata(now, |key| key.tags = tags).map_err(key_refused)?;
                Ok(key.replaced(changed))
            }
            Self::Secret(secret) => {
                let tags = edited(&secret.record.tags)?;
                Ok(secret.replaced(secret.record.with_tags(tags).map_err(secret_refused)?))
            }
        }
    }
}

/// Changes the tags of some resources, of all or of none. Checks the permission for each, with the new tags, before an error
/// reveals anything about one.
async fn change<A>(
    session: &Session<'_, A>,
    targets: &[Target<'_>],
    new: &Tags,
    edit: impl Fn(&mut Tags) -> Result<(), Error>,
) -> Result<Done, Error> {
    let is_first = |at: &usize| !targets[..*at].contains(&targets[*at]);
    session
        .change(|state| {
            let distinct = (0..targets.len()).filter(is_first);
            let view = state.with_tags(new);
            let allowed: Vec<_> = distinct.map(|at| targets[at].ask(&view)).collect::<Result<_, _>>()?;
            let edited = allowed.into_iter().map(|found| found?.edited(state.now(), &edit));
            Ok(edited.collect::<Result<Changes, _>>()?.answering(Done {}))
        })
        .await
}

/// Parses the tags of a request for its resources.
///
/// # Errors
/// InvalidParameter naming Tag, if there is none or a repeated name; Rejected.LimitExceeded for more tags than the maximum.
fn numbered_tags(NumberedTags(new): &NumberedTags) -> Result<Tags, Error> {
    let mut tags = Tags::default();
    for (name, value) in new {
        if tags.get(name).is_some() {
            return Err(Error::invalid("Tag"));
        }
        tags.set(name, value).map_err(|problem| tag_list::refused(problem, "Tag"))?;
    }
    if tags.is_empty() { Err(Error::invalid("Tag")) } else { Ok(tags) }
}

fn set_all(tags: &mut Tags, new: &Tags, parameter: &str) -> Result<(), Error> {
    let mut new = new.iter();
    new.try_for_each(|(name, value)| tags.set(name, value))
        .map_err(|problem| tag_list::refused(problem, parameter))
}

/// Refuses another region: it has other keys.
fn check_region(view: &View<'_>, region: &str) -> Result<(), Error> {
    if region == view.region() { Ok(()) } else { Err(Error::invalid("RegionId")) }
}

/// The label of resources with this tag; a name without a value matches any value.
fn label(name: &str, value: &str) -> Label {
    match value {
        "" => Label::tag_key(name),
        value => Label::tag(name, value),
    }
}

/// Whether tags contain all `required` ones; a name without a value matches any value.
fn has_all(tags: &Tags, required: Option<&NumberedTags>) -> bool {
    let mut required = required.into_iter().flat_map(|required| &required.0);
    required.all(|(name, value)| tags.get(name).is_some_and(|found| value.is_empty() || found == value))
}

/// Where a page ends: a resource and the name of a tag.
#[derive(PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Position(String, String);

impl Position {
    fn parse(token: &str) -> Result<Self, Error> {
        let json = STANDARD.decode(token).ok();
        json.and_then(|json| serde_json::from_slice(&json).ok()).ok_or_else(|| Error::invalid("NextToken"))
    }

    fn print(&self) -> String {
        STANDARD.encode(serde_json::to_vec(self).expect("two strings are JSON"))
    }
}

const MAX_RESOURCES: usize = 50;
/// Maximum tags on a page.
const PAGE: usize = 200;
