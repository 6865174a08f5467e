//! The actions on the alias of the account: SetAccountAlias, GetAccountAlias, ClearAccountAlias.

use bulla_wire::Error;
use bulla_wire::ram::{ClearAccountAlias, Done, GetAccountAlias, GetAccountAliasReply, SetAccountAlias};

use super::refusal::text_refused;
use crate::people::Account;
use crate::session::Session;
use crate::state::Write;

pub(in crate::actions) async fn set_alias(session: &Session<'_, SetAccountAlias>) -> Result<Done, Error> {
    let alias = &*session.request.account_alias;
    Account::check_alias(alias).map_err(|fault| text_refused("AccountAlias", fault))?;
    change_alias(session, Some(alias)).await
}

pub(in crate::actions) async fn alias(
    session: &Session<'_, GetAccountAlias>,
) -> Result<GetAccountAliasReply, Error> {
    let account = session.account_row()?;
    let alias = account.and_then(|row| row.record.alias.as_deref());
    Ok(GetAccountAliasReply { account_alias: alias.unwrap_or_default().into() })
}

pub(in crate::actions) async fn clear_alias(session: &Session<'_, ClearAccountAlias>) -> Result<Done, Error> {
    change_alias(session, None).await
}

async fn change_alias<A>(session: &Session<'_, A>, alias: Option<&str>) -> Result<Done, Error> {
    session
        .change(|state| {
            let account = state.account_row()?;
            let current = account.map(|row| Account::clone(&row.record)).unwrap_or_default();
            let changed = Account { alias: alias.map(Into::into), ..current.clone() };
            let revision = account.map_or(0, |row| row.revision);
            let write = (changed != current).then_some((Write::Account(changed), revision));
            Ok(account.changes(write).answering(Done {}))
        })
        .await
}
