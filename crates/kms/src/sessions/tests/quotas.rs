//! Quotas for the maker of a record, including by sessions and after a restart.

use super::oidc::Setup;
use super::world::{Credentials, EVERYTHING, World, trusting};
use crate::Quotas;

const FULL: &str = "Rejected.LimitExceeded";

fn key(world: &World, by: &Credentials) -> Result<String, String> {
    let answer = world.kms(by, "CreateKey", &[]).map_err(|error| error.code_text())?;
    Ok(answer["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned())
}

fn secret(world: &World, by: &Credentials, name: &str) -> Result<(), String> {
    let parameters = [("SecretName", name), ("VersionId", "v1"), ("SecretData", "hunter2")];
    world.kms(by, "CreateSecret", &parameters).map(drop).map_err(|error| error.code_text())
}

fn per_creator(number: usize) -> Quotas {
    Quotas {
        keys_per_creator: Some(number),
        aliases_per_creator: Some(number),
        secrets_per_creator: Some(number),
        ..Quotas::default()
    }
}

#[test]
fn resources_that_sessions_create_count_for_their_user() {
    let mut world = World::new();
    world.kms_ref().set_quotas(per_creator(2));
    let alice = world.user("alice", EVERYTHING);
    let bob = world.user("bob", EVERYTHING);
    world.role("ops", &trusting("root", ""), EVERYTHING);
    let sessions = [(); 2].map(|()| world.assume(&alice, "ops").unwrap());
    assert!(key(&world, &alice).is_ok() && key(&world, &sessions[0]).is_ok());
    assert!(secret(&world, &alice, "a").is_ok() && secret(&world, &sessions[0], "b").is_ok());
    world.restart();
    world.kms_ref().set_quotas(per_creator(2));
    for by in [&alice, &sessions[0], &sessions[1]] {
        assert_eq!(key(&world, by), Err(FULL.into()));
        assert_eq!(secret(&world, by, "c"), Err(FULL.into()));
    }
    for by in [&bob, &world.root()] {
        assert!(key(&world, by).is_ok() && key(&world, by).is_ok());
        assert_eq!(key(&world, by), Err(FULL.into()));
    }
}

#[test]
fn an_alias_counts_for_its_creator_even_after_another_user_moved_it() {
    let world = World::new();
    let alice = world.user("alice", EVERYTHING);
    let bob = world.user("bob", EVERYTHING);
    let [first, second] = [(); 2].map(|()| key(&world, &bob).unwrap());
    world.kms_ref().set_quotas(per_creator(1));
    let alias = |by: &Credentials, action: &str, alias: &str, key: &str| {
        let name = format!("alias/{alias}");
        let mut parameters = vec![("AliasName", name.as_str())];
        if !key.is_empty() {
            parameters.push(("KeyId", key));
        }
        world.kms(by, action, &parameters).map(drop).map_err(|error| error.code_text())
    };
    assert_eq!(alias(&alice, "CreateAlias", "a", &first), Ok(()));
    assert_eq!(alias(&bob, "UpdateAlias", "a", &second), Ok(()));
    assert_eq!(alias(&bob, "CreateAlias", "b", &first), Ok(()));
    assert_eq!(alias(&alice, "CreateAlias", "c", &first), Err(FULL.into()));
    assert_eq!(alias(&bob, "DeleteAlias", "a", ""), Ok(()));
    assert_eq!(alias(&alice, "CreateAlias", "c", &first), Ok(()));
}

#[test]
fn resources_that_a_subject_of_a_provider_creates_count_for_it() {
    let setup = Setup::new();
    let session = |subject: &str| {
        let token = setup.token(serde_json::json!({ "sub": subject }));
        Credentials::of(&setup.assume(&token, &[]).unwrap())
    };
    setup.world.kms_ref().set_quotas(per_creator(1));
    assert!(key(&setup.world, &session("repo:team/app")).is_ok());
    assert_eq!(key(&setup.world, &session("repo:team/app")), Err(FULL.into()));
    assert!(key(&setup.world, &session("repo:team/other")).is_ok());
}

/// A caller without the permission does not learn that the quota is exhausted.
#[test]
fn denied_comes_before_a_quota() {
    let world = World::new();
    let unprivileged = world.user("nobody", "");
    let root = world.root();
    let id = key(&world, &root).unwrap();
    let requests: [(&str, &[(&str, &str)]); 4] = [
        ("CreateKey", &[]),
        ("CreateKeyVersion", &[("KeyId", &id)]),
        ("CreateAlias", &[("KeyId", &id), ("AliasName", "alias/a")]),
        ("CreateSecret", &[("SecretName", "a"), ("VersionId", "v1"), ("SecretData", "x")]),
    ];
    let denials = || {
        requests.map(|(action, parameters)| {
            world.rendered(&world.kms(&unprivileged, action, parameters).unwrap_err())
        })
    };
    let before = denials();
    world.kms_ref().set_quotas(Quotas {
        keys: Some(0),
        key_versions: Some(0),
        aliases: Some(0),
        secrets: Some(0),
        ..per_creator(0)
    });
    assert_eq!(denials(), before);
    for (action, parameters) in requests {
        assert_eq!(world.kms_code(&root, action, parameters), FULL, "{action}");
    }
}
