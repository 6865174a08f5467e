//! `bulla alias`: second names of keys, for people.

use bulla_wire::actions::{
    AliasEntry, CreateAlias, DeleteAlias, ListAliases, ListAliasesByKeyId, UpdateAlias,
};

use super::key::resolve;
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
        Alias::List { key: None } => print_all(|page_number| {
            let page = ListAliases { page_number: Some(page_number), page_size: Some(PAGE_SIZE) };
            Ok(kms.call(&page)?.aliases.alias)
        })?,
        Alias::List { key: Some(key) } => {
            let key_id = resolve(&kms, key)?;
            print_all(|page_number| {
                let (page_number, page_size) = (Some(page_number), Some(PAGE_SIZE));
                let page = ListAliasesByKeyId { key_id: key_id.clone(), page_number, page_size };
                Ok(kms.call(&page)?.aliases.alias)
            })?;
        }
    }
    Ok(())
}

/// The whole name of an alias, of which the prefix may be left out.
pub(super) fn alias_name(typed: &str) -> String {
    if typed.starts_with("alias/") { typed.to_owned() } else { format!("alias/{typed}") }
}

fn print_all(page: impl Fn(u32) -> Result<Vec<AliasEntry>, Failure>) -> Result<(), Failure> {
    print(format_args!("{:36}  ALIAS", "KEY"))?;
    for number in 1.. {
        let entries = page(number)?;
        for entry in &entries {
            print(format_args!("{:36}  {}", entry.key_id, entry.alias_name))?;
        }
        if entries.len() < PAGE_SIZE as usize {
            break;
        }
    }
    Ok(())
}

const PAGE_SIZE: u32 = 100;
