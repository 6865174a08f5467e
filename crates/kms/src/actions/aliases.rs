//! CreateAlias, UpdateAlias, DeleteAlias, ListAliases, ListAliasesByKeyId.

use bulla_keys::{Alias, AliasName, KeyId, Operation};
use bulla_wire::actions::{
    AliasEntry, AliasList, CreateAlias, DeleteAlias, Done, ListAliases, ListAliasesByKeyId, ListAliasesReply,
    UpdateAlias,
};
use bulla_wire::{Error, ErrorCode};

use super::paging::Page;
use crate::Kms;
use crate::authorize::Allowed;
use crate::keyring::refused;
use crate::state::{Row, Write};

pub(super) async fn create(kms: &Kms, request: Allowed<CreateAlias>) -> Result<Done, Error> {
    let name = alias_name(&request.alias_name)?;
    kms.change(&request, |keyring| {
        let Row { record: key, revision } = keyring.by_id(&request.key_id)?;
        if keyring.snapshot.alias(name.as_str()).is_some() {
            return Err(ErrorCode::AliasAlreadyExists.into());
        }
        key.allows(Operation::NameByAlias, keyring.now).map_err(refused)?;
        let alias = Alias { name: name.clone(), key: key.id };
        Ok(vec![(Write::Alias(alias), 0), (Write::SameKey(key.id), *revision)])
    })
    .await?;
    Ok(Done {})
}

pub(super) async fn update(kms: &Kms, request: Allowed<UpdateAlias>) -> Result<Done, Error> {
    let name = alias_name(&request.alias_name)?;
    kms.change(&request, |keyring| {
        let row = keyring.snapshot.alias(name.as_str()).ok_or(ErrorCode::ForbiddenAliasNotFound)?;
        let Row { record: target, revision } = keyring.by_id(&request.key_id)?;
        target.allows(Operation::RetargetAlias, keyring.now).map_err(refused)?;
        let alias = Alias { name: name.clone(), key: target.id };
        Ok(vec![(Write::Alias(alias), row.revision), (Write::SameKey(target.id), *revision)])
    })
    .await?;
    Ok(Done {})
}

pub(super) async fn delete(kms: &Kms, request: Allowed<DeleteAlias>) -> Result<Done, Error> {
    let name = alias_name(&request.alias_name)?;
    kms.change(&request, |keyring| {
        let row = keyring.snapshot.alias(name.as_str()).ok_or(ErrorCode::ForbiddenAliasNotFound)?;
        Ok(vec![(Write::NoAlias(name.clone()), row.revision)])
    })
    .await?;
    Ok(Done {})
}

pub(super) fn list(kms: &Kms, request: &Allowed<ListAliases>) -> Result<ListAliasesReply, Error> {
    let page = Page::new(request.page_number, request.page_size, 0..=100)?;
    page_of(kms, page, None)
}

pub(super) fn list_by_key(
    kms: &Kms,
    request: &Allowed<ListAliasesByKeyId>,
) -> Result<ListAliasesReply, Error> {
    let page = Page::new(request.page_number, request.page_size, 0..=101)?;
    let key = kms.keyring(&*kms.snapshot()?).by_id(&request.key_id)?.record.id;
    page_of(kms, page, Some(key))
}

fn page_of(kms: &Kms, page: Page, of_key: Option<KeyId>) -> Result<ListAliasesReply, Error> {
    let snapshot = kms.snapshot()?;
    let (names, total_count) = page.of(snapshot.alias_lists(), &[of_key]);
    let aliases = names.into_iter().filter_map(|name| snapshot.alias(name.as_str()));
    let entry = |alias: &Alias| AliasEntry {
        alias_name: alias.name.to_string(),
        key_id: alias.key.to_string(),
        alias_arn: format!("acs:kms:{}:{}:{}", kms.region(), kms.account(), alias.name),
    };
    Ok(ListAliasesReply {
        aliases: AliasList { alias: aliases.map(|row| entry(&row.record)).collect() },
        total_count,
        page_number: page.number,
        page_size: page.size,
    })
}

fn alias_name(text: &str) -> Result<AliasName, Error> {
    text.parse().map_err(|_| Error::invalid("AliasName"))
}
