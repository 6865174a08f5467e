//! Names are resolved regardless of case, and what belongs to a record is read only with the permission for it.

use std::sync::{Arc, Mutex};

use bulla_keys::record::Revision;
use bulla_wire::kms::Decrypt;

use super::*;
use crate::authorize::{Authorizer, Holders, Inquiry, Permission, Query, Requested};
use crate::mfa::Seed;
use crate::people::{AttachedTo, AttachmentLimits, Document, Profile, random_principal_id};
use crate::state::{AccessKeyOwner, Changes, Write};
use crate::{Kms, Options, Role as KmsRole, SystemClock};

/// An engine with people. Its authorizer records the resources, and allows all of them or none.
struct Bench {
    kms: Kms,
    last_query: Arc<Mutex<Vec<String>>>,
    _data: tempfile::TempDir,
}

impl Bench {
    fn new(allows: bool) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut kms = Kms::open(&Options::new(data.path(), KmsRole::Command), SystemClock).unwrap();
        let last_query = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&last_query);
        kms.authorizer = Authorizer::Test(Arc::new(move |query: &Query<'_>| {
            noted.lock().unwrap().push(query.resource.arn(query.home));
            allows
        }));
        let bench = Self { kms, last_query, _data: data };
        bench.fill();
        bench
    }

    fn fill(&self) {
        let limits = AttachmentLimits { system: 9, custom: 9 };
        let name = "Ops".parse().unwrap();
        let group = Group::new(name, "".into(), 1);
        let mut alice = User::new("Alice".parse().unwrap(), Profile::default(), 1);
        alice.join(group.id, 2, 5).unwrap();
        let system = PolicyRef::System(NameKey::of("AdministratorAccess"));
        alice.policies.attach(system, 1, limits).unwrap();
        alice.policies.attach(PolicyRef::Custom(NameKey::of("Rule")), 1, limits).unwrap();
        let bob = User::new("bob".parse().unwrap(), Profile::default(), 1);
        let owners = [
            ("k1", AccessKeyOwner::User(alice.id)),
            ("k2", AccessKeyOwner::User(bob.id)),
            ("k3", AccessKeyOwner::Root),
        ];
        let key = |(id, owner): (&str, _)| {
            Write::AccessKey(self.kms.keyring.access_key(id.into(), &String::new().into(), owner, 1))
        };
        let text = r#"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;
        let policy = ManagedPolicy::new("Rule".parse().unwrap(), text, 1).unwrap();
        let trust = r#"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"RAM": "acs:ram::111122223333:user/alice"}}]}"#;
        let trust = Document::parse("111122223333", trust, |_| Some(random_principal_id())).unwrap();
        let role = Role::new("Job".parse().unwrap(), trust, 1);
        let mut writes: Vec<(Write, Revision)> = owners.map(|owner| (key(owner), 0)).into();
        writes.extend([
            (Write::User(alice), 0),
            (Write::User(bob), 0),
            (Write::Group(group), 0),
            (Write::Role(role), 0),
            (Write::Policy(policy), 0),
            (Write::MfaDevice(self.kms.keyring.mfa_device("Phone".parse().unwrap(), &Seed::random(), 1)), 0),
        ]);
        let change = Changes::for_test(writes).answering(());
        let (_, answered) = self.kms.state.stage(1, |_| Ok::<_, Error>(change)).unwrap();
        pollster::block_on(answered).unwrap().unwrap();
    }

    fn with_view<T>(&self, visit: impl FnOnce(&View<'_>) -> T) -> T {
        let origin = self.kms.owner();
        let inquiry = Inquiry::new(&self.kms, &origin, Requested::default());
        let snapshot = self.kms.state.snapshot().unwrap();
        visit(&View::new(&snapshot, &inquiry, Permission::of::<Decrypt>()))
    }

    /// The resources that were checked.
    fn last_query(&self) -> String {
        self.last_query.lock().unwrap().pop().unwrap()
    }
}

type Find = fn(&View<'_>, &str) -> Result<(), Error>;

const FINDERS: [(Find, &str, &str); 7] = [
    (
        |view, name| view.mfa_device(&MfaDevice::serial_number("111122223333", name)).map(drop),
        "Phone",
        "acs:ram:*:111122223333:mfa/",
    ),
    (|view, name| view.user(name).map(drop), "Alice", "acs:ram:*:111122223333:user/"),
    (|view, name| view.group(name).map(drop), "Ops", "acs:ram:*:111122223333:group/"),
    (|view, name| view.role(name).map(drop), "job", "acs:ram:*:111122223333:role/"),
    (|view, name| view.custom_policy(name).map(drop), "Rule", "acs:ram:*:111122223333:policy/"),
    (|view, name| view.policy(PolicyType::Custom, name).map(drop), "Rule", "acs:ram:*:111122223333:policy/"),
    (
        |view, name| view.policy(PolicyType::System, name).map(drop),
        "AdministratorAccess",
        "acs:ram:*:system:policy/",
    ),
];

#[test]
fn the_permission_is_checked_for_the_name_as_the_record_has_it() {
    let bench = Bench::new(true);
    for (find, name, arn) in FINDERS {
        for spelled in [name.to_owned(), name.to_uppercase(), name.to_lowercase()] {
            bench.with_view(|view| find(view, &spelled)).unwrap();
            assert_eq!(bench.last_query(), format!("{arn}{name}"));
        }
        let missing = bench.with_view(|view| find(view, "nobody")).unwrap_err();
        assert!(missing.code_text().starts_with("EntityNotExist."), "{missing}");
        assert_eq!(bench.last_query(), format!("{arn}nobody"));
    }
}

#[test]
fn a_denial_reveals_neither_whether_a_record_exists_nor_the_spelling_of_its_name() {
    let bench = Bench::new(false);
    for (find, name, arn) in FINDERS {
        let denied = |written: &str| bench.with_view(|view| find(view, written)).unwrap_err().to_string();
        let written = name.to_uppercase();
        assert!(denied(&written).contains(&format!("{arn}{written}")), "{}", denied(&written));
        let same_length = "X".repeat(written.len());
        assert_eq!(denied(&written).replace(&written, &same_length), denied(&same_length));
    }
}

#[test]
fn what_belongs_to_a_user_is_found_by_the_user_alone() {
    let bench = Bench::new(true);
    bench.with_view(|view| {
        let alice = view.user("alice").unwrap();
        let keys: Vec<_> = view.access_keys_of(&alice).map(|key| &*key.record.id).collect();
        assert_eq!(keys, ["k1"]);
        assert!(view.access_key_of(&alice, "k1").is_some());
        assert!(view.access_key_of(&alice, "k2").is_none() && view.access_key_of(&alice, "k3").is_none());
        let root = view.root_access_keys().unwrap();
        let keys: Vec<_> = root.iter().map(|key| &*key.record.id).collect();
        assert_eq!(keys, ["k3"]);
        let (group, membership) = view.groups_of(&alice).next().unwrap();
        assert_eq!((group.record.name.as_str(), membership.joined), ("Ops", 2));
        let group = view.group("ops").unwrap();
        let members: Vec<_> = view.members_of(&group).rows(0..9).map(|row| row.record.id).collect();
        assert_eq!(members, [alice.record.id]);
    });
}

#[test]
fn a_policy_is_found_by_what_it_is_attached_to() {
    let bench = Bench::new(true);
    bench.with_view(|view| {
        for (of, name) in [(PolicyType::System, "administratoraccess"), (PolicyType::Custom, "rule")] {
            let policy = view.policy(of, name).unwrap();
            let holders = Holders::of(&policy, Arc::clone(&*bench.kms.state.snapshot().unwrap()));
            let counts = (holders.users().count(), holders.groups().count(), holders.roles().count());
            assert_eq!(counts, (1, 0, 0));
            assert_eq!(view.attachment_count(&policy, &policy.reference()), 1);
        }
        let policy = view.custom_policy("rule").unwrap();
        let attached = AttachedTo { users: true, ..AttachedTo::default() };
        assert_eq!(view.attached_to(&policy), attached);
        let alice = view.user("alice").unwrap();
        let found: Vec<_> = alice
            .record
            .policies
            .iter()
            .map(|attachment| view.attached_policy(&alice, &attachment.policy).unwrap().reference())
            .collect();
        assert!(found.iter().eq(alice.record.policies.iter().map(|attachment| &attachment.policy)));
    });
}

#[test]
fn lists_continue_after_a_name_and_show_which_names_exist() {
    let bench = Bench::new(true);
    bench.with_view(|view| {
        let users = view.every(Container::Users).unwrap();
        let after = |name: &str| {
            let rows = view.rows_after::<User>(&users, Some(&NameKey::of(name)));
            rows.map(|row| row.record.name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!((after(""), after("alice")), (vec!["Alice".into(), "bob".into()], vec!["bob".into()]));
        assert_eq!(view.count::<User>(&users), 2);
        assert!(view.is_name_taken::<User>(&users, &NameKey::of("ALICE")));
        assert!(!view.is_name_taken::<User>(&users, &NameKey::of("carol")));
    });
    assert_eq!(bench.last_query(), "acs:ram:*:111122223333:user/*");
}
