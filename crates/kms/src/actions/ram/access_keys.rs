//! The actions on the access keys of a user: CreateAccessKey, UpdateAccessKey, DeleteAccessKey, ListAccessKeys,
//! GetAccessKeyLastUsed. Without a UserName they concern the caller's own access keys.

use bulla_wire::ram::{
    AccessKeyEntry, AccessKeyLastUsed, AccessKeyList, AccessKeyStatus, CreateAccessKey, CreateAccessKeyReply,
    DeleteAccessKey, Done, GetAccessKeyLastUsed, GetAccessKeyLastUsedReply, ListAccessKeys,
    ListAccessKeysReply, NewAccessKey, UpdateAccessKey,
};
use bulla_wire::{Error, ErrorCode, Timestamp};

use super::root_access_keys;
use crate::authorize::{Allowed, View};
use crate::origin::Caller;
use crate::people::User;
use crate::session::Session;
use crate::state::{AccessKey, AccessKeyOwner, Row, Write};

pub(in crate::actions) async fn create(
    session: &Session<'_, CreateAccessKey>,
) -> Result<CreateAccessKeyReply, Error> {
    let name = session.request.user_name.as_deref();
    if is_about_root(session, name) {
        return root_access_keys::create(session).await;
    }
    let id = AccessKey::random_id();
    let secret = AccessKey::random_secret();
    let created = session.now();
    session
        .change(|state| {
            let user = user(state, name)?;
            let mut owner = User::clone(&user.record);
            let added = owner.add_access_key(&id, state.quotas().access_keys_per_user);
            added.map_err(|_| ErrorCode::LimitExceededUserAccessKey)?;
            let key =
                state.keyring().access_key(id.clone(), &secret, AccessKeyOwner::User(owner.id), created);
            let writes = [(Write::AccessKey(key), 0), (Write::User(owner), user.revision)];
            Ok(user.changes(writes).answering(()))
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

pub(in crate::actions) async fn update(session: &Session<'_, UpdateAccessKey>) -> Result<Done, Error> {
    let UpdateAccessKey { user_name, user_access_key_id: id, status } = session.request;
    let name = user_name.as_deref();
    if is_about_root(session, name) {
        return root_access_keys::update(session, id, *status).await;
    }
    let active = *status == AccessKeyStatus::Active;
    session
        .change(|state| {
            let key = access_key(state, &user(state, name)?, id)?;
            let changed = AccessKey { active, ..AccessKey::clone(&key.record) };
            let write = (key.record.active != active).then_some((Write::AccessKey(changed), key.revision));
            Ok(key.changes(write).answering(Done {}))
        })
        .await
}

pub(in crate::actions) async fn delete(session: &Session<'_, DeleteAccessKey>) -> Result<Done, Error> {
    let DeleteAccessKey { user_name, user_access_key_id: id } = session.request;
    let name = user_name.as_deref();
    if is_about_root(session, name) {
        return root_access_keys::delete(session, id).await;
    }
    session
        .change(|state| {
            let user = user(state, name)?;
            let key = access_key(state, &user, id)?;
            let mut owner = User::clone(&user.record);
            owner.remove_access_key(id);
            let mut writes = vec![
                (Write::User(owner), user.revision),
                (Write::NoAccessKey(key.record.id.clone()), key.revision),
            ];
            let last_use = state.last_use(&key);
            writes.extend(last_use.map(|row| (Write::NoAccessKeyUse(row.record.id.clone()), row.revision)));
            Ok(user.changes(writes).answering(Done {}))
        })
        .await
}

pub(in crate::actions) async fn list(
    session: &Session<'_, ListAccessKeys>,
) -> Result<ListAccessKeysReply, Error> {
    let name = session.request.user_name.as_deref();
    if is_about_root(session, name) {
        return root_access_keys::list(session).await;
    }
    let user = user(session, name)?;
    let access_key = session.access_keys_of(&user).map(|row| AccessKeyEntry {
        access_key_id: row.record.id.to_string(),
        status: if row.record.active { AccessKeyStatus::Active } else { AccessKeyStatus::Inactive },
        create_date: Timestamp::from_unix(row.record.created),
    });
    Ok(ListAccessKeysReply { access_keys: AccessKeyList { access_key: access_key.collect() } })
}

pub(in crate::actions) async fn last_used(
    session: &Session<'_, GetAccessKeyLastUsed>,
) -> Result<GetAccessKeyLastUsedReply, Error> {
    let GetAccessKeyLastUsed { user_name, user_access_key_id: id } = session.request;
    let name = user_name.as_deref();
    let last_use = if is_about_root(session, name) {
        root_access_keys::last_use(session, id)?
    } else {
        session.last_use(&access_key(session, &user(session, name)?, id)?)
    };
    let last_used_date = last_use.map(|row| Timestamp::from_unix(row.record.last_used).to_string());
    let access_key_last_used = AccessKeyLastUsed { last_used_date: last_used_date.unwrap_or_default() };
    Ok(GetAccessKeyLastUsedReply { access_key_last_used })
}

/// Whether a request concerns the access keys of root, which no name refers to and only root may manage.
fn is_about_root(view: &View<'_>, name: Option<&str>) -> bool {
    name.is_none() && !matches!(view.caller(), Caller::User { .. })
}

/// Returns the user whose access keys a request concerns.
fn user<'v>(view: &View<'v>, name: Option<&str>) -> Result<Allowed<&'v Row<User>>, Error> {
    match name {
        Some(name) => view.user(name),
        None => view.calling_user(),
    }
}

fn access_key<'v>(
    view: &View<'v>,
    user: &Allowed<&'v Row<User>>,
    id: &str,
) -> Result<Allowed<&'v Row<AccessKey>>, Error> {
    view.access_key_of(user, id).ok_or_else(|| ErrorCode::EntityNotExistUserAccessKey.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sessions::tests::world::{ACCOUNT, Credentials, EVERYTHING, World};
    use crate::state::AccessKeyUse;

    const OWN: &str = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":["ram:*AccessKey*","kms:ListKeys"],"Resource":["acs:ram:*:*:user/alice","acs:kms:*:*:key"]}]}"#;

    fn code(world: &World, by: &Credentials, action: &str, parameters: &[(&str, &str)]) -> String {
        world.ram(by, action, parameters).unwrap_err().code_text()
    }

    #[test]
    fn a_user_manages_its_own_access_keys_by_the_permission_for_itself() {
        let world = World::new();
        let alice = world.user("alice", OWN);
        let bob = world.user("bob", "");
        let made = world.ram(&alice, "CreateAccessKey", &[]).unwrap();
        let text = |name: &str| made["AccessKey"][name].as_str().unwrap().to_owned();
        let new = Credentials { id: text("AccessKeyId"), secret: text("AccessKeySecret"), token: None };
        world.kms(&new, "ListKeys", &[]).unwrap();
        let listed = world.ram(&new, "ListAccessKeys", &[]).unwrap();
        let listed = listed["AccessKeys"]["AccessKey"].as_array().unwrap().clone();
        assert_eq!(listed.iter().map(|key| &key["AccessKeyId"]).collect::<Vec<_>>(), [&alice.id, &new.id]);
        let old = ("UserAccessKeyId", &*alice.id);
        world.ram(&new, "UpdateAccessKey", &[old, ("Status", "Inactive")]).unwrap();
        assert_eq!(world.kms_code(&alice, "ListKeys", &[]), "Forbidden.AccessKey");
        world.ram(&new, "UpdateAccessKey", &[old, ("Status", "Active")]).unwrap();
        world.kms(&alice, "ListKeys", &[]).unwrap();
        world.ram(&new, "GetAccessKeyLastUsed", &[old]).unwrap();
        world.ram(&new, "DeleteAccessKey", &[old]).unwrap();
        assert_eq!(world.kms_code(&alice, "ListKeys", &[]), "InvalidAccessKeyId.NotFound");
        assert_eq!(code(&world, &new, "DeleteAccessKey", &[old]), "EntityNotExist.User.AccessKey");
        let of_bob = ("UserAccessKeyId", &*bob.id);
        assert_eq!(code(&world, &new, "DeleteAccessKey", &[of_bob]), "EntityNotExist.User.AccessKey");
        // The error reveals neither access keys of other users nor whether such users exist.
        for user in ["bob", "nobody"] {
            assert_eq!(code(&world, &new, "ListAccessKeys", &[("UserName", user)]), "NoPermission");
        }
        for parameters in [&[][..], &[("UserName", "bob")], &[("UserName", "alice")]] {
            assert_eq!(code(&world, &bob, "CreateAccessKey", parameters), "NoPermission");
            assert_eq!(code(&world, &bob, "ListAccessKeys", parameters), "NoPermission");
        }
    }

    #[test]
    fn without_a_name_only_users_and_root_have_access_keys() {
        let world = World::new();
        let admin = world.user("admin", EVERYTHING);
        let trust = crate::sessions::tests::world::trusting("user/admin", "");
        world.role("job", &trust, EVERYTHING);
        let session = world.assume(&admin, "job").unwrap();
        let id = ("UserAccessKeyId", &*admin.id);
        let root_id = ("UserAccessKeyId", "rootkey");
        for (action, parameters) in [
            ("CreateAccessKey", &[][..]),
            ("ListAccessKeys", &[]),
            ("GetAccessKeyLastUsed", &[id]),
            ("UpdateAccessKey", &[id, ("Status", "Inactive")]),
            ("DeleteAccessKey", &[id]),
        ] {
            let error = world.ram(&session, action, parameters).unwrap_err();
            let expected = format!(
                "NoPermission: You are not authorized to do this action. Resource: acs:ram:*:{ACCOUNT}:* Action: ram:{action}"
            );
            assert_eq!(error.to_string(), expected);
        }
        let listed = world.ram(&world.root(), "ListAccessKeys", &[]).unwrap();
        assert_eq!(listed["AccessKeys"]["AccessKey"][0]["AccessKeyId"], json!("rootkey"));
        assert_eq!(
            code(&world, &world.root(), "GetAccessKeyLastUsed", &[id]),
            "EntityNotExist.User.AccessKey"
        );
        let last_used = || world.ram(&world.root(), "GetAccessKeyLastUsed", &[root_id]).unwrap();
        assert_eq!(last_used()["AccessKeyLastUsed"]["LastUsedDate"], json!(""));
        // Full rights reach the access keys of all users, but not those of root.
        let named = [("UserName", "admin"), id];
        world.ram(&session, "GetAccessKeyLastUsed", &named).unwrap();
        assert_eq!(code(&world, &admin, "DeleteAccessKey", &[root_id]), "EntityNotExist.User.AccessKey");
    }

    #[test]
    fn the_last_use_of_an_access_key_is_returned_and_deleted_with_it() {
        let world = World::new();
        let alice = world.user("alice", OWN);
        let of_alice = [("UserName", "alice"), ("UserAccessKeyId", &*alice.id)];
        world.pass(100);
        let used = world.time(0);
        world.kms(&alice, "ListKeys", &[]).unwrap();
        world.pass(100);
        pollster::block_on(world.kms_ref().run_due()).unwrap();
        world.ram(&world.root(), "SetAccountAlias", &[("AccountAlias", "team")]).unwrap(); // written later
        let last_used = world.ram(&world.root(), "GetAccessKeyLastUsed", &of_alice).unwrap();
        assert_eq!(last_used["AccessKeyLastUsed"], json!({ "LastUsedDate": used }));
        world.ram(&world.root(), "DeleteAccessKey", &of_alice).unwrap();
        let uses = world.kms_ref().state.published().count::<AccessKeyUse>();
        assert_eq!(uses, 0);
        let refused = code(&world, &world.root(), "GetAccessKeyLastUsed", &of_alice);
        assert_eq!(refused, "EntityNotExist.User.AccessKey");
    }
}
