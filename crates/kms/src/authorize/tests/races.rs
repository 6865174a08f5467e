//! A change of policies is in force for the very next request, even with concurrent requests.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::people::{Account, EVERYTHING, attach, by, by_session, of_resource};
use super::*;

/// Decrypts on several threads while rights are granted and revoked: no request that begins after the revocation succeeds,
/// and none that begins after the grant fails.
pub(super) fn race(account: &Account, origin: &Origin, key: &str, give: impl Fn(), take: impl Fn()) {
    let sealed = account.do_it("Encrypt", &[("KeyId", key), ("Plaintext", "eA==")]);
    let blob = sealed["CiphertextBlob"].as_str().unwrap();
    let has_ended = AtomicBool::new(false);
    let requests = AtomicUsize::new(0);
    let epoch = AtomicUsize::new(0); // odd while something changes; 0 modulo 4 while it is allowed
    give();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !has_ended.load(Ordering::SeqCst) {
                    let before = epoch.load(Ordering::SeqCst);
                    let allowed = account.is_allowed(origin, "Decrypt", &[("CiphertextBlob", blob)]);
                    let after = epoch.load(Ordering::SeqCst);
                    if before == after && before.is_multiple_of(2) {
                        assert_eq!(allowed, before.is_multiple_of(4));
                        requests.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        for _ in 0..20 {
            for change in [&take as &dyn Fn(), &give] {
                wait_for_one(&requests);
                epoch.fetch_add(1, Ordering::SeqCst);
                change();
                epoch.fetch_add(1, Ordering::SeqCst);
            }
        }
        wait_for_one(&requests);
        has_ended.store(true, Ordering::SeqCst);
    });
}

fn wait_for_one(requests: &AtomicUsize) {
    let before = requests.load(Ordering::SeqCst);
    while requests.load(Ordering::SeqCst) == before {
        thread::yield_now();
    }
}

#[test]
fn set_key_policy_is_in_force_for_the_next_request() {
    let account = Account::new();
    let alice = by(account.user("alice"));
    let session = by_session(account.role("job", Some(EVERYTHING)), None);
    let key = account.key();
    let set = |policy: String| drop(account.do_it("SetKeyPolicy", &[("KeyId", &key), ("Policy", &policy)]));
    let allow = of_resource("Allow", "user/alice", r#""kms:Decrypt""#);
    let nothing = of_resource("Allow", "root", r#""kms:*""#);
    race(&account, &alice, &key, || set(allow.clone()), || set(nothing.clone()));
    let deny = of_resource("Deny", "role/job", r#""kms:Decrypt""#);
    race(&account, &session, &key, || set(nothing.clone()), || set(deny.clone()));
}

#[test]
fn attachments_and_memberships_are_in_force_for_the_next_request() {
    let account = Account::new();
    let alice = by(account.user("alice"));
    let key = account.key();
    let policy = account.allow("alice", EVERYTHING);
    let detach = || account.change_user("alice", |user| assert!(user.policies.detach(&policy)));
    let attach_again = || {
        account.change_user("alice", |user| {
            user.policies.detach(&policy);
            attach(&mut user.policies, &policy);
        });
    };
    race(&account, &alice, &key, attach_again, detach);
    detach();
    let group = account.group("ops", "alice", EVERYTHING);
    let leave = || account.change_user("alice", |user| assert!(user.leave(group)));
    let join = || {
        account.change_user("alice", |user| {
            user.leave(group);
            user.join(group, 0, 5).unwrap();
        });
    };
    race(&account, &alice, &key, join, leave);
}
