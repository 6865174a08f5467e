//! `bulla alias`: second names of keys, for people.

use bulla_wire::actions::{
    AliasEntry, CreateAlias, DeleteAlias, ListAliases, ListAliasesByKeyId, UpdateAlias,
};

use super::key::resolve;
use super::pages::{self, PAGE_SIZE};
use crate::args::{Alias, Place};
use crate::failure::Failure;
use crate::kms::Kms;
use crate::messages::print;

pub(crate) fn run(place: &Place, command: Alias) -> Result<(), Failure> {
    let kms = Kms::connect(place)?;
    match command {
        Alias::Create { name, key } => {
            let (alias_name, key_id) = (alias_name(&name), resolve(&kms, key)?);
            kms.call(&CreateAlias { key_id: key_id.clone(), alias_name: alias_name.clone() })?;
            print(format_args!("{alias_name} -> {key_id}"))?;
        }
        Alias::Update { name, key } => {
            let (alias_name, key_id) = (alias_name(&name), resolve(&kms, key)?);
            kms.call(&UpdateAlias { key_id: key_id.clone(), alias_name: alias_name.clone() })?;
            print(format_args!("{alias_name} -> {key_id}"))?;
        }
        Alias::Delete { name } => {
            let alias_name = alias_name(&name);
            kms.call(&DeleteAlias { alias_name: alias_name.clone() })?;
            print(format_args!("{alias_name} is deleted"))?;
        }
        Alias::List { key: None } => print_all(|number| {
            let page = kms.call(&ListAliases { page_number: Some(number), page_size: Some(PAGE_SIZE) })?;
            Ok((page.aliases.alias, page.total_count))
        })?,
        Alias::List { key: Some(key) } => {
            let key_id = resolve(&kms, key)?;
            print_all(|number| {
                let (page_number, page_size) = (Some(number), Some(PAGE_SIZE));
                let page =
                    kms.call(&ListAliasesByKeyId { key_id: key_id.clone(), page_number, page_size })?;
                Ok((page.aliases.alias, page.total_count))
            })?;
        }
    }
    Ok(())
}

/// The whole name of an alias, of which the prefix may be left out.
pub(super) fn alias_name(typed: &str) -> String {
    if typed.starts_with("alias/") { typed.to_owned() } else { format!("alias/{typed}") }
}

fn print_all(ask: impl Fn(u32) -> Result<(Vec<AliasEntry>, u64), Failure>) -> Result<(), Failure> {
    print(format_args!("{:36}  ALIAS", "KEY"))?;
    pages::for_each(ask, |entry| print(format_args!("{:36}  {}", entry.key_id, entry.alias_name)))
}
