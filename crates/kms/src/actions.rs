//! One function per action; the `match` of each product is the only dispatcher.

mod aliases;
mod asymmetric;
mod data_keys;
mod dry_run;
mod filters;
pub(crate) mod import;
mod json;
mod keys;
mod mac;
mod paging;
mod searches;
mod secret_values;
pub(crate) mod secrets;
mod service;
mod service_key;
mod tags;
pub(crate) mod versions;

use bulla_wire::kms::{Reply, Request};
use bulla_wire::{self as wire, Error};

use crate::Kms;
use crate::authorize::authorize;
use crate::origin::Origin;

/// Answers a request to any product.
pub(crate) async fn call(kms: &Kms, request: wire::Request, by: &Origin) -> Result<wire::Reply, Error> {
    match request {
        wire::Request::Kms(request) => call_kms(kms, request, by).await.map(wire::Reply::Kms),
    }
}

/// Lets the caller through the first gate and answers the request.
async fn call_kms(kms: &Kms, request: Request, by: &Origin) -> Result<Reply, Error> {
    Ok(match request {
        Request::CreateKey(r) => Reply::CreateKey(keys::create(kms, authorize(by, r)?).await?),
        Request::DescribeKey(r) => Reply::DescribeKey(keys::describe(kms, &authorize(by, r)?)?),
        Request::ListKeys(r) => Reply::ListKeys(keys::list(kms, &authorize(by, r)?).await?),
        Request::EnableKey(r) => Reply::EnableKey(keys::enable(kms, authorize(by, r)?).await?),
        Request::DisableKey(r) => Reply::DisableKey(keys::disable(kms, authorize(by, r)?).await?),
        Request::UpdateKeyDescription(r) => {
            Reply::UpdateKeyDescription(keys::update_description(kms, authorize(by, r)?).await?)
        }
        Request::ScheduleKeyDeletion(r) => {
            Reply::ScheduleKeyDeletion(keys::schedule_deletion(kms, authorize(by, r)?).await?)
        }
        Request::CancelKeyDeletion(r) => {
            Reply::CancelKeyDeletion(keys::cancel_deletion(kms, authorize(by, r)?).await?)
        }
        Request::SetDeletionProtection(r) => {
            Reply::SetDeletionProtection(keys::set_deletion_protection(kms, authorize(by, r)?).await?)
        }
        Request::CreateKeyVersion(r) => {
            Reply::CreateKeyVersion(versions::create(kms, authorize(by, r)?).await?)
        }
        Request::DescribeKeyVersion(r) => {
            Reply::DescribeKeyVersion(versions::describe(kms, &authorize(by, r)?)?)
        }
        Request::ListKeyVersions(r) => Reply::ListKeyVersions(versions::list(kms, &authorize(by, r)?)?),
        Request::UpdateRotationPolicy(r) => {
            Reply::UpdateRotationPolicy(versions::update_policy(kms, authorize(by, r)?).await?)
        }
        Request::GetParametersForImport(r) => {
            Reply::GetParametersForImport(import::parameters(kms, authorize(by, r)?).await?)
        }
        Request::ImportKeyMaterial(r) => {
            Reply::ImportKeyMaterial(import::import(kms, authorize(by, r)?).await?)
        }
        Request::DeleteKeyMaterial(r) => {
            Reply::DeleteKeyMaterial(import::delete(kms, authorize(by, r)?).await?)
        }
        Request::CreateAlias(r) => Reply::CreateAlias(aliases::create(kms, authorize(by, r)?).await?),
        Request::UpdateAlias(r) => Reply::UpdateAlias(aliases::update(kms, authorize(by, r)?).await?),
        Request::DeleteAlias(r) => Reply::DeleteAlias(aliases::delete(kms, authorize(by, r)?).await?),
        Request::ListAliases(r) => Reply::ListAliases(aliases::list(kms, &authorize(by, r)?)?),
        Request::ListAliasesByKeyId(r) => {
            Reply::ListAliasesByKeyId(aliases::list_by_key(kms, &authorize(by, r)?)?)
        }
        Request::Encrypt(r) => Reply::Encrypt(data_keys::encrypt(kms, by, r)?),
        Request::Decrypt(r) => Reply::Decrypt(data_keys::decrypt(kms, by, r)?),
        Request::GenerateDataKey(r) => Reply::GenerateDataKey(data_keys::generate(kms, by, r)?),
        Request::GenerateDataKeyWithoutPlaintext(r) => {
            Reply::GenerateDataKeyWithoutPlaintext(data_keys::generate_wrapped(kms, by, r)?)
        }
        Request::ReEncrypt(r) => Reply::ReEncrypt(data_keys::re_encrypt(kms, by, r)?),
        Request::ExportDataKey(r) => Reply::ExportDataKey(data_keys::export(kms, by, r)?),
        Request::GenerateAndExportDataKey(r) => {
            Reply::GenerateAndExportDataKey(data_keys::generate_and_export(kms, by, r)?)
        }
        Request::GetPublicKey(r) => Reply::GetPublicKey(asymmetric::public_key(kms, by, r)?),
        Request::AsymmetricEncrypt(r) => Reply::AsymmetricEncrypt(asymmetric::encrypt(kms, by, r)?),
        Request::AsymmetricDecrypt(r) => Reply::AsymmetricDecrypt(asymmetric::decrypt(kms, by, r)?),
        Request::AsymmetricSign(r) => Reply::AsymmetricSign(asymmetric::sign(kms, by, r)?),
        Request::AsymmetricVerify(r) => Reply::AsymmetricVerify(asymmetric::verify(kms, by, r)?),
        Request::GenerateMac(r) => Reply::GenerateMac(mac::generate(kms, by, r)?),
        Request::VerifyMac(r) => Reply::VerifyMac(mac::verify(kms, by, r)?),
        Request::TagResource(r) => Reply::TagResource(tags::tag(kms, authorize(by, r)?).await?),
        Request::UntagResource(r) => Reply::UntagResource(tags::untag(kms, authorize(by, r)?).await?),
        Request::ListResourceTags(r) => Reply::ListResourceTags(tags::list(kms, &authorize(by, r)?)?),
        Request::TagResources(r) => Reply::TagResources(tags::tag_many(kms, authorize(by, r)?).await?),
        Request::UntagResources(r) => Reply::UntagResources(tags::untag_many(kms, authorize(by, r)?).await?),
        Request::ListTagResources(r) => Reply::ListTagResources(tags::find(kms, authorize(by, r)?).await?),
        Request::CreateSecret(r) => Reply::CreateSecret(secrets::create(kms, authorize(by, r)?).await?),
        Request::DescribeSecret(r) => Reply::DescribeSecret(secrets::describe(kms, &authorize(by, r)?)?),
        Request::ListSecrets(r) => Reply::ListSecrets(secrets::list(kms, &authorize(by, r)?).await?),
        Request::UpdateSecret(r) => Reply::UpdateSecret(secrets::update(kms, authorize(by, r)?).await?),
        Request::DeleteSecret(r) => Reply::DeleteSecret(secrets::delete(kms, authorize(by, r)?).await?),
        Request::RestoreSecret(r) => Reply::RestoreSecret(secrets::restore(kms, authorize(by, r)?).await?),
        Request::UpdateSecretRotationPolicy(r) => {
            Reply::UpdateSecretRotationPolicy(secrets::update_rotation_policy(kms, &authorize(by, r)?)?)
        }
        Request::RotateSecret(r) => Reply::RotateSecret(secrets::rotate(kms, &authorize(by, r)?)?),
        Request::GetSecretValue(r) => Reply::GetSecretValue(secret_values::get(kms, by, r)?),
        Request::BatchGetSecretValue(r) => {
            Reply::BatchGetSecretValue(secret_values::get_batch(kms, &authorize(by, r)?)?)
        }
        Request::PutSecretValue(r) => {
            Reply::PutSecretValue(secret_values::put(kms, authorize(by, r)?).await?)
        }
        Request::ListSecretVersionIds(r) => {
            Reply::ListSecretVersionIds(secret_values::list(kms, &authorize(by, r)?)?)
        }
        Request::UpdateSecretVersionStage(r) => {
            Reply::UpdateSecretVersionStage(secret_values::move_stage(kms, authorize(by, r)?).await?)
        }
        Request::DescribeRegions(r) => Reply::DescribeRegions(service::regions(kms, &authorize(by, r)?)),
        Request::DescribeAccountKmsStatus(r) => {
            Reply::DescribeAccountKmsStatus(service::status(&authorize(by, r)?))
        }
        Request::OpenKmsService(r) => Reply::OpenKmsService(service::open(&authorize(by, r)?)?),
        Request::GetRandomPassword(r) => Reply::GetRandomPassword(service::password(&authorize(by, r)?)?),
    })
}
