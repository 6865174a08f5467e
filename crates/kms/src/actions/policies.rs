//! The actions on policies of keys and secrets: GetKeyPolicy, SetKeyPolicy, GetKeyDefaultPolicy, GetSecretPolicy,
//! SetSecretPolicy. CreateKey and CreateSecret parse their policies here too.

use bulla_keys::Refusal;
use bulla_wire::kms::{
    Done, GetKeyDefaultPolicy, GetKeyPolicy, GetSecretPolicy, PolicyReply, SetKeyPolicy, SetSecretPolicy,
};
use bulla_wire::{Error, ErrorCode};

use crate::authorize::{NamedRows, View};
use crate::people::{Document, DocumentKind, KeyPolicy, SecretPolicy};
use crate::refusal::key_refused;
use crate::session::Session;
use crate::state::Write;

pub(super) async fn key_policy(session: &Session<'_, GetKeyPolicy>) -> Result<PolicyReply, Error> {
    check_name(session.request.policy_name.as_deref())?;
    let key = session.key(&session.request.key_id)?;
    let set = session.policy_of_key(&key).map(|row| row.record.document.text().to_owned());
    Ok(PolicyReply { policy: set.unwrap_or_else(|| default_policy("key", session.account())) })
}

pub(super) async fn set_key_policy(session: &Session<'_, SetKeyPolicy>) -> Result<Done, Error> {
    check_name(session.request.policy_name.as_deref())?;
    session
        .change(|state| {
            let key = state.key(&session.request.key_id)?;
            if key.record.is_service() {
                return Err(key_refused(Refusal::Unsupported)); // the policies of its secrets apply instead
            }
            let (document, named) = document(state, &session.request.policy)?;
            let revision = state.policy_of_key(&key).map_or(0, |row| row.revision);
            let policy = Write::KeyPolicy(KeyPolicy { key: key.record.id, document });
            let changes = key.changes(named.into_iter().chain([(policy, revision)]));
            Ok(changes.and(key.unchanged()).answering(Done {}))
        })
        .await
}

pub(super) async fn key_default_policy(
    session: &Session<'_, GetKeyDefaultPolicy>,
) -> Result<PolicyReply, Error> {
    session.anything()?;
    Ok(PolicyReply { policy: default_policy("key", session.account()) })
}

pub(super) async fn secret_policy(session: &Session<'_, GetSecretPolicy>) -> Result<PolicyReply, Error> {
    check_name(session.request.policy_name.as_deref())?;
    let secret = session.secret(&session.request.secret_name)?;
    let set = session.policy_of_secret(&secret).map(|row| row.record.document.text().to_owned());
    Ok(PolicyReply { policy: set.unwrap_or_else(|| default_policy("secret", session.account())) })
}

pub(super) async fn set_secret_policy(session: &Session<'_, SetSecretPolicy>) -> Result<Done, Error> {
    check_name(session.request.policy_name.as_deref())?;
    session
        .change(|state| {
            let secret = state.secret(&session.request.secret_name)?;
            let (document, named) = document(state, &session.request.policy)?;
            let revision = state.policy_of_secret(&secret).map_or(0, |row| row.revision);
            let policy = Write::SecretPolicy(SecretPolicy { secret: secret.record.name.clone(), document });
            let changes = secret.changes(named.into_iter().chain([(policy, revision)]));
            Ok(changes.and(secret.unchanged()).answering(Done {}))
        })
        .await
}

/// Parses a policy of a key or secret, and resolves its principals. Returns it with the rows that it depends on.
///
/// # Errors
/// InvalidParameter naming Policy, with the position in the document.
pub(super) fn document<K: DocumentKind>(
    view: &View<'_>,
    text: &str,
) -> Result<(Document<K>, NamedRows), Error> {
    view.document(text).map_err(|error| Error::with(ErrorCode::InvalidPolicy, error.to_string()))
}

/// Every key and secret has exactly one policy, which has this name.
fn check_name(name: Option<&str>) -> Result<(), Error> {
    match name {
        None | Some("default") => Ok(()),
        Some(_) => Err(Error::invalid("PolicyName")),
    }
}

/// The policy of a key or secret without one of its own: it lets root do everything, which no policy can deny, and allows no
/// other caller anything.
fn default_policy(kind: &str, account: &str) -> String {
    format!(
        concat!(
            r#"{{"Version":"1","Statement":[{{"Sid":"kms default {} policy","Effect":"Allow","#,
            r#""Principal":{{"RAM":["acs:ram::{}:*"]}},"Action":["kms:*"],"Resource":["*"]}}]}}"#
        ),
        kind, account
    )
}

#[cfg(test)]
mod tests {
    use bulla_access::{Policy, PolicyKind};

    use super::*;

    #[test]
    fn the_default_policies_are_good_ones() {
        let account = "111122223333";
        for (kind, name) in [(PolicyKind::Key, "key"), (PolicyKind::Secret, "secret")] {
            Policy::parse(kind, account, &default_policy(name, account)).unwrap();
        }
    }
}
