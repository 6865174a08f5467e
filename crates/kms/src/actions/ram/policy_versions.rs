//! The actions on versions of managed policies: CreatePolicyVersion, GetPolicyVersion, DeletePolicyVersion,
//! ListPolicyVersions, SetDefaultPolicyVersion.

use bulla_access::system::SystemPolicy;
use bulla_wire::ram::{
    CreatePolicyVersion, DeletePolicyVersion, Done, GetPolicyVersion, ListPolicyVersions,
    ListPolicyVersionsReply, PolicyVersion, PolicyVersionList, PolicyVersionReply, RotateStrategy,
    SetDefaultPolicyVersion,
};
use bulla_wire::{Error, ErrorCode, Timestamp};

use super::policies::published;
use super::refusal::document_refused;
use crate::authorize::{AnyPolicy, View};
use crate::people::{self, ManagedPolicy, VersionRefusal, Versions};
use crate::session::Session;

pub(in crate::actions) async fn create(
    session: &Session<'_, CreatePolicyVersion>,
) -> Result<PolicyVersionReply, Error> {
    let request = session.request;
    let rotates =
        request.rotate_strategy == Some(RotateStrategy::DeleteOldestNonDefaultVersionWhenLimitExceeded);
    change(session, &request.policy_name, |versions, state| {
        let limit = state.quotas().policy_versions;
        let number = versions.add(&request.policy_document, state.now(), limit, rotates)?;
        if request.set_as_default == Some(true) {
            versions.set_default(number)?;
        }
        let policy_version = of_account(versions, number).ok_or(VersionRefusal::Unknown)?;
        Ok(PolicyVersionReply { policy_version })
    })
    .await
}

pub(in crate::actions) async fn get(
    session: &Session<'_, GetPolicyVersion>,
) -> Result<PolicyVersionReply, Error> {
    let request = session.request;
    let number = number(&request.version_id)?;
    let policy_version = match *session.policy(request.policy_type, &request.policy_name)? {
        AnyPolicy::System(policy) => Some(of_system(policy)).filter(|of| of.version_id == request.version_id),
        AnyPolicy::Custom(row) => of_account(row.record.versions(), number),
    };
    let policy_version = policy_version.ok_or(ErrorCode::EntityNotExistPolicyVersion)?;
    Ok(PolicyVersionReply { policy_version })
}

pub(in crate::actions) async fn delete(session: &Session<'_, DeletePolicyVersion>) -> Result<Done, Error> {
    let number = number(&session.request.version_id)?;
    change(session, &session.request.policy_name, |versions, _| {
        versions.delete(number)?;
        Ok(Done {})
    })
    .await
}

pub(in crate::actions) async fn list(
    session: &Session<'_, ListPolicyVersions>,
) -> Result<ListPolicyVersionsReply, Error> {
    let policy = session.policy(session.request.policy_type, &session.request.policy_name)?;
    let policy_version = match *policy {
        AnyPolicy::System(policy) => vec![of_system(policy)],
        AnyPolicy::Custom(row) => {
            let versions = row.record.versions();
            versions.list().iter().map(|version| entry(versions, version)).collect()
        }
    };
    Ok(ListPolicyVersionsReply { policy_versions: PolicyVersionList { policy_version } })
}

pub(in crate::actions) async fn set_default(
    session: &Session<'_, SetDefaultPolicyVersion>,
) -> Result<Done, Error> {
    let number = number(&session.request.version_id)?;
    change(session, &session.request.policy_name, |versions, _| {
        versions.set_default(number)?;
        Ok(Done {})
    })
    .await
}

/// Returns the version of a policy that is in force.
pub(super) fn default_version(policy: AnyPolicy<'_>) -> PolicyVersion {
    match policy {
        AnyPolicy::System(policy) => of_system(policy),
        AnyPolicy::Custom(row) => {
            let versions = row.record.versions();
            entry(versions, versions.default_version())
        }
    }
}

/// Changes the versions of a policy of the account.
async fn change<A, T>(
    session: &Session<'_, A>,
    policy: &str,
    change: impl Fn(&mut Versions, &View<'_>) -> Result<T, VersionRefusal>,
) -> Result<T, Error> {
    session
        .change(|state| {
            let policy = state.custom_policy(policy)?;
            let mut changed = ManagedPolicy::clone(&policy.record);
            let answer = changed.change_versions(state.now(), |versions| change(versions, state));
            let answer = answer.map_err(refused)?;
            Ok(policy.replaced(changed).answering(answer))
        })
        .await
}

fn of_account(versions: &Versions, number: u32) -> Option<PolicyVersion> {
    versions.get(number).map(|version| entry(versions, version))
}

fn entry(versions: &Versions, version: &people::PolicyVersion) -> PolicyVersion {
    PolicyVersion {
        version_id: version.id(),
        is_default_version: version.number == versions.default_version().number,
        policy_document: version.text.to_string(),
        create_date: Timestamp::from_unix(version.created),
    }
}

/// Returns the only version of a system policy.
fn of_system(policy: &SystemPolicy) -> PolicyVersion {
    PolicyVersion {
        version_id: policy.version.into(),
        is_default_version: true,
        policy_document: policy.document.into(),
        create_date: published(policy.updated),
    }
}

fn number(version_id: &str) -> Result<u32, Error> {
    people::PolicyVersion::parse_id(version_id)
        .ok_or_else(|| Error::with(ErrorCode::ParameterFormat, "VersionId"))
}

fn refused(refusal: VersionRefusal) -> Error {
    match refusal {
        VersionRefusal::LimitExceeded => ErrorCode::LimitExceededPolicyVersion.into(),
        VersionRefusal::Unknown => ErrorCode::EntityNotExistPolicyVersion.into(),
        VersionRefusal::IsDefault => ErrorCode::DeleteConflictPolicyVersionDefault.into(),
        VersionRefusal::Document(error) => document_refused("PolicyDocument", &error),
    }
}
