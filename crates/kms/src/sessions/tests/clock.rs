//! A clock that is set, in a store without scheduled removals of keys, material or secrets: the effect on tokens and on
//! conditions on the time.

use serde_json::json;

use super::oidc::Setup;
use super::world::{Credentials, EVERYTHING, World, trusting};
use crate::people::Role;

const DAY: i64 = 86_400;
const JUMPS: [i64; 4] = [7200, 400 * DAY, -7200, -400 * DAY];

/// A world whose server has been running for long. Requests signed before its start are refused, also after a jump back.
fn running() -> World {
    let world = World::new();
    world.pass(500 * DAY);
    world
}

/// A user and a role that all users of the account may assume for an hour.
struct Site {
    world: World,
    alice: Credentials,
}

impl Site {
    fn new() -> Self {
        Self::of(running())
    }

    fn of(world: World) -> Self {
        let alice = world.user("alice", EVERYTHING);
        world.role("ops", &trusting("root", ""), EVERYTHING);
        Self { world, alice }
    }

    fn token(&self) -> Credentials {
        self.world.assume(&self.alice, "ops").unwrap()
    }

    fn lives(&self, token: &Credentials) -> bool {
        match self.world.kms(token, "ListKeys", &[]) {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.code_text(), "InvalidSecurityToken.Expired");
                false
            }
        }
    }
}

#[test]
fn a_token_lives_through_a_jump_and_its_return() {
    for jump in JUMPS {
        let site = Site::new();
        let token = site.token();
        for _ in 0..2 {
            site.world.jump(jump);
            assert!(site.lives(&token), "during a jump of {jump}");
            site.world.pass(10);
            site.world.jump(0);
            assert!(site.lives(&token), "later in a jump of {jump}");
            site.world.jump(-jump);
            assert!(site.lives(&token), "after a jump of {jump}");
        }
        site.world.pass(3600 - 21);
        assert!(site.lives(&token), "until its end, after a jump of {jump}");
        site.world.pass(1);
        assert!(!site.lives(&token), "a jump of {jump} gives it no time");
    }
}

#[test]
fn a_token_that_has_expired_stays_so() {
    for jump in JUMPS {
        let site = Site::new();
        let token = site.token();
        site.world.pass(3600);
        assert!(!site.lives(&token));
        for set in [jump, -jump, jump, -jump] {
            site.world.jump(set);
            site.world.pass(10);
            site.world.jump(0);
            assert!(!site.lives(&token), "the clock was set by {set}");
        }
    }
}

#[test]
fn a_token_ends_after_its_duration_wherever_the_clock_is() {
    for jump in JUMPS {
        for returns in [true, false] {
            let site = Site::new();
            site.world.jump(jump);
            let token = site.token();
            site.world.pass(1800);
            site.world.jump(if returns { -jump } else { 0 });
            site.world.pass(1799);
            assert!(site.lives(&token), "a jump of {jump}, returns: {returns}");
            site.world.pass(1);
            assert!(!site.lives(&token), "a jump of {jump}, returns: {returns}");
            site.world.jump(if returns { 0 } else { -jump });
            assert!(!site.lives(&token), "after a jump of {jump}, returns: {returns}");
        }
    }
}

/// What a store contains when the clock is set does not determine what it contains when the clock comes back.
#[test]
fn a_role_that_is_made_during_a_jump_has_sessions_of_the_usual_length() {
    for jump in JUMPS {
        let world = running();
        world.jump(jump);
        let site = Site::of(world);
        let token = site.token();
        site.world.jump(-jump);
        assert!(site.lives(&token), "after a jump of {jump}");
        site.world.pass(3600);
        assert!(!site.lives(&token), "after a jump of {jump}");
    }
}

#[test]
fn conditions_on_the_time_do_not_see_a_jump() {
    for jump in JUMPS {
        let world = running();
        let condition = |operator, at: &str| {
            format!(
                r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{{"{operator}":{{"acs:CurrentTime":"{at}"}}}}}}]}}"#
            )
        };
        let at = world.time(3600);
        let until = world.user("until", &condition("DateLessThan", &at));
        let from = world.user("from", &condition("DateGreaterThanEquals", &at));
        let may = || [&until, &from].map(|user| world.kms(user, "ListKeys", &[]).is_ok());
        assert_eq!(may(), [true, false]);
        for set in [jump, -jump, jump] {
            world.jump(set);
            assert_eq!(may(), [true, false], "the clock was set by {set}");
        }
        world.pass(3599);
        assert_eq!(may(), [true, false], "during a jump of {jump}");
        world.pass(1);
        assert_eq!(may(), [false, true], "time passes during a jump of {jump}");
        for set in [-jump, jump] {
            world.jump(set);
            assert_eq!(may(), [false, true], "the clock was set by {set}");
        }
    }
}

#[test]
fn tokens_of_an_oidc_provider_are_good_during_a_jump() {
    for jump in JUMPS {
        let setup = Setup::new();
        let token = setup.token(json!({}));
        setup.world.jump(jump);
        setup.assume(&token, &[]).unwrap();
        setup.world.pass(700); // its expiry, and the tolerated difference of clocks
        for set in [0, -jump] {
            setup.world.jump(set);
            assert!(setup.assume(&token, &[]).is_err(), "the clock was set by {set}");
        }
    }
}

/// While the server was off, time may have passed or the clock may have been set. From the start on, the clock is known
/// again.
#[test]
fn a_jump_after_a_long_stop_is_none_either() {
    for jump in JUMPS {
        for has_endings in [false, true] {
            let mut site = Site::new();
            if has_endings {
                let root = site.world.root();
                let key = site.world.kms(&root, "CreateKey", &[]).unwrap()["KeyMetadata"]["KeyId"].clone();
                let parameters = [("KeyId", key.as_str().unwrap()), ("PendingWindowInDays", "30")];
                site.world.kms(&root, "ScheduleKeyDeletion", &parameters).unwrap();
            }
            site.world.restart_after(3 * DAY, 0, false);
            assert_eq!(site.world.jump(0).held, has_endings, "asked while something is to end");
            site.world.pass(500 * DAY);
            let expired = site.token();
            site.world.pass(1800);
            let token = site.token();
            site.world.pass(1800);
            for set in [jump, -jump, jump] {
                site.world.jump(set);
                assert!(!site.lives(&expired), "the clock was set by {set}");
                assert!(site.lives(&token), "the clock was set by {set}");
            }
            let during = site.token();
            site.world.pass(1800);
            assert!(!site.lives(&token), "during a jump of {jump}");
            site.world.pass(1800);
            assert!(!site.lives(&during), "during a jump of {jump}");
        }
    }
}

/// A clock that was ahead issued it, according to the operator.
#[test]
fn a_token_of_a_later_time_is_none() {
    let ahead = 400 * DAY;
    let mut site = Site::new();
    site.world.restart_after(10, ahead, false);
    let token = site.token();
    assert!(site.lives(&token));
    site.world.restart_after(10, -ahead, true);
    assert!(!site.lives(&token));
    site.world.change_role("ops", |role| role.max_session = Role::MAX_SESSION);
    let longest = [("DurationSeconds", &*Role::MAX_SESSION.to_string())];
    assert!(site.lives(&site.world.assume_where(&site.alice, "ops", &longest).unwrap()));
}
