//! The actions that attach policies: AttachPolicyToUser, DetachPolicyFromUser and ListPoliciesForUser, the same for groups
//! and roles, and ListEntitiesForPolicy.

use bulla_wire::ram::{
    AttachPolicyToGroup, AttachPolicyToRole, AttachPolicyToUser, AttachedPoliciesReply, AttachedPolicy,
    AttachedPolicyList, DetachPolicyFromGroup, DetachPolicyFromRole, DetachPolicyFromUser, Done, EntityGroup,
    EntityGroupList, EntityRole, EntityRoleList, EntityUser, EntityUserList, ListEntitiesForPolicy,
    ListEntitiesForPolicyReply, ListPoliciesForGroup, ListPoliciesForRole, ListPoliciesForUser, PolicyType,
};
use bulla_wire::{Error, Timestamp};

use super::entity::Entity;
use super::policies;
use super::refusal::incorrect;
use crate::authorize::{Allowed, AnyPolicy, CheckedResource, View};
use crate::people::{AttachRefusal, Attachment, Attachments, Group, NameKey, PolicyRef, Role, User};
use crate::session::Session;
use crate::state::Row;

/// The policy and the user, group or role of a request.
struct Pair<'r> {
    policy_type: PolicyType,
    policy: &'r str,
    entity: &'r str,
    resource_group: Option<&'r str>,
}

macro_rules! attach_and_detach {
    ($($attach:ident: $Attach:ident, $detach:ident: $Detach:ident, $Entity:ident by $name:ident;)*) => {$(
        pub(in crate::actions) async fn $attach(session: &Session<'_, $Attach>) -> Result<Done, Error> {
            let $Attach { policy_type, policy_name, $name, resource_group_id } = session.request;
            let resource_group = resource_group_id.as_deref();
            let policy = policy_name;
            attach::<_, $Entity>(session, &Pair { policy_type: *policy_type, policy, entity: $name, resource_group }).await
        }

        pub(in crate::actions) async fn $detach(session: &Session<'_, $Detach>) -> Result<Done, Error> {
            let $Detach { policy_type, policy_name, $name, resource_group_id } = session.request;
            let resource_group = resource_group_id.as_deref();
            let policy = policy_name;
            detach::<_, $Entity>(session, &Pair { policy_type: *policy_type, policy, entity: $name, resource_group }).await
        }
    )*};
}

attach_and_detach! {
    attach_to_user: AttachPolicyToUser, detach_from_user: DetachPolicyFromUser, User by user_name;
    attach_to_group: AttachPolicyToGroup, detach_from_group: DetachPolicyFromGroup, Group by group_name;
    attach_to_role: AttachPolicyToRole, detach_from_role: DetachPolicyFromRole, Role by role_name;
}

pub(in crate::actions) async fn of_user(
    session: &Session<'_, ListPoliciesForUser>,
) -> Result<AttachedPoliciesReply, Error> {
    attached::<User>(session, &session.request.user_name)
}

pub(in crate::actions) async fn of_group(
    session: &Session<'_, ListPoliciesForGroup>,
) -> Result<AttachedPoliciesReply, Error> {
    attached::<Group>(session, &session.request.group_name)
}

pub(in crate::actions) async fn of_role(
    session: &Session<'_, ListPoliciesForRole>,
) -> Result<AttachedPoliciesReply, Error> {
    attached::<Role>(session, &session.request.role_name)
}

pub(in crate::actions) async fn entities(
    session: &Session<'_, ListEntitiesForPolicy>,
) -> Result<ListEntitiesForPolicyReply, Error> {
    let policy = session.policy(session.request.policy_type, &session.request.policy_name)?;
    let holders = session.holders(&policy);
    let reference = policy.reference();
    let account = session.account().to_owned();
    // The reply is not paged, so it runs on another thread, and other requests do not wait.
    let search = move || {
        let since =
            |policies: &Attachments| policies.iter().find(|one| one.policy == reference).map(attach_date);
        let user = |row: &Row<User>| Some(user_entry(&row.record, since(&row.record.policies)?));
        let group = |row: &Row<Group>| Some(group_entry(&row.record, since(&row.record.policies)?));
        let role = |row: &Row<Role>| Some(role_entry(&row.record, &account, since(&row.record.policies)?));
        ListEntitiesForPolicyReply {
            users: EntityUserList { user: holders.users().filter_map(user).collect() },
            groups: EntityGroupList { group: holders.groups().filter_map(group).collect() },
            roles: EntityRoleList { role: holders.roles().filter_map(role).collect() },
        }
    };
    session.search(search).await
}

async fn attach<A, E: Entity>(session: &Session<'_, A>, pair: &Pair<'_>) -> Result<Done, Error> {
    pair.check()?;
    session
        .change(|state| {
            let (entity, policy) = pair.ask::<E>(state)?;
            let entity = entity?;
            let policy = policy?;
            let mut changed = E::clone(&entity.record);
            let limits = E::limits(&state.quotas());
            let attached = changed.policies_mut().attach(policy.reference(), state.now(), limits);
            attached.map_err(not_attached::<E>)?;
            Ok(E::replaced(&entity, changed).and(policy.touched()).answering(Done {}))
        })
        .await
}

/// Also detaches system policies that this version no longer has.
async fn detach<A, E: Entity>(session: &Session<'_, A>, pair: &Pair<'_>) -> Result<Done, Error> {
    pair.check()?;
    session
        .change(|state| {
            let (entity, policy) = pair.ask::<E>(state)?;
            let entity = entity?;
            let mut changed = E::clone(&entity.record);
            if !changed.policies_mut().detach(&pair.reference()) {
                policy?;
                return Err(E::NOT_ATTACHED.into());
            }
            Ok(E::replaced(&entity, changed).answering(Done {}))
        })
        .await
}

fn attached<E: Entity>(view: &View<'_>, name: &str) -> Result<AttachedPoliciesReply, Error> {
    let entity = E::ask(view, name)??;
    let attachments = entity.record.policies().iter();
    let policy = attachments.map(|attachment| policy_entry(view, &entity, attachment)).collect();
    Ok(AttachedPoliciesReply { policies: AttachedPolicyList { policy } })
}

impl Pair<'_> {
    fn check(&self) -> Result<(), Error> {
        match self.resource_group {
            None => Ok(()),
            Some(_) => Err(incorrect("ResourceGroupId")),
        }
    }

    /// Checks the permission for both, before an error reveals anything about one.
    fn ask<'v, E: Entity>(
        &self,
        state: &View<'v>,
    ) -> Result<(CheckedResource<&'v Row<E>>, CheckedResource<AnyPolicy<'v>>), Error> {
        Ok((E::ask(state, self.entity)?, state.ask_policy(self.policy_type, self.policy)?))
    }

    fn reference(&self) -> PolicyRef {
        let name = NameKey::of(self.policy);
        match self.policy_type {
            PolicyType::System => PolicyRef::System(name),
            PolicyType::Custom => PolicyRef::Custom(name),
        }
    }
}

fn not_attached<E: Entity>(refusal: AttachRefusal) -> Error {
    match refusal {
        AttachRefusal::AlreadyAttached => E::ALREADY_ATTACHED.into(),
        AttachRefusal::LimitExceeded => E::TOO_MANY_ATTACHED.into(),
    }
}

fn attach_date(attachment: &Attachment) -> Timestamp {
    Timestamp::from_unix(attachment.attached)
}

fn policy_entry<R>(view: &View<'_>, entity: &Allowed<R>, attachment: &Attachment) -> AttachedPolicy {
    let attach_date = attach_date(attachment);
    let Some(policy) = view.attached_policy(entity, &attachment.policy) else {
        return AttachedPolicy {
            policy_name: attachment.policy.name().to_string(),
            policy_type: PolicyType::System, // which this version no longer has
            description: String::new(),
            default_version: String::new(),
            attach_date,
        };
    };
    let policy = policies::uncounted(policy);
    AttachedPolicy {
        policy_name: policy.policy_name,
        policy_type: policy.policy_type,
        description: policy.description,
        default_version: policy.default_version,
        attach_date,
    }
}

fn user_entry(user: &User, attach_date: Timestamp) -> EntityUser {
    EntityUser {
        user_id: user.id.to_string(),
        user_name: user.name.to_string(),
        display_name: user.profile.display_name.to_string(),
        attach_date,
    }
}

fn group_entry(group: &Group, attach_date: Timestamp) -> EntityGroup {
    EntityGroup { group_name: group.name.to_string(), comments: group.comments.to_string(), attach_date }
}

fn role_entry(role: &Role, account: &str, attach_date: Timestamp) -> EntityRole {
    EntityRole {
        role_id: role.id.to_string(),
        role_name: role.name.to_string(),
        arn: role.arn(account),
        description: role.description.to_string(),
        attach_date,
    }
}
