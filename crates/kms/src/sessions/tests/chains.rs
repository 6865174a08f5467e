//! Chains of sessions: every request checks each link.

use super::world::{Credentials, EVERYTHING, World, trusting};

/// Sessions of roles `a`, `b`, `c` and `d`, each begun by the one before; alice began the first.
fn chain(world: &World) -> (Credentials, Vec<Credentials>) {
    let alice = world.user("alice", EVERYTHING);
    let mut sessions: Vec<Credentials> = Vec::new();
    for role in ["a", "b", "c", "d"] {
        world.role(role, &trusting("root", ""), EVERYTHING);
        let session = world.assume(sessions.last().unwrap_or(&alice), role).unwrap();
        sessions.push(session);
    }
    (alice, sessions)
}

fn is_live(world: &World, session: &Credentials) -> bool {
    match world.kms(session, "ListKeys", &[]) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.code_text(), "InvalidSecurityToken.Expired");
            false
        }
    }
}

fn live(world: &World, sessions: &[Credentials]) -> Vec<bool> {
    sessions.iter().map(|session| is_live(world, session)).collect()
}

#[test]
fn a_chain_has_four_roles_at_most() {
    let world = World::new();
    let (_, sessions) = chain(&world);
    assert_eq!(live(&world, &sessions), [true; 4]);
    assert_eq!(world.assume(&sessions[3], "a").unwrap_err(), "NoPermission");
}

#[test]
fn a_session_ends_no_later_than_the_one_that_made_it() {
    let world = World::new();
    let alice = world.user("alice", EVERYTHING);
    world.role("a", &trusting("root", ""), EVERYTHING);
    let first = world.assume_where(&alice, "a", &[("DurationSeconds", "900")]).unwrap();
    let arn = "acs:ram::111122223333:role/a";
    let answer = world.assume_with(&first, arn, &[("DurationSeconds", "3600")]).unwrap();
    assert_eq!(answer["Credentials"]["Expiration"], world.time(900));
    world.pass(900);
    assert!(!is_live(&world, &Credentials::of(&answer)));
}

#[test]
fn the_source_identity_stays_along_a_chain() {
    let world = World::new();
    let alice = world.user("alice", EVERYTHING);
    world.role("a", &trusting("root", ""), EVERYTHING);
    let arn = "acs:ram::111122223333:role/a";
    let named = world.assume_where(&alice, "a", &[("SourceIdentity", "alice")]).unwrap();
    let code = |by: &Credentials, identity: &str| {
        world
            .assume_with(by, arn, &[("SourceIdentity", identity)])
            .map(drop)
            .map_err(|error| error.code_text())
    };
    assert_eq!(code(&named, "alice"), Ok(()));
    assert_eq!(code(&named, "bob"), Err("InvalidParameter.SourceIdentity".into()));
    let nameless = world.assume(&alice, "a").unwrap();
    assert_eq!(code(&nameless, "alice"), Err("InvalidParameter.SourceIdentity".into()));
    assert_eq!(code(&alice, "a b"), Err("InvalidParameter.SourceIdentity".into()));
}

#[test]
fn ending_the_sessions_of_a_role_ends_all_that_were_made_by_them() {
    let world = World::new();
    let (alice, sessions) = chain(&world);
    world.end_sessions("c");
    assert_eq!(live(&world, &sessions), [true, true, false, false]);
    let again = world.assume(&sessions[1], "c").unwrap();
    assert!(is_live(&world, &again), "a session of the same second that begins later is live");
    world.end_sessions("c");
    assert!(!is_live(&world, &again), "and over when they are ended again in that second");
    world.end_sessions("a");
    assert_eq!(live(&world, &sessions), [false; 4]);
    assert!(is_live(&world, &world.assume(&alice, "a").unwrap()));
}

#[test]
fn ending_sessions_needs_the_permission_to_update_the_role() {
    let world = World::new();
    let (alice, sessions) = chain(&world);
    let unprivileged = world.user("nobody", "");
    let end = |by: &Credentials, role: &str, end: &str| {
        let parameters = [("RoleName", role), ("EndSessions", end)];
        world.ram(by, "UpdateRole", &parameters).map(drop).map_err(|error| error.code_text())
    };
    assert_eq!(end(&unprivileged, "a", "true"), Err("NoPermission".into()));
    assert_eq!(end(&unprivileged, "none", "true"), Err("NoPermission".into()));
    assert_eq!(end(&alice, "a", "false"), Ok(()));
    assert_eq!(live(&world, &sessions), [true; 4]);
    assert_eq!(end(&alice, "none", "true"), Err("EntityNotExist.Role".into()));
    assert_eq!(end(&alice, "A", "true"), Ok(()));
    assert_eq!(live(&world, &sessions), [false; 4]);
}

#[test]
fn a_role_that_is_made_again_revives_no_session() {
    let world = World::new();
    let (_, sessions) = chain(&world);
    world.delete_role("b");
    assert_eq!(live(&world, &sessions), [true, false, false, false]);
    world.role("b", &trusting("root", ""), EVERYTHING);
    assert_eq!(live(&world, &sessions), [true, false, false, false]);
}

#[test]
fn sessions_end_with_the_access_key_that_began_them() {
    let world = World::new();
    let (alice, sessions) = chain(&world);
    world.set_access_key(&alice, false);
    assert_eq!(live(&world, &sessions), [false; 4]);
    assert_eq!(world.kms_code(&alice, "ListKeys", &[]), "Forbidden.AccessKey");
    world.set_access_key(&alice, true);
    assert_eq!(live(&world, &sessions), [true; 4]);
    world.delete_access_key(&alice);
    assert_eq!(live(&world, &sessions), [false; 4]);
    assert_eq!(world.kms_code(&alice, "ListKeys", &[]), "InvalidAccessKeyId.NotFound");
}

#[test]
fn sessions_end_with_the_user_and_another_one_of_the_same_name_revives_none() {
    let world = World::new();
    let (alice, sessions) = chain(&world);
    world.delete_user("alice");
    assert_eq!(live(&world, &sessions), [false; 4]);
    assert_eq!(world.kms_code(&alice, "ListKeys", &[]), "InvalidAccessKeyId.NotFound");
    world.delete_access_key(&alice);
    world.user("alice", EVERYTHING);
    assert_eq!(live(&world, &sessions), [false; 4]);
    assert!(world.kms(&alice, "ListKeys", &[]).is_ok(), "it is a key of the new user");
}

#[test]
fn rights_are_those_of_the_moment() {
    let world = World::new();
    let (_, sessions) = chain(&world);
    world.change_role("d", |role| role.policies = Default::default());
    assert_eq!(world.kms_code(&sessions[3], "ListKeys", &[]), "Forbidden.NoPermission");
    assert!(is_live(&world, &sessions[2]), "only the role that acts counts");
    world.sts(&sessions[3], "GetCallerIdentity", &[]).unwrap();
}
