//! Codes of MFA devices: they work once, for their own user and device; and the ends of sign-ins with them.

use super::*;
use crate::mfa::{Code, Seed};
use crate::people::{DeviceName, MfaDevice};
use crate::state::Changes;

/// A phone that shows the codes of a device.
pub(super) struct Phone {
    seed: Seed,
}

impl Phone {
    /// Binds a new device to a user, without the actions for that.
    pub(super) fn bind(world: &World, user: &str, device: &str) -> Self {
        let seed = Seed::random();
        let kms = world.kms_ref();
        let made = kms.keyring.mfa_device(device.parse::<DeviceName>().unwrap(), &seed, world.now());
        let row = kms.state.published().get::<User>(&NameKey::of(user)).unwrap().clone();
        let (made, binding) = made.bound_to(row.record.id, 1, world.now());
        world.write([(Write::MfaDevice(made), 0)]);
        change_user(world, user, |user| user.mfa = Some(binding));
        Self { seed }
    }

    /// Returns the code that it shows this number of steps from now.
    pub(super) fn code(&self, world: &World, steps: i64) -> SecretText {
        let step = u64::try_from(world.now() / 30 + steps).unwrap();
        text(str::from_utf8(&self.seed.code(step)).unwrap())
    }

    /// Returns a code that is not valid now.
    fn wrong_code(&self, world: &World) -> SecretText {
        let good = [-1, 0, 1].map(|steps| self.code(world, steps));
        let wrong = ["000000", "111111", "222222", "333333"].map(text);
        wrong.into_iter().find(|code| !good.contains(code)).unwrap()
    }
}

fn half(world: &World, name: &str) -> HalfSignedIn {
    match first_factor(world, name, PASSWORD).unwrap() {
        FirstFactor::CodeNeeded(half) => half,
        FirstFactor::Enough(signed_in) => panic!("{signed_in:?}"),
    }
}

pub(super) fn enter(world: &World, half: &HalfSignedIn, code: &SecretText) -> Result<SignedIn, CodeRefusal> {
    pollster::block_on(world.kms_ref().second_factor(half, code))
}

fn is_wrong(outcome: &Result<SignedIn, CodeRefusal>) -> bool {
    matches!(outcome, Err(CodeRefusal::Wrong))
}

#[test]
fn a_user_with_a_device_signs_in_by_password_and_code() {
    let world = world();
    let phone = Phone::bind(&world, "alice", "phone");
    world.pass(60);
    assert!(matches!(first_factor(&world, "alice", "abcDEF-13"), Err(SignInRefusal::Wrong)));
    let half = half(&world, "alice");
    let last_login =
        || world.kms_ref().state.published().user_by_id(half.user_id()).unwrap().record.last_login;
    assert_eq!(last_login(), None, "a password alone is no sign-in");
    let alice = enter(&world, &half, &phone.code(&world, 0)).unwrap();
    assert_eq!(last_login(), Some(world.now()));
    assert!(alice.has_given_code() && !alice.must_bind_device());
    let origin = world.kms_ref().origin_of(&alice, connection()).unwrap();
    let proof = crate::Proof::Password { mfa: true };
    assert_eq!(*origin.caller(), crate::Caller::User { id: half.user_id(), proof });
    assert!(!format!("{half:?} {alice:?}").contains("argon2"));
}

#[test]
fn a_code_works_once_and_one_of_an_earlier_step_no_more() {
    let world = world();
    let phone = Phone::bind(&world, "alice", "phone");
    let half = half(&world, "alice");
    let [before, now, after] = [-1, 0, 1].map(|steps| phone.code(&world, steps));
    enter(&world, &half, &now).unwrap();
    for spent in [&now, &before] {
        assert!(is_wrong(&enter(&world, &half, spent)));
    }
    enter(&world, &half, &after).unwrap();
    assert!(is_wrong(&enter(&world, &half, &after)));
    world.pass(30);
    assert!(is_wrong(&enter(&world, &half, &after)), "the same step, after it has begun");
}

#[test]
fn a_jump_of_the_clock_makes_no_spent_code_good_and_no_good_one_wrong() {
    let world = world();
    let phone = Phone::bind(&world, "alice", "phone");
    let half = half(&world, "alice");
    for jump in [7200, 400 * 86_400, -7200, -400 * 86_400] {
        world.pass(90);
        let [spent, next] = [0, 1].map(|steps| phone.code(&world, steps));
        enter(&world, &half, &spent).unwrap();
        world.jump(jump);
        assert!(is_wrong(&enter(&world, &half, &spent)), "during a jump of {jump}");
        world.pass(30);
        enter(&world, &half, &next).unwrap();
        world.jump(-jump);
        assert!([spent, next].iter().all(|code| is_wrong(&enter(&world, &half, code))), "after {jump}");
    }
}

#[test]
fn invalid_codes_are_refused() {
    let world = world();
    world.user("bob", "");
    change_user(&world, "bob", |user| user.login_profile = Some(profile(PASSWORD)));
    let [alice, bob] = ["alice", "bob"].map(|name| Phone::bind(&world, name, name));
    let half = half(&world, "alice");
    let wrong: [&dyn Fn() -> SecretText; 4] =
        [&|| bob.code(&world, 0), &|| alice.code(&world, -2), &|| alice.code(&world, 2), &|| {
            alice.wrong_code(&world)
        }];
    for code in wrong {
        assert!(is_wrong(&enter(&world, &half, &code())));
        world.pass(30);
    }
    for code in ["", "12345", "1234567", "abcdef"] {
        assert!(is_wrong(&enter(&world, &half, &text(code))), "{code}");
        world.pass(30);
    }
    enter(&world, &half, &alice.code(&world, 0)).unwrap();
}

/// Concurrent requests have no more attempts than sequential ones, and the next step begins again.
#[test]
fn five_wrong_codes_per_step_are_checked_and_no_user_is_locked_out() {
    let world = world();
    let phone = Phone::bind(&world, "alice", "phone");
    let half = half(&world, "alice");
    world.pass(30 - world.now() % 30);
    let wrong = phone.wrong_code(&world);
    for _ in 0..5 {
        assert!(is_wrong(&enter(&world, &half, &wrong)));
    }
    for code in [wrong, phone.code(&world, 0)] {
        assert!(matches!(enter(&world, &half, &code), Err(CodeRefusal::TooMany)));
    }
    world.pass(30);
    for steps in [0, 1] {
        enter(&world, &half, &phone.code(&world, steps)).unwrap();
    }
}

/// Both requests read the state in which the code is unused.
#[test]
fn of_many_sign_ins_at_once_with_one_code_one_succeeds() {
    let world = world();
    let phone = Phone::bind(&world, "alice", "phone");
    let half = half(&world, "alice");
    for _ in 0..10 {
        world.pass(60);
        let code = phone.code(&world, 0);
        let enter = || enter(&world, &half, &code).is_ok();
        let entered: Vec<_> = thread::scope(|scope| {
            let tries: Vec<_> = (0..4).map(|_| scope.spawn(enter)).collect();
            tries.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(entered.iter().filter(|is| **is).count(), 1, "{entered:?}");
    }
}

/// Another process has used the code between the decision of this one and its commit: the store compares revisions.
#[test]
fn a_code_spent_on_another_node_is_refused() {
    let world = world();
    let phone = Phone::bind(&world, "alice", "phone");
    let kms = world.kms_ref();
    let code: Code = phone.code(&world, 0).expose().parse().unwrap();
    let spend = |snapshot: &Snapshot| {
        let row = snapshot.get::<MfaDevice>(&NameKey::of("phone")).unwrap();
        let spent = phone.seed.step_of(&code, world.now(), row.record.spent);
        let write = spent.map(|spent| {
            (Write::MfaDevice(MfaDevice { spent, ..MfaDevice::clone(&row.record) }), row.revision)
        });
        Ok::<_, Error>(Changes::for_test(write).answering(spent.is_some()))
    };
    let stale = kms.state.snapshot().unwrap().clone();
    assert!(pollster::block_on(kms.state.commit(world.now(), spend)).unwrap());
    let late = |_: &Snapshot| spend(&stale);
    let (_, answered) = kms.state.stage(world.now(), late).unwrap();
    let outcome = pollster::block_on(answered).unwrap();
    assert!(matches!(outcome, Err(crate::state::CommitError::Conflict)), "{outcome:?}");
    assert!(!pollster::block_on(kms.state.commit(world.now(), spend)).unwrap(), "decided again, it is spent");
}

#[test]
fn a_half_sign_in_ends_with_the_password_and_the_device() {
    let endings: [fn(&World); 4] = [
        |world| change_user(world, "alice", |user| user.login_profile = Some(profile(PASSWORD))),
        |world| change_user(world, "alice", |user| user.login_profile = None),
        |world| change_user(world, "alice", |user| user.mfa = None),
        |world| drop(Phone::bind(world, "alice", "tablet")),
    ];
    for (number, end) in endings.into_iter().enumerate() {
        let world = world();
        let phone = Phone::bind(&world, "alice", "phone");
        let half = half(&world, "alice");
        let alice = enter(&world, &half, &phone.code(&world, 0)).unwrap();
        end(&world);
        assert!(has_ended(&world, &alice), "{number}");
        world.pass(30);
        let outcome = enter(&world, &half, &phone.code(&world, 0));
        assert!(matches!(outcome, Err(CodeRefusal::Ended)), "{number}: {outcome:?}");
    }
}

/// The same device again, bound to the same user: used codes remain used.
#[test]
fn another_binding_ends_the_sign_ins_by_the_one_before() {
    let world = world();
    let phone = Phone::bind(&world, "alice", "phone");
    let alice = enter(&world, &half(&world, "alice"), &phone.code(&world, 1)).unwrap();
    let kms = world.kms_ref();
    let device = kms.state.published().get::<MfaDevice>(&NameKey::of("phone")).unwrap().clone();
    let (_, binding) = device.record.bound_to(alice.user_id().unwrap(), device.record.spent, world.now());
    change_user(&world, "alice", |user| user.mfa = Some(binding));
    assert!(has_ended(&world, &alice));
    assert!(is_wrong(&enter(&world, &half(&world, "alice"), &phone.code(&world, 1))));
}

#[test]
fn a_sign_in_by_password_alone_ends_when_a_device_is_bound() {
    let world = world();
    let alice = by_password(&world, "alice", PASSWORD).unwrap();
    Phone::bind(&world, "alice", "phone");
    assert!(has_ended(&world, &alice));
}

/// The codes that a user enters: those of an authenticator app with the offered seed.
fn offered_codes(world: &World, offered: &OfferedDevice) -> [SecretText; 2] {
    let seed = world.kms_ref().keyring.seed_of(&offered.device).unwrap();
    let shown = world.kms_ref().enrolment_of(offered).unwrap();
    assert_eq!(shown.seed, seed.base32());
    let phone = Phone { seed };
    [phone.code(world, -1), phone.code(world, 0)]
}

fn bind_own(
    world: &World,
    by: &SignedIn,
    offered: &OfferedDevice,
    codes: &[SecretText; 2],
    password: Option<&str>,
) -> Result<SignedIn, DeviceRefusal> {
    let password = password.map(text);
    let [first, second] = codes;
    pollster::block_on(world.kms_ref().bind_own_device(by, offered, [first, second], password.as_ref()))
}

#[test]
fn a_user_who_has_to_bind_a_device_does_nothing_else_before() {
    let world = world();
    let due = LoginProfile { mfa_required: true, reset_required: true, ..profile(PASSWORD) };
    change_user(&world, "alice", |user| user.login_profile = Some(due));
    let alice = by_password(&world, "alice", PASSWORD).unwrap();
    assert!(alice.must_choose_password() && alice.must_bind_device());
    let alice = choose(&world, &alice, None, "other-Words 9").unwrap();
    let kms = world.kms_ref();
    assert!(matches!(kms.origin_of(&alice, connection()), Err(SignInEnded::DeviceDue)));

    let offered = kms.offer_device(&alice).unwrap();
    let [first, second] = offered_codes(&world, &offered);
    for wrong in [[second.clone(), first.clone()], [first.clone(), text("")], [first.clone(), first.clone()]]
    {
        let refused = bind_own(&world, &alice, &offered, &wrong, None);
        assert!(matches!(refused, Err(DeviceRefusal::WrongCode)), "{refused:?}");
    }
    let codes = [first, second];
    let bound = bind_own(&world, &alice, &offered, &codes, None).unwrap();
    kms.origin_of(&bound, connection()).unwrap();
    assert!(bound.has_given_code() && has_ended(&world, &alice));
    assert!(matches!(bind_own(&world, &alice, &offered, &codes, None), Err(DeviceRefusal::Ended)));
    assert!(matches!(kms.offer_device(&bound), Err(DeviceRefusal::NotNow)));
    let half = match first_factor(&world, "alice", "other-Words 9").unwrap() {
        FirstFactor::CodeNeeded(half) => half,
        FirstFactor::Enough(signed_in) => panic!("{signed_in:?}"),
    };
    for used in &codes {
        assert!(is_wrong(&enter(&world, &half, used)), "a code that bound the device");
    }
}

#[test]
fn a_user_binds_a_device_by_password_and_removes_it_by_a_code() {
    let world = world();
    let kms = world.kms_ref();
    let alice = by_password(&world, "alice", PASSWORD).unwrap();
    let offered = kms.offer_device(&alice).unwrap();
    let codes = offered_codes(&world, &offered);
    for password in [None, Some(""), Some("abcDEF-13")] {
        let refused = bind_own(&world, &alice, &offered, &codes, password);
        assert!(matches!(refused, Err(DeviceRefusal::WrongPassword)), "{refused:?}");
    }
    let bound = bind_own(&world, &alice, &offered, &codes, Some(PASSWORD)).unwrap();
    let remove = |by: &SignedIn, code: &SecretText| pollster::block_on(kms.remove_own_device(by, code));
    assert!(matches!(remove(&alice, &codes[0]), Err(DeviceRefusal::NotNow)));
    assert!(matches!(remove(&bound, &codes[1]), Err(DeviceRefusal::WrongCode)), "it is used");
    let phone = Phone { seed: kms.keyring.seed_of(&offered.device).unwrap() };
    let without = remove(&bound, &phone.code(&world, 1)).unwrap();
    kms.origin_of(&without, connection()).unwrap();
    assert!(has_ended(&world, &bound) && !without.has_given_code());
    assert!(kms.state.published().get::<MfaDevice>(&offered.device.name.key).is_none());
    assert!(!by_password(&world, "alice", PASSWORD).unwrap().has_given_code());
}

#[test]
fn a_device_is_offered_to_one_user_who_signed_in_by_password() {
    let world = world();
    world.user("bob", "");
    change_user(&world, "bob", |user| user.login_profile = Some(profile(PASSWORD)));
    let kms = world.kms_ref();
    let [alice, bob] = ["alice", "bob"].map(|name| by_password(&world, name, PASSWORD).unwrap());
    let offered = kms.offer_device(&alice).unwrap();
    let codes = offered_codes(&world, &offered);
    let refused = bind_own(&world, &bob, &offered, &codes, Some(PASSWORD));
    assert!(matches!(refused, Err(DeviceRefusal::Ended)), "{refused:?}");
    let by_key = kms.sign_in_by_access_key("BULLAAlice", &text("secret-of-Alice")).unwrap();
    assert!(matches!(kms.offer_device(&by_key), Err(DeviceRefusal::Ended)));
    assert!(!format!("{offered:?} {:?}", kms.enrolment_of(&offered).unwrap()).contains("otpauth"));
}
