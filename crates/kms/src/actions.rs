//! One function per action; this `match` is the only dispatcher.

mod aliases;
mod data_keys;
mod filters;
mod keys;
mod paging;
mod regions;

use bulla_wire::{Error, Reply, Request};

use crate::Kms;
use crate::authorize::authorize;
use crate::origin::Origin;

/// Lets the caller through the first gate and answers the request.
pub(crate) async fn call(kms: &Kms, request: Request, by: &Origin) -> Result<Reply, Error> {
    Ok(match request {
        Request::CreateKey(r) => Reply::CreateKey(keys::create(kms, authorize(by, r)?, by).await?),
        Request::DescribeKey(r) => Reply::DescribeKey(keys::describe(kms, &authorize(by, r)?)?),
        Request::ListKeys(r) => Reply::ListKeys(keys::list(kms, &authorize(by, r)?)?),
        Request::EnableKey(r) => Reply::EnableKey(keys::enable(kms, authorize(by, r)?).await?),
        Request::DisableKey(r) => Reply::DisableKey(keys::disable(kms, authorize(by, r)?).await?),
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
        Request::DescribeRegions(r) => Reply::DescribeRegions(regions::describe(kms, &authorize(by, r)?)),
    })
}
