//! The end of a session is in force for the very next request, even with concurrent requests.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::world::{Credentials, EVERYTHING, World, trusting};

/// A way to end the sessions of a user.
type Ending = fn(&World, &Credentials);

const THREADS: usize = 4;

/// Decrypts on several threads with credentials while these end: requests that begin after the end fail, and all before it
/// succeed. Calls `ending` once the threads are at work.
fn race(world: &World, credentials: &Credentials, blob: &str, codes: &[&str], ending: impl FnOnce()) {
    let has_ended = AtomicBool::new(false);
    let before = AtomicUsize::new(0);
    let after = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while after.load(Ordering::SeqCst) < 2 * THREADS {
                    let begins_late = has_ended.load(Ordering::SeqCst);
                    match world.kms(credentials, "Decrypt", &[("CiphertextBlob", blob)]) {
                        Ok(_) => {
                            assert!(!begins_late, "a request succeeded after the end");
                            before.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(error) => {
                            assert!(codes.contains(&&*error.code_text()), "{error}");
                            after.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                }
            });
        }
        while before.load(Ordering::SeqCst) < 2 * THREADS {
            thread::yield_now();
        }
        ending();
        has_ended.store(true, Ordering::SeqCst);
    });
}

#[test]
fn no_request_succeeds_after_what_ended_its_session_was_answered() {
    let endings: [(&str, Ending); 5] = [
        ("the access key is deactivated", |world, alice| world.set_access_key(alice, false)),
        ("the access key is deleted", |world, alice| world.delete_access_key(alice)),
        ("the user is deleted", |world, _| world.delete_user("alice")),
        ("the sessions of a role are ended", |world, _| world.end_sessions("first")),
        ("a role is deleted", |world, _| world.delete_role("first")),
    ];
    for (what, ending) in endings {
        for links in [1, 2] {
            let world = World::new();
            let alice = world.user("alice", EVERYTHING);
            for role in ["first", "second"] {
                world.role(role, &trusting("root", ""), EVERYTHING);
            }
            let key = world.kms(&world.root(), "CreateKey", &[]).unwrap();
            let key = key["KeyMetadata"]["KeyId"].as_str().unwrap();
            let sealed = world.kms(&alice, "Encrypt", &[("KeyId", key), ("Plaintext", "eA==")]).unwrap();
            let blob = sealed["CiphertextBlob"].as_str().unwrap();
            let mut session = world.assume(&alice, "first").unwrap();
            if links == 2 {
                session = world.assume(&session, "second").unwrap();
            }
            println!("{what}, {links} links");
            race(&world, &session, blob, &["InvalidSecurityToken.Expired", "Forbidden.NoPermission"], || {
                ending(&world, &alice)
            });
        }
    }
}

#[test]
fn no_request_of_a_user_succeeds_after_its_access_key_or_record_is_deleted() {
    let endings: [Ending; 3] = [
        |world, alice| world.set_access_key(alice, false),
        |world, alice| world.delete_access_key(alice),
        |world, _| world.delete_user("alice"),
    ];
    for ending in endings {
        let world = World::new();
        let alice = world.user("alice", EVERYTHING);
        let key = world.kms(&alice, "CreateKey", &[]).unwrap();
        let key = key["KeyMetadata"]["KeyId"].as_str().unwrap();
        let sealed = world.kms(&alice, "Encrypt", &[("KeyId", key), ("Plaintext", "eA==")]).unwrap();
        let blob = sealed["CiphertextBlob"].as_str().unwrap();
        // A request that was authenticated before the deletion of the user lacks the permission.
        let codes = ["Forbidden.AccessKey", "InvalidAccessKeyId.NotFound", "Forbidden.NoPermission"];
        race(&world, &alice, blob, &codes, || ending(&world, &alice));
    }
}
