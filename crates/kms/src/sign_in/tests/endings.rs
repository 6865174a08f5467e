//! No sign-in outlives its credentials: random changes of two users and of root, against a model in which every version of an
//! access key, a password or the binding of an MFA device has its own number.

use super::mfa::{Phone, enter};
use super::*;
use crate::people::Profile;
use crate::sessions::tests::world::Credentials;
use crate::state::AccessKeyOwner;

/// The credentials of a user in the model: the numbers of the active access key, the password and the binding.
#[derive(Clone, Copy, Default)]
struct Subject {
    key: Option<u64>,
    password: Option<u64>,
    device: Option<u64>,
    is_due: bool,
    needs_mfa: bool,
}

struct Entry {
    signed_in: SignedIn,
    user: usize,
    is_by_key: bool,
    number: u64,
    device: Option<u64>,
}

struct Model {
    world: World,
    users: [Subject; 2],
    phones: [Option<Phone>; 2],
    entries: Vec<Entry>,
    seed: u64,
    numbers: u64,
}

const NAMES: [&str; 2] = ["alice", "bob"];

impl Model {
    fn new(seed: u64) -> Self {
        let world = World::new();
        NAMES.iter().for_each(|name| drop(world.user(name, "")));
        let users = [Subject::default(); 2];
        let phones = [const { None }; 2];
        let mut model = Self { world, users, phones, entries: Vec::new(), seed, numbers: 0 };
        for user in 0..NAMES.len() {
            model.users[user].key = Some(model.number());
            model.set_profile(user, Some(profile(PASSWORD)));
        }
        model
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Returns a number below `end`, from a linear congruential generator.
    fn random(&mut self, end: usize) -> usize {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.seed >> 33).unwrap() % end
    }

    fn credentials(user: usize) -> Credentials {
        let name = NAMES[user];
        Credentials { id: format!("BULLA{name}"), secret: format!("secret-of-{name}"), token: None }
    }

    fn profile(&self, user: usize) -> Option<LoginProfile> {
        let snapshot = self.world.kms_ref().state.published();
        snapshot.get::<User>(&NameKey::of(NAMES[user])).unwrap().record.login_profile.clone()
    }

    fn set_profile(&mut self, user: usize, profile: Option<LoginProfile>) {
        self.users[user].password = profile.is_some().then(|| self.number());
        self.note_flags(user, profile.as_ref());
        change_user(&self.world, NAMES[user], |user| user.login_profile = profile);
    }

    fn note_flags(&mut self, user: usize, profile: Option<&LoginProfile>) {
        self.users[user].is_due = profile.is_some_and(|profile| profile.reset_required);
        self.users[user].needs_mfa = profile.is_some_and(|profile| profile.mfa_required);
    }

    /// Keeps the password, and changes what the profile requires.
    fn edit_flags(&mut self, user: usize, edit: impl FnOnce(&mut LoginProfile)) {
        if let Some(mut profile) = self.profile(user) {
            edit(&mut profile);
            self.note_flags(user, Some(&profile));
            change_user(&self.world, NAMES[user], |user| user.login_profile = Some(profile));
        }
    }

    fn has_key_row(&self, user: usize) -> bool {
        self.world.kms_ref().state.published().access_key(&Self::credentials(user).id).is_some()
    }

    fn delete_key(&mut self, user: usize) {
        if self.has_key_row(user) {
            self.world.delete_access_key(&Self::credentials(user));
            self.users[user].key = None;
        }
    }

    /// Another access key with the same id and secret.
    fn make_key(&mut self, user: usize) {
        self.delete_key(user);
        let Credentials { id, secret, .. } = Self::credentials(user);
        let owner = AccessKeyOwner::User(self.world.user_id(NAMES[user]));
        let key = self.world.kms_ref().keyring.access_key((*id).into(), &secret.into(), owner, 0);
        self.world.write([(Write::AccessKey(key), 0)]);
        self.users[user].key = Some(self.number());
    }

    /// Another user with the same name, and another access key with the same id.
    fn make_user_again(&mut self, user: usize) {
        self.delete_key(user);
        self.world.delete_user(NAMES[user]);
        let mut made = User::new(NAMES[user].parse().unwrap(), Profile::default(), 0);
        made.add_access_key(&Self::credentials(user).id, 1).unwrap();
        self.world.write([(Write::User(made), 0)]);
        self.users[user] = Subject::default();
    }

    fn toggle_key(&mut self, user: usize) {
        if self.has_key_row(user) {
            let is_active = self.users[user].key.is_some();
            self.world.set_access_key(&Self::credentials(user), !is_active);
            self.users[user].key = (!is_active).then(|| self.number());
        }
    }

    /// Makes changes that end no sign-in.
    fn change_other_things(&mut self, user: usize) {
        self.world.pass(1);
        change_user(&self.world, NAMES[user], |user| user.profile.comments = "changed".into());
        self.world.allow_user(NAMES[user], EVERYTHING);
    }

    /// Binds another device, or leaves the user without one.
    fn change_device(&mut self, user: usize) {
        if self.users[user].device.is_some() {
            change_user(&self.world, NAMES[user], |user| user.mfa = None);
            self.users[user].device = None;
        } else {
            let number = self.number();
            self.phones[user] = Some(Phone::bind(&self.world, NAMES[user], &format!("device-{number}")));
            self.users[user].device = Some(number);
        }
    }

    fn sign_in(&mut self, user: usize, is_by_key: bool) {
        let Subject { key, password, device, .. } = self.users[user];
        let kms = self.world.kms_ref();
        if is_by_key {
            let Credentials { id, secret, .. } = Self::credentials(user);
            let signed_in = kms.sign_in_by_access_key(&id, &secret.into());
            assert_eq!(signed_in.is_ok(), key.is_some());
            let entry = signed_in.ok().zip(key);
            self.entries.extend(entry.map(|(signed_in, number)| Entry {
                signed_in,
                user,
                is_by_key,
                number,
                device: None,
            }));
        } else if let Some(number) = password {
            let signed_in = match first_factor(&self.world, NAMES[user], PASSWORD).unwrap() {
                FirstFactor::Enough(signed_in) => signed_in,
                FirstFactor::CodeNeeded(half) => {
                    self.world.pass(30); // each code works once
                    let code = self.phones[user].as_ref().unwrap().code(&self.world, 1);
                    enter(&self.world, &half, &code).unwrap()
                }
            };
            assert_eq!(signed_in.has_given_code(), device.is_some());
            self.entries.push(Entry { signed_in, user, is_by_key, number, device });
        }
    }

    fn step(&mut self) {
        let user = self.random(2);
        match self.random(14) {
            13 => self.change_device(user),
            0..=2 => self.sign_in(user, true),
            3..=5 => self.sign_in(user, false),
            6 => self.toggle_key(user),
            7 => self.make_key(user),
            8 => self.make_user_again(user),
            9 => self.set_profile(user, Some(profile(PASSWORD))), // the same password again
            10 if self.profile(user).is_some() => self.set_profile(user, None),
            10 => self.set_profile(user, Some(profile(PASSWORD))),
            11 if self.random(2) == 0 => self.edit_flags(user, |profile| profile.reset_required ^= true),
            11 => self.edit_flags(user, |profile| profile.mfa_required ^= true),
            _ if self.random(2) == 0 => self.change_other_things(user),
            _ => self.delete_key(user),
        }
    }

    fn check(&self) {
        for entry in &self.entries {
            let Subject { key, password, device, is_due: asks, needs_mfa } = self.users[entry.user];
            let is_due = entry.signed_in.must_choose_password();
            let needs_device = entry.signed_in.must_bind_device();
            let number = Some(entry.number);
            let holds = if entry.is_by_key {
                number == key
            } else {
                let is_same = number == password && device == entry.device && asks == is_due;
                is_same && needs_device == (needs_mfa && device.is_none())
            };
            let origin = self.world.kms_ref().origin_of(&entry.signed_in, connection());
            let is_expected = match &origin {
                Ok(_) => holds && !is_due && !needs_device,
                Err(SignInEnded::PasswordDue) => holds && is_due,
                Err(SignInEnded::DeviceDue) => holds && !is_due && needs_device,
                Err(SignInEnded::Ended) => !holds,
                Err(SignInEnded::Store(_)) => false,
            };
            assert!(is_expected, "{:?} holds: {holds}, got {origin:?}", entry.signed_in);
        }
    }
}

#[test]
fn no_sign_in_outlives_the_access_key_the_password_the_device_or_the_user() {
    for seed in 1..=4 {
        let mut model = Model::new(seed);
        for step in 0..250 {
            let before = model.entries.len();
            model.step();
            model.check();
            let signed_in = model.entries.len() - before;
            assert!(signed_in <= 1, "seed {seed} step {step}");
        }
        assert!(model.entries.len() > 20, "seed {seed}");
    }
}

/// Root's access key is disabled, activated again, and replaced.
#[test]
fn a_sign_in_of_root_ends_with_its_access_key() {
    let world = World::new();
    let sign_in = || world.kms_ref().sign_in_by_access_key("rootkey", &text("rootsecret"));
    let first = sign_in().unwrap();
    world.set_access_key(&world.root(), false);
    assert!(has_ended(&world, &first) && matches!(sign_in(), Err(SignInRefusal::Wrong)));
    world.set_access_key(&world.root(), true);
    let second = sign_in().unwrap();
    assert!(has_ended(&world, &first) && !has_ended(&world, &second));
    pollster::block_on(world.kms_ref().reset_root_access_key()).unwrap();
    assert!(has_ended(&world, &second));
}
