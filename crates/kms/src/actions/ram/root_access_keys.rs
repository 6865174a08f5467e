//! The actions on the access keys of root, called by root without a UserName: CreateAccessKey, ListAccessKeys,
//! UpdateAccessKey and DeleteAccessKey.
//!
//! An account must not lose its last administrator. So the last active access key of root can be deactivated only if another
//! administrator signed a request within a day, and it cannot be deleted while it is active.

use bulla_wire::ram::{
    AccessKeyEntry, AccessKeyList, AccessKeyStatus, CreateAccessKeyReply, Done, ListAccessKeysReply,
    NewAccessKey,
};
use bulla_wire::{Error, ErrorCode, Timestamp};

use crate::authorize::{Allowed, RootAccessKeys};
use crate::session::Session;
use crate::state::{AccessKey, AccessKeyOwner, AccessKeyUse, Changes, Decision, Row, Write};

/// # Errors
/// LimitExceeded.User.AccessKey; NoPermission for callers other than root, as for all functions below.
pub(super) async fn create<A>(session: &Session<'_, A>) -> Result<CreateAccessKeyReply, Error> {
    let id = AccessKey::random_id();
    let secret = AccessKey::random_secret();
    let created = session.now();
    session
        .change(|state| {
            let root = state.root_access_keys()?;
            if root.iter().count() >= state.quotas().access_keys_per_user {
                return Err(ErrorCode::LimitExceededUserAccessKey.into());
            }
            let key = state.keyring().access_key(id.clone(), &secret, AccessKeyOwner::Root, created);
            let (account, revision) = root.account();
            let writes = [(Write::AccessKey(key), 0), (Write::Account(account), revision)];
            Ok(root.changes(writes).answering(()))
        })
        .await?;
    let access_key = NewAccessKey {
        access_key_id: id.into(),
        access_key_secret: secret,
        status: AccessKeyStatus::Active,
        create_date: Timestamp::from_unix(created),
    };
    Ok(CreateAccessKeyReply { access_key })
}

pub(super) async fn list<A>(session: &Session<'_, A>) -> Result<ListAccessKeysReply, Error> {
    let root = session.root_access_keys()?;
    let access_key = root.iter().map(|row| AccessKeyEntry {
        access_key_id: row.record.id.as_ref().to_owned(),
        status: if row.record.active { AccessKeyStatus::Active } else { AccessKeyStatus::Inactive },
        create_date: Timestamp::from_unix(row.record.created),
    });
    Ok(ListAccessKeysReply { access_keys: AccessKeyList { access_key: access_key.collect() } })
}

/// # Errors
/// EntityNotExist.User.AccessKey; DeleteConflict.Root.AccessKey for the last active one.
pub(super) async fn update<A>(
    session: &Session<'_, A>,
    id: &str,
    status: AccessKeyStatus,
) -> Result<Done, Error> {
    let active = status == AccessKeyStatus::Active;
    session
        .change(|state| {
            let root = state.root_access_keys()?;
            let row = found(&root, id)?;
            if row.record.active == active {
                return unchanged();
            }
            let day_ago = state.now() - DAY;
            let rests_on = if active { Changes::none() } else { others(&root, row, Some(day_ago))? };
            let changed = AccessKey { active, ..AccessKey::clone(&row.record) };
            Ok(rests_on.and(root.changes([(Write::AccessKey(changed), row.revision)])).answering(Done {}))
        })
        .await
}

/// # Errors
/// Like [`update`].
pub(super) async fn delete<A>(session: &Session<'_, A>, id: &str) -> Result<Done, Error> {
    session
        .change(|state| {
            let root = state.root_access_keys()?;
            let row = found(&root, id)?;
            let rests_on = if row.record.active { others(&root, row, None)? } else { Changes::none() };
            let last_use = root.last_use(id).map(|used| (Write::NoAccessKeyUse(id.into()), used.revision));
            let key = (Write::NoAccessKey(id.into()), row.revision);
            Ok(rests_on.and(root.changes([key].into_iter().chain(last_use))).answering(Done {}))
        })
        .await
}

/// Returns when an access key was last used.
///
/// # Errors
/// EntityNotExist.User.AccessKey.
pub(super) fn last_use<'s, A>(
    session: &Session<'s, A>,
    id: &str,
) -> Result<Option<&'s Row<AccessKeyUse>>, Error> {
    let root = session.root_access_keys()?;
    found(&root, id)?;
    Ok(root.last_use(id))
}

fn found<'v>(root: &Allowed<RootAccessKeys<'v>>, id: &str) -> Result<&'v Row<AccessKey>, Error> {
    root.get(id).ok_or_else(|| ErrorCode::EntityNotExistUserAccessKey.into())
}

fn unchanged() -> Result<Decision<Done>, Error> {
    Ok(Changes::none().answering(Done {}))
}

/// Makes a change depend on another active access key of root or, if there is none, on an administrator who signed a request
/// since `administrator_since`.
fn others(
    root: &Allowed<RootAccessKeys<'_>>,
    row: &Row<AccessKey>,
    administrator_since: Option<i64>,
) -> Result<Changes, Error> {
    let other = root.iter().find(|other| other.record.active && other.record.id != row.record.id);
    let grounds = match other {
        Some(other) => Some(vec![(Write::SameAccessKey(other.record.id.clone()), other.revision)]),
        None => administrator_since.and_then(|since| root.administrator(since)),
    };
    match grounds {
        Some(grounds) => Ok(root.changes(grounds)),
        None => Err(ErrorCode::DeleteConflictRootAccessKey.into()),
    }
}

const DAY: i64 = 86_400;

#[cfg(test)]
mod tests {
    use bulla_wire::sts::GetCallerIdentity;

    use super::*;
    use crate::authorize::{Inquiry, Requested};
    use crate::origin::{Caller, Connection, Origin, PrincipalId, Proof};
    use crate::sessions::tests::world::{Credentials, EVERYTHING, World};

    /// Calls a function of this file as `caller`.
    macro_rules! call {
        ($world:expr, $caller:expr, $function:ident($($argument:expr),*)) => {{
            let kms = $world.kms_ref();
            let connection = Connection { source: None, tls: true, request_id: "r".into(), user_agent: None };
            let origin = Origin { caller: $caller, connection };
            let inquiry = Inquiry::new(kms, &origin, Requested::default());
            let snapshot = kms.state.snapshot().unwrap();
            let request = GetCallerIdentity {};
            let session = Session::new(kms, &inquiry, &snapshot, &request);
            pollster::block_on($function(&session, $($argument),*)).map_err(|error| error.code_text())
        }};
    }

    fn root() -> Caller {
        Caller::Root { access_key_id: "rootkey".into() }
    }

    fn set(world: &World, id: &str, status: AccessKeyStatus) -> Result<(), String> {
        call!(world, root(), update(id, status)).map(drop)
    }

    fn ids(world: &World) -> Vec<(String, AccessKeyStatus)> {
        let listed = call!(world, root(), list()).unwrap().access_keys.access_key;
        listed.into_iter().map(|key| (key.access_key_id, key.status)).collect()
    }

    fn note_use(world: &World, by: &Credentials, last_used: i64) {
        let id: Box<str> = by.id.as_str().into();
        let revision =
            world.kms_ref().state.published().get::<AccessKeyUse>(&id).map_or(0, |row| row.revision);
        world.write([(Write::AccessKeyUse(AccessKeyUse { id, last_used }), revision)]);
    }

    #[test]
    fn root_replaces_its_access_key() {
        use AccessKeyStatus::{Active, Inactive};
        let world = World::new();
        let made = call!(world, root(), create()).unwrap().access_key;
        let new = Credentials {
            id: made.access_key_id,
            secret: made.access_key_secret.expose().to_owned(),
            token: None,
        };
        world.kms(&new, "ListKeys", &[]).unwrap();
        let full = call!(world, root(), create()).map(drop);
        assert_eq!(full, Err("LimitExceeded.User.AccessKey".into()));
        assert_eq!(set(&world, "rootkey", Inactive), Ok(()));
        assert_eq!(world.kms_code(&world.root(), "ListKeys", &[]), "Forbidden.AccessKey");
        assert_eq!(ids(&world), [(new.id.clone(), Active), ("rootkey".into(), Inactive)]);
        assert_eq!(
            call!(world, root(), delete(&new.id)).map(drop),
            Err("DeleteConflict.Root.AccessKey".into())
        );
        assert_eq!(call!(world, root(), delete("rootkey")).map(drop), Ok(()));
        assert_eq!(world.kms_code(&world.root(), "ListKeys", &[]), "InvalidAccessKeyId.NotFound");
        assert_eq!(set(&world, "rootkey", Active), Err("EntityNotExist.User.AccessKey".into()));
        assert_eq!(ids(&world), [(new.id, Active)]);
    }

    #[test]
    fn rights_to_everything_do_not_reach_the_access_keys_of_root() {
        let world = World::new();
        world.user("admin", EVERYTHING);
        let by = |id, proof| Caller::User { id, proof };
        let user = by(world.user_id("admin"), Proof::AccessKey("BULLAadmin".into()));
        let signed_in = by(world.user_id("admin"), Proof::Password { mfa: false });
        let unknown = by(PrincipalId::from_random(1), Proof::AccessKey("a".into()));
        for caller in [user, signed_in, unknown, Caller::Unsigned] {
            let denied = Err("NoPermission".to_owned());
            assert_eq!(call!(world, caller.clone(), create()).map(drop), denied);
            assert_eq!(call!(world, caller.clone(), list()).map(drop), denied);
            assert_eq!(
                call!(world, caller.clone(), update("rootkey", AccessKeyStatus::Inactive)).map(drop),
                denied
            );
            assert_eq!(call!(world, caller, delete("rootkey")).map(drop), denied);
        }
        let admin = Credentials { id: "BULLAadmin".into(), secret: "secret-of-admin".into(), token: None };
        world.kms(&admin, "ListKeys", &[]).unwrap();
        assert_eq!(
            set(&world, "BULLAadmin", AccessKeyStatus::Inactive),
            Err("EntityNotExist.User.AccessKey".into())
        );
    }

    #[test]
    fn the_last_access_key_is_deactivated_only_if_another_administrator_is_there() {
        let conditional = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"acs:SecureTransport":"true"}}}]}"#;
        let denied = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"ram:*","Resource":"*"}]}"#;
        let some =
            r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":["kms:*","ram:*"],"Resource":"*"}]}"#;
        let refused = Err("DeleteConflict.Root.AccessKey".to_owned());
        for (policy, is_enough) in
            [(EVERYTHING, true), (conditional, false), (denied, false), (some, false), ("", false)]
        {
            let world = World::new();
            let admin = world.user("admin", policy);
            let deactivate = || set(&world, "rootkey", AccessKeyStatus::Inactive);
            assert_eq!(deactivate(), refused, "no other administrator signed a request");
            note_use(&world, &admin, world.now() - 86_401);
            assert_eq!(deactivate(), refused, "more than a day ago");
            note_use(&world, &admin, world.now() - 86_400);
            world.set_access_key(&admin, false);
            assert_eq!(deactivate(), refused, "its access key is inactive");
            world.set_access_key(&admin, true);
            assert_eq!(deactivate(), if is_enough { Ok(()) } else { refused.clone() }, "{policy}");
        }
    }
}
