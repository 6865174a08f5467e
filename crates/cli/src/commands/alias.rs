//! `bulla alias`: readable names of keys.

use bulla_wire::kms::{AliasEntry, CreateAlias, DeleteAlias, ListAliases, ListAliasesByKeyId, UpdateAlias};

use super::key::resolve;
use super::pages::{self, PAGE_SIZE};
use crate::args::{Alias, KmsFlags};
use crate::failure::Failure;
use crate::kms::KmsConnection;
use crate::results::print;

pub(crate) fn run(kms: &KmsFlags, command: Alias) -> Result<(), Failure> {
    let kms = KmsConnection::connect(kms)?;
    match command {
        Alias::Create { name, key } => {
            name.check()?;
            let key_id = resolve(&kms, &key)?;
            kms.call(&CreateAlias { key_id: key_id.clone(), alias_name: name.to_string() })?;
            print(format_args!("{name} -> {key_id}"))?;
        }
        Alias::Update { name, key } => {
            let key_id = resolve(&kms, &key)?;
            kms.call(&UpdateAlias { key_id: key_id.clone(), alias_name: name.to_string() })?;
            print(format_args!("{name} -> {key_id}"))?;
        }
        Alias::Delete { name } => {
            kms.call(&DeleteAlias { alias_name: name.to_string() })?;
            print(format_args!("{name} is deleted"))?;
        }
        Alias::List { key: None } => print_all(|number| {
            let page = kms.call(&ListAliases { page_number: Some(number), page_size: Some(PAGE_SIZE) })?;
            Ok((page.aliases.alias, page.total_count))
        })?,
        Alias::List { key: Some(key) } => {
            let key_id = resolve(&kms, &key)?;
            print_all(|number| {
                let page = kms.call(&ListAliasesByKeyId {
                    key_id: key_id.clone(),
                    page_number: Some(number),
                    page_size: Some(PAGE_SIZE),
                })?;
                Ok((page.aliases.alias, page.total_count))
            })?;
        }
    }
    Ok(())
}

fn print_all(ask: impl Fn(u32) -> Result<(Vec<AliasEntry>, u64), Failure>) -> Result<(), Failure> {
    print(format_args!("{:36}  ALIAS", "KEY"))?;
    pages::for_each(ask, |entry| print(format_args!("{:36}  {}", entry.key_id, entry.alias_name)))
}
