//! The actions of the API: one function for each. The tables at the end of this file, one for each product, name the
//! function of each action. Requests are dispatched nowhere else.
//!
//! An action gets a [`Session`] and the parsed parameters, and no engine. It finds each resource through the session's view,
//! which checks the permission, and returns the reply. A change is a closure for [`Session::change`], which may run it more
//! than once.

mod aliases;
mod asymmetric;
mod breaches;
mod data_keys;
mod filters;
mod import;
mod json;
mod key_backups;
mod key_change;
mod key_uses;
mod keys;
mod mac;
mod new_secret_version;
mod paging;
mod policies;
mod ram;
mod recipient;
mod rotation_policy;
mod searches;
mod secret_change;
mod secret_value;
mod secret_values;
mod secrets;
mod service;
mod service_key;
mod sts;
mod tag_list;
mod tags;
mod versions;

use std::time::Instant;

use bulla_wire::{self as wire, Error};

pub(crate) use self::keys::full_metadata as full_key_metadata;
pub(crate) use self::paging::{Joined, Page};
pub(crate) use self::ram::groups::with_update as listed_group;
pub(crate) use self::ram::policies::{all as all_policies, listed_policy};
pub(crate) use self::ram::roles::listed as listed_role;
pub(crate) use self::ram::users::with_update as listed_user;
pub(crate) use self::secrets::listed as listed_secret;
use crate::Kms;
use crate::authorize::{Inquiry, Requested};
use crate::origin::Origin;
use crate::session::Session;
use crate::stale_snapshot::StaleSnapshot;

/// Answers a request to any product, which arrived at `arrived`.
pub(crate) async fn call(
    kms: &Kms,
    request: wire::Request,
    by: &Origin,
    arrived: Instant,
) -> Result<wire::Reply, Error> {
    let (product, action) = request.action();
    let requested = Requested { product: product.name(), action };
    let inquiry = || Inquiry::new(kms, by, requested).since(arrived);
    if let Err(unavailable) = kms.auditor.admit() {
        return Err(kms.auditor.refused(&inquiry(), unavailable));
    }
    let mut counted = kms.count(by.caller());
    loop {
        let inquiry = inquiry();
        let outcome = match std::mem::replace(&mut counted, Ok(())) {
            Ok(()) => answer(kms, &request, &inquiry).await,
            Err(throttled) => Err(throttled),
        };
        if !StaleSnapshot::is_outcome(&outcome) {
            return kms.auditor.answered(&inquiry, outcome).await;
        }
    }
}

/// Answers a request in one session. Begins again with a newer session only if the store has changed since that session's
/// snapshot.
pub(crate) async fn answer(
    kms: &Kms,
    request: &wire::Request,
    inquiry: &Inquiry<'_>,
) -> Result<wire::Reply, Error> {
    match request {
        wire::Request::Kms(request) => answer_kms(kms, request, inquiry).await.map(wire::Reply::Kms),
        wire::Request::Ram(request) => answer_ram(kms, request, inquiry).await.map(wire::Reply::Ram),
        wire::Request::Sts(request) => answer_sts(kms, request, inquiry).await.map(wire::Reply::Sts),
    }
}

/// The table of one product: the function that answers each of its actions.
macro_rules! answers {
    (
        $answer:ident of $product:ident:
        $($action:ident => $function:path,)*
    ) => {
        /// Begins the session of a request, and calls the function of its action.
        async fn $answer(
            kms: &Kms,
            request: &wire::$product::Request,
            inquiry: &Inquiry<'_>,
        ) -> Result<wire::$product::Reply, Error> {
            use wire::$product::{Reply, Request};
            let snapshot = kms.state.snapshot()?;
            match request {
                $(Request::$action(request) => {
                    let session = Session::new(kms, inquiry, &snapshot, request);
                    let outcome = $function(&session).await;
                    session.outcome(outcome).map(Reply::$action)
                })*
            }
        }
    };
}

answers! {
    answer_sts of sts:
    AssumeRole => sts::assume_role,
    AssumeRoleWithOIDC => sts::assume_role_with_oidc,
    GetCallerIdentity => sts::caller_identity,
}

answers! {
    answer_kms of kms:
    CreateKey => keys::create,
    DescribeKey => keys::describe,
    ListKeys => keys::list,
    EnableKey => keys::enable,
    DisableKey => keys::disable,
    UpdateKeyDescription => keys::update_description,
    ScheduleKeyDeletion => keys::schedule_deletion,
    CancelKeyDeletion => keys::cancel_deletion,
    SetDeletionProtection => keys::set_deletion_protection,
    CreateKeyVersion => versions::create,
    DescribeKeyVersion => versions::describe,
    ListKeyVersions => versions::list,
    UpdateRotationPolicy => versions::update_policy,
    DescribeKeyUses => key_uses::describe,
    DescribeKeyBackups => key_backups::describe,
    GetParametersForImport => import::parameters,
    ImportKeyMaterial => import::import,
    DeleteKeyMaterial => import::delete,
    GetKeyPolicy => policies::key_policy,
    SetKeyPolicy => policies::set_key_policy,
    GetKeyDefaultPolicy => policies::key_default_policy,
    CreateAlias => aliases::create,
    UpdateAlias => aliases::update,
    DeleteAlias => aliases::delete,
    ListAliases => aliases::list,
    ListAliasesByKeyId => aliases::list_by_key,
    Encrypt => data_keys::encrypt,
    Decrypt => data_keys::decrypt,
    GenerateDataKey => data_keys::generate,
    GenerateDataKeyWithoutPlaintext => data_keys::generate_wrapped,
    ReEncrypt => data_keys::re_encrypt,
    ExportDataKey => data_keys::export,
    GenerateAndExportDataKey => data_keys::generate_and_export,
    GetPublicKey => asymmetric::public_key,
    AsymmetricEncrypt => asymmetric::encrypt,
    AsymmetricDecrypt => asymmetric::decrypt,
    AsymmetricSign => asymmetric::sign,
    AsymmetricVerify => asymmetric::verify,
    GenerateMac => mac::generate,
    VerifyMac => mac::verify,
    TagResource => tags::tag,
    UntagResource => tags::untag,
    ListResourceTags => tags::list,
    TagResources => tags::tag_many,
    UntagResources => tags::untag_many,
    ListTagResources => tags::find,
    CreateSecret => secrets::create,
    DescribeSecret => secrets::describe,
    ListSecrets => secrets::list,
    UpdateSecret => secrets::update,
    DeleteSecret => secrets::delete,
    RestoreSecret => secrets::restore,
    UpdateSecretRotationPolicy => secrets::update_rotation_policy,
    RotateSecret => secrets::rotate,
    GetSecretValue => secret_values::get,
    BatchGetSecretValue => secret_values::get_batch,
    PutSecretValue => secret_values::put,
    ListSecretVersionIds => secret_values::list,
    UpdateSecretVersionStage => secret_values::move_stage,
    GetSecretPolicy => policies::secret_policy,
    SetSecretPolicy => policies::set_secret_policy,
    DescribeRegions => service::regions,
    DescribeAccountKmsStatus => service::status,
    OpenKmsService => service::open,
    GetRandomPassword => service::password,
}

answers! {
    answer_ram of ram:
    CreateUser => ram::users::create,
    GetUser => ram::users::get,
    UpdateUser => ram::users::update,
    DeleteUser => ram::users::delete,
    ListUsers => ram::users::list,
    CreateLoginProfile => ram::login_profiles::create,
    GetLoginProfile => ram::login_profiles::get,
    UpdateLoginProfile => ram::login_profiles::update,
    DeleteLoginProfile => ram::login_profiles::delete,
    CreateVirtualMFADevice => ram::mfa_devices::create,
    DeleteVirtualMFADevice => ram::mfa_devices::delete,
    ListVirtualMFADevices => ram::mfa_devices::list,
    BindMFADevice => ram::mfa_devices::bind,
    UnbindMFADevice => ram::mfa_devices::unbind,
    GetUserMFAInfo => ram::mfa_devices::info,
    CreateAccessKey => ram::access_keys::create,
    UpdateAccessKey => ram::access_keys::update,
    DeleteAccessKey => ram::access_keys::delete,
    ListAccessKeys => ram::access_keys::list,
    GetAccessKeyLastUsed => ram::access_keys::last_used,
    CreateGroup => ram::groups::create,
    GetGroup => ram::groups::get,
    UpdateGroup => ram::groups::update,
    DeleteGroup => ram::groups::delete,
    ListGroups => ram::groups::list,
    AddUserToGroup => ram::members::add,
    RemoveUserFromGroup => ram::members::remove,
    ListGroupsForUser => ram::members::groups_of_user,
    ListUsersForGroup => ram::members::users_of_group,
    SetAccountAlias => ram::account::set_alias,
    GetAccountAlias => ram::account::alias,
    ClearAccountAlias => ram::account::clear_alias,
    CreatePolicy => ram::policies::create,
    GetPolicy => ram::policies::get,
    UpdatePolicyDescription => ram::policies::update_description,
    DeletePolicy => ram::policies::delete,
    ListPolicies => ram::policies::list,
    CreatePolicyVersion => ram::policy_versions::create,
    GetPolicyVersion => ram::policy_versions::get,
    DeletePolicyVersion => ram::policy_versions::delete,
    ListPolicyVersions => ram::policy_versions::list,
    SetDefaultPolicyVersion => ram::policy_versions::set_default,
    AttachPolicyToUser => ram::attachments::attach_to_user,
    DetachPolicyFromUser => ram::attachments::detach_from_user,
    AttachPolicyToGroup => ram::attachments::attach_to_group,
    DetachPolicyFromGroup => ram::attachments::detach_from_group,
    AttachPolicyToRole => ram::attachments::attach_to_role,
    DetachPolicyFromRole => ram::attachments::detach_from_role,
    ListPoliciesForUser => ram::attachments::of_user,
    ListPoliciesForGroup => ram::attachments::of_group,
    ListPoliciesForRole => ram::attachments::of_role,
    ListEntitiesForPolicy => ram::attachments::entities,
    CreateRole => ram::roles::create,
    GetRole => ram::roles::get,
    UpdateRole => ram::roles::update,
    DeleteRole => ram::roles::delete,
    ListRoles => ram::roles::list,
    TagResources => ram::tags::tag,
    UntagResources => ram::tags::untag,
    ListTagResources => ram::tags::list,
}
