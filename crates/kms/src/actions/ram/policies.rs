//! The actions on managed policies: CreatePolicy, GetPolicy, UpdatePolicyDescription, DeletePolicy, ListPolicies.

use bulla_access::system::{self, SystemPolicy};
use bulla_wire::ram::{
    CreatePolicy, DeletePolicy, Done, EntryTagList, GetPolicy, GetPolicyReply, ListPolicies,
    ListPoliciesReply, Policy, PolicyList, PolicyReply, PolicyType, UpdatePolicyDescription,
};
use bulla_wire::{Error, ErrorCode, Timestamp};

use super::page::Page;
use super::policy_versions;
use super::refusal::{document_refused, good_text, incorrect, parse_name, text_refused};
use super::tag_list::{self, TagFilter};
use crate::authorize::{Allowed, AnyPolicy, Container, Listing, View};
use crate::people::{ManagedPolicy, NameKey, PolicyConflict, PolicyName, text};
use crate::session::Session;
use crate::state::Write;

pub(in crate::actions) async fn create(session: &Session<'_, CreatePolicy>) -> Result<PolicyReply, Error> {
    let request = session.request;
    let name: PolicyName = parse_name("PolicyName", &request.policy_name)?;
    let description = good_text("Description", request.description.as_deref(), text::check_description)?;
    let policy = ManagedPolicy::new(name, &request.policy_document, session.now());
    let mut policy = policy.map_err(|error| document_refused("PolicyDocument", &error))?;
    policy.description = description.unwrap_or_default();
    policy.tags = tag_list::parse(request.tag.as_ref())?;
    session
        .change(|state| {
            let policies = state.with_tags(&policy.tags).every(Container::Policies)?;
            if state.is_name_taken::<ManagedPolicy>(&policies, &policy.name.key) {
                return Err(ErrorCode::EntityAlreadyExistsPolicy.into());
            }
            if state.count::<ManagedPolicy>(&policies) >= state.quotas().policies {
                return Err(ErrorCode::LimitExceededPolicy.into());
            }
            let reply = PolicyReply { policy: Policy { update_date: None, ..of_account(&policy) } };
            Ok(policies.changes([(Write::Policy(policy.clone()), 0)]).answering(reply))
        })
        .await
}

pub(in crate::actions) async fn get(session: &Session<'_, GetPolicy>) -> Result<GetPolicyReply, Error> {
    let policy = session.policy(session.request.policy_type, &session.request.policy_name)?;
    Ok(GetPolicyReply {
        policy: counted(session, &policy, *policy),
        default_policy_version: policy_versions::default_version(*policy),
    })
}

pub(in crate::actions) async fn update_description(
    session: &Session<'_, UpdatePolicyDescription>,
) -> Result<PolicyReply, Error> {
    let description = &*session.request.new_description;
    text::check_description(description).map_err(|fault| text_refused("NewDescription", fault))?;
    session
        .change(|state| {
            let policy = state.custom_policy(&session.request.policy_name)?;
            let mut changed = ManagedPolicy::clone(&policy.record);
            if *changed.description != *description {
                changed.description = description.into();
                changed.updated = state.now();
            }
            let reply = PolicyReply { policy: of_account(&changed) };
            Ok(policy.replaced(changed).answering(reply))
        })
        .await
}

pub(in crate::actions) async fn delete(session: &Session<'_, DeletePolicy>) -> Result<Done, Error> {
    let cascading = session.request.cascading_delete == Some(true);
    session
        .change(|state| {
            let policy = state.custom_policy(&session.request.policy_name)?;
            let deletable = policy.record.check_deletable(state.attached_to(&policy), cascading);
            deletable.map_err(not_deleted)?;
            let deletion = (Write::NoPolicy(policy.record.name.key.clone()), policy.revision);
            Ok(policy.changes([deletion]).answering(Done {}))
        })
        .await
}

pub(in crate::actions) async fn list(
    session: &Session<'_, ListPolicies>,
) -> Result<ListPoliciesReply, Error> {
    let request = session.request;
    let page = Page::new(request.marker.as_deref(), request.max_items)?;
    let filter = TagFilter::new(request.tag.as_ref())?;
    let after = page.after.as_deref().map(Position::parse).transpose()?;
    let policies = session.every(Container::Policies)?;
    let custom = session.listing::<ManagedPolicy>(&policies);
    let policy_type = request.policy_type;
    // With a filter, a page may read all policies, so it runs on another thread, and other requests do not wait.
    let may_be_long = !filter.is_empty();
    let searched = custom.clone();
    let search = move || {
        let of_type = from(&searched, after.as_ref(), policy_type);
        let found = of_type.filter(|(_, policy)| has_tags(*policy, &filter));
        page.take(found.map(|(position, _)| (position.print(), position)), |(printed, _)| printed)
    };
    let page = if may_be_long { session.search(search).await? } else { search() };
    let is_truncated = page.is_truncated();
    let found = page.entries.iter().filter_map(|(_, position)| position.policy(&custom));
    let policy = found.map(|policy| listed_policy(session, &policies, policy)).collect();
    Ok(ListPoliciesReply { policies: PolicyList { policy }, is_truncated, marker: page.marker })
}

/// Returns all policies, each with its position: first those of the account, then the system policies, by name.
pub(crate) fn all(
    custom: &Listing<ManagedPolicy>,
) -> impl Iterator<Item = (Position, AnyPolicy<'_>)> + use<'_> {
    from(custom, None, None)
}

/// The policy in lists.
pub(crate) fn listed_policy(view: &View<'_>, policies: &Allowed<Container>, policy: AnyPolicy<'_>) -> Policy {
    Policy { tags: Some(tags_of(policy)), ..counted(view, policies, policy) }
}

/// The policy without its tags and the number of its attachments.
pub(super) fn uncounted(policy: AnyPolicy<'_>) -> Policy {
    match policy {
        AnyPolicy::System(policy) => of_system(policy),
        AnyPolicy::Custom(row) => of_account(&row.record),
    }
}

pub(super) fn of_account(policy: &ManagedPolicy) -> Policy {
    Policy {
        policy_name: policy.name.to_string(),
        policy_type: PolicyType::Custom,
        description: policy.description.to_string(),
        default_version: policy.versions().default_version().id(),
        create_date: Timestamp::from_unix(policy.created),
        update_date: Some(Timestamp::from_unix(policy.updated)),
        attachment_count: None,
        tags: None,
    }
}

fn of_system(policy: &SystemPolicy) -> Policy {
    Policy {
        policy_name: policy.name.into(),
        policy_type: PolicyType::System,
        description: policy.description.into(),
        default_version: policy.version.into(),
        create_date: published(policy.created),
        update_date: Some(published(policy.updated)),
        attachment_count: None,
        tags: None,
    }
}

/// Parses a time of the table of system policies.
pub(super) fn published(time: &str) -> Timestamp {
    Timestamp::parse(time).expect("the table has times as replies print them")
}

fn counted<P>(view: &View<'_>, allowed: &Allowed<P>, policy: AnyPolicy<'_>) -> Policy {
    let count = view.attachment_count(allowed, &policy.reference());
    let attachment_count = Some(u32::try_from(count).unwrap_or(u32::MAX));
    Policy { attachment_count, ..uncounted(policy) }
}

/// Whether the tags of a policy match; only policies of the account have tags.
fn has_tags(policy: AnyPolicy<'_>, filter: &TagFilter) -> bool {
    match policy {
        AnyPolicy::System(_) => filter.is_empty(),
        AnyPolicy::Custom(row) => filter.matches(&row.record.tags),
    }
}

fn tags_of(policy: AnyPolicy<'_>) -> EntryTagList {
    match policy {
        AnyPolicy::System(_) => EntryTagList::default(),
        AnyPolicy::Custom(row) => tag_list::entries(&row.record.tags),
    }
}

/// Returns the policies after a position, each with its own: first those of the account, then the system policies, by name.
/// Skips policies of another type.
fn from<'v>(
    custom: &'v Listing<ManagedPolicy>,
    after: Option<&Position>,
    policy_type: Option<PolicyType>,
) -> impl Iterator<Item = (Position, AnyPolicy<'v>)> + use<'v> {
    let (of_account, of_system) = match after {
        None => (Some(None), None),
        Some(Position::Custom(name)) => (Some(Some(name)), None),
        Some(Position::System(name)) => (None, Some(name)),
    };
    let of_account = of_account.filter(|_| policy_type != Some(PolicyType::System));
    let of_account = of_account.map(|after| custom.rows_after(after)).into_iter().flatten();
    let mut system: Vec<_> = if policy_type == Some(PolicyType::Custom) {
        vec![]
    } else {
        system::POLICIES.iter().map(|policy| (NameKey::of(policy.name), policy)).collect()
    };
    system.retain(|(name, _)| of_system.is_none_or(|after| name > after));
    system.sort_by(|(one, _), (other, _)| one.cmp(other));
    let of_account =
        of_account.map(|row| (Position::Custom(row.record.name.key.clone()), AnyPolicy::Custom(row)));
    let system = system.into_iter();
    of_account.chain(system.map(|(name, policy)| (Position::System(name), AnyPolicy::System(policy))))
}

/// The position of a policy in the list of all, where a page may end.
pub(crate) enum Position {
    Custom(NameKey),
    System(NameKey),
}

impl Position {
    fn parse(text: &str) -> Result<Self, Error> {
        match text.split_once('/') {
            Some(("Custom", name)) => Ok(Self::Custom(NameKey::of(name))),
            Some(("System", name)) => Ok(Self::System(NameKey::of(name))),
            _ => Err(incorrect("Marker")),
        }
    }

    /// Returns the policy at this position.
    pub(crate) fn policy<'v>(&self, custom: &'v Listing<ManagedPolicy>) -> Option<AnyPolicy<'v>> {
        match self {
            Self::Custom(name) => custom.get(name).map(AnyPolicy::Custom),
            Self::System(name) => system::find(name.as_str()).map(AnyPolicy::System),
        }
    }

    fn print(&self) -> String {
        match self {
            Self::Custom(name) => format!("Custom/{name}"),
            Self::System(name) => format!("System/{name}"),
        }
    }
}

fn not_deleted(conflict: PolicyConflict) -> Error {
    match conflict {
        PolicyConflict::User => ErrorCode::DeleteConflictPolicyUser,
        PolicyConflict::Group => ErrorCode::DeleteConflictPolicyGroup,
        PolicyConflict::Role => ErrorCode::DeleteConflictPolicyRole,
        PolicyConflict::Version => ErrorCode::DeleteConflictPolicyVersion,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::PolicyVersion;

    #[test]
    fn answers_can_print_every_system_policy() {
        for policy in system::POLICIES {
            let entry = of_system(policy);
            assert!(entry.update_date >= Some(entry.create_date), "{}", policy.name);
            assert!(PolicyVersion::parse_id(policy.version).is_some(), "{}", policy.name);
        }
    }
}
