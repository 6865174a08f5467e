//! CreatePolicy, GetPolicy, UpdatePolicyDescription, DeletePolicy, ListPolicies.

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
use crate::authorize::{Allowed, AnyPolicy, Container, View};
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
    policy.tags = tag_list::given(request.tag.as_ref())?;
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
    let listed = rows(session, &policies, after.as_ref())
        .filter(|(_, policy)| request.policy_type.is_none_or(|of| policy_type(*policy) == of))
        .filter(|(_, policy)| has_tags(*policy, &filter));
    let page = page.take(listed, |(position, _)| position);
    let is_truncated = page.is_truncated();
    let entry = |(_, policy): (String, AnyPolicy<'_>)| listed_policy(session, &policies, policy);
    let policy = page.entries.into_iter().map(entry).collect();
    Ok(ListPoliciesReply { policies: PolicyList { policy }, is_truncated, marker: page.marker })
}

/// All policies: first those of the account, then the system policies, by name.
pub(crate) fn all<'v>(
    view: &View<'v>,
    policies: &Allowed<Container>,
) -> impl Iterator<Item = AnyPolicy<'v>> + use<'v> {
    rows(view, policies, None).map(|(_, policy)| policy)
}

/// What a list says of a policy.
pub(crate) fn listed_policy(view: &View<'_>, policies: &Allowed<Container>, policy: AnyPolicy<'_>) -> Policy {
    Policy { tags: Some(tags_of(policy)), ..counted(view, policies, policy) }
}

/// What answers say of a policy.
pub(super) fn described(policy: AnyPolicy<'_>) -> Policy {
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

/// A time of the table of system policies.
pub(super) fn published(time: &str) -> Timestamp {
    Timestamp::parse(time).expect("the table has times as replies print them")
}

fn counted<P>(view: &View<'_>, allowed: &Allowed<P>, policy: AnyPolicy<'_>) -> Policy {
    let count = view.attachment_count(allowed, &policy.reference());
    let attachment_count = Some(u32::try_from(count).unwrap_or(u32::MAX));
    Policy { attachment_count, ..described(policy) }
}

fn policy_type(policy: AnyPolicy<'_>) -> PolicyType {
    match policy {
        AnyPolicy::System(_) => PolicyType::System,
        AnyPolicy::Custom(_) => PolicyType::Custom,
    }
}

/// Only policies of the account have tags.
fn has_tags(policy: AnyPolicy<'_>, filter: &TagFilter<'_>) -> bool {
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

/// Policies after a position, each with its own: first those of the account, then the system policies, by name.
fn rows<'v>(
    view: &View<'v>,
    policies: &Allowed<Container>,
    after: Option<&Position>,
) -> impl Iterator<Item = (String, AnyPolicy<'v>)> + use<'v> {
    let (custom, system) = match after {
        None => (Some(None), None),
        Some(Position::Custom(name)) => (Some(Some(name)), None),
        Some(Position::System(name)) => (None, Some(name)),
    };
    let custom = custom.map(|after| view.rows_after::<ManagedPolicy>(policies, after));
    let custom = custom.into_iter().flatten().map(|row| {
        let position = Position::Custom(row.record.name.key.clone());
        (position.print(), AnyPolicy::Custom(row))
    });
    let mut of_system: Vec<_> =
        system::POLICIES.iter().map(|policy| (NameKey::of(policy.name), policy)).collect();
    of_system.retain(|(name, _)| system.is_none_or(|after| name > after));
    of_system.sort_by(|(one, _), (other, _)| one.cmp(other));
    let of_system = of_system.into_iter();
    custom.chain(of_system.map(|(name, policy)| (Position::System(name).print(), AnyPolicy::System(policy))))
}

/// Where a page of policies ends.
enum Position {
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
