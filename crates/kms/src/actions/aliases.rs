//! The actions on aliases: CreateAlias, UpdateAlias, DeleteAlias, ListAliases, ListAliasesByKeyId.

use bulla_keys::{Alias, AliasName, Operation};
use bulla_wire::kms::{
    AliasEntry, AliasList, CreateAlias, DeleteAlias, Done, ListAliases, ListAliasesByKeyId, ListAliasesReply,
    UpdateAlias,
};
use bulla_wire::{Error, ErrorCode};

use super::paging::Page;
use crate::authorize::{Aliases, Container, View};
use crate::refusal::key_refused;
use crate::session::Session;
use crate::state::Write;

pub(super) async fn create(session: &Session<'_, CreateAlias>) -> Result<Done, Error> {
    let name = alias_name(&session.request.alias_name)?;
    session
        .change(|state| {
            let alias = state.new_alias(&name)?;
            let key = state.key_by_id(&session.request.key_id)?;
            if alias.is_some() {
                return Err(ErrorCode::AliasAlreadyExists.into());
            }
            key.record.allows(Operation::NameByAlias, state.now()).map_err(key_refused)?;
            state.check_room::<Alias, _>(&alias, state.quotas().of_aliases())?;
            let new = Alias { name: name.clone(), key: key.record.id, made_by: state.maker() };
            Ok(alias.changes([(Write::Alias(new), 0)]).and(key.unchanged()).answering(Done {}))
        })
        .await
}

pub(super) async fn update(session: &Session<'_, UpdateAlias>) -> Result<Done, Error> {
    let name = alias_name(&session.request.alias_name)?;
    session
        .change(|state| {
            // The target key comes first, so that the result of its check does not depend on the alias.
            let target = state.ask_key_by_id(&session.request.key_id)?;
            let alias = state.ask_alias(&name)?;
            if let Ok(alias) = &alias {
                state.key_of_alias(alias)?; // the permission for the key that loses the alias
            }
            let alias = alias?;
            let target = target?;
            target.record.allows(Operation::RetargetAlias, state.now()).map_err(key_refused)?;
            let changed = Alias { key: target.record.id, ..Alias::clone(&alias.record) };
            let changes = alias.changes([(Write::Alias(changed), alias.revision)]);
            Ok(changes.and(target.unchanged()).answering(Done {}))
        })
        .await
}

pub(super) async fn delete(session: &Session<'_, DeleteAlias>) -> Result<Done, Error> {
    let name = alias_name(&session.request.alias_name)?;
    session
        .change(|state| {
            let alias = state.ask_alias(&name)??;
            state.key_of_alias(&alias)?; // needs the permission for the key, but the key need not exist
            Ok(alias.changes([(Write::NoAlias(name.clone()), alias.revision)]).answering(Done {}))
        })
        .await
}

pub(super) async fn list(session: &Session<'_, ListAliases>) -> Result<ListAliasesReply, Error> {
    let page = Page::new(session.request.page_number, session.request.page_size, 0..=100)?;
    let aliases = session.container(Container::Aliases)?;
    Ok(page_of(session, page, &session.aliases(&aliases)))
}

pub(super) async fn list_by_key(
    session: &Session<'_, ListAliasesByKeyId>,
) -> Result<ListAliasesReply, Error> {
    let page = Page::new(session.request.page_number, session.request.page_size, 0..=101)?;
    let key = session.key_by_id(&session.request.key_id)?;
    Ok(page_of(session, page, &session.aliases_of(&key)))
}

fn page_of(view: &View<'_>, page: Page, aliases: &Aliases<'_>) -> ListAliasesReply {
    let total_count = aliases.len() as u64;
    let aliases = aliases.rows(page.places());
    let entry = |alias: &Alias| AliasEntry {
        alias_name: alias.name.to_string(),
        key_id: alias.key.to_string(),
        alias_arn: view.arn(&alias.name),
    };
    ListAliasesReply {
        aliases: AliasList { alias: aliases.map(|row| entry(&row.record)).collect() },
        total_count,
        page_number: page.number,
        page_size: page.size,
    }
}

fn alias_name(text: &str) -> Result<AliasName, Error> {
    text.parse().map_err(|_| Error::invalid("AliasName"))
}
