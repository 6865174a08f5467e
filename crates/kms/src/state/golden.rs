//! Tests of the golden stores: this version reads the users and policies in those since version 4, the MFA device in those
//! since version 5, and the security token. The ignored tests created these once, in addition to those of
//! `tests/make_golden.rs`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bulla_access::PolicyKind;
use bulla_keys::record::Revision;

use super::*;
use crate::mfa::Seed;
use crate::origin::{AssumedRole, RoleSession, SessionSource};
use crate::people::{
    Account, AttachmentLimits, Document, Group, KeyPolicy, LoginProfile, ManagedPolicy, MfaDevice, NameKey,
    PolicyRef, Profile, Role, SecretPolicy, User,
};
use crate::sessions::SealedToken;
use crate::{Kms, Options, Role as KmsRole};

const ACCOUNT: &str = "4242";
/// In the newest golden store.
const COMMITS: u64 = 42;
const ROWS: u64 = 64;
const POLICY: &str =
    r#"{"Version": "1", "Statement": [{"Effect": "Deny", "Action": "kms:*", "Resource": "*"}]}"#;
const MADE: i64 = 1_767_225_600;

const VERSIONS: [u32; 3] = [4, 5, NEWEST];
const NEWEST: u32 = 6;

fn golden(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../testdata/golden/store-v{version}"))
}

/// Opens a copy of a golden store.
fn open(version: u32) -> (tempfile::TempDir, Kms) {
    let data = tempfile::tempdir().unwrap();
    for file in ["store.redb", "root-key"] {
        let copy = data.path().join(file);
        fs::copy(golden(version).join(file), &copy).unwrap();
        fs::set_permissions(&copy, Permissions::from_mode(0o600)).unwrap();
    }
    let clock = || -> SystemTime { UNIX_EPOCH + Duration::from_secs(MADE.unsigned_abs()) };
    let kms = Kms::open(&Options::new(data.path(), KmsRole::Command), clock).unwrap();
    (data, kms)
}

fn policy_of_resource(actions: &str) -> String {
    format!(
        r#"{{"Version": "1", "Statement": [{{"Effect": "Deny", "Principal": {{"RAM": ["acs:ram::{ACCOUNT}:user/alice"]}},
            "Action": "{actions}", "Resource": "*"}}]}}"#
    )
}

/// Returns one record of each kind, with all fields.
fn people(snapshot: &Snapshot) -> Vec<(Write, Revision)> {
    let limits = AttachmentLimits { system: 20, custom: 10 };
    let attached = [
        PolicyRef::System(NameKey::of("AliyunKMSReadOnlyAccess")),
        PolicyRef::Custom(NameKey::of("No-Keys")),
    ];
    let mut policy = ManagedPolicy::new("No-Keys".parse().unwrap(), POLICY, MADE).unwrap();
    policy.description = "没有密钥".into();
    policy.change_versions(MADE + 1, |versions| versions.add(POLICY, MADE + 1, 5, false)).unwrap();
    policy.change_versions(MADE + 2, |versions| versions.set_default(2)).unwrap();
    policy.tags.set("team", "库").unwrap();
    let mut group = Group::new("Ops".parse().unwrap(), "值班".into(), MADE);
    group.policies.attach(attached[1].clone(), MADE + 1, limits).unwrap();
    let profile = Profile {
        display_name: "张三".into(),
        mobile_phone: "86-18600008888".into(),
        email: "alice@example.com".into(),
        comments: "reads".into(),
    };
    let mut user = User::new("Alice".parse().unwrap(), profile, MADE);
    user.updated = MADE + 1;
    user.last_login = Some(MADE + 2);
    user.login_profile = Some(LoginProfile {
        password_hash: String::from("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g").into(),
        reset_required: true,
        mfa_required: false,
        created: MADE + 3,
        updated: MADE + 4,
    });
    user.join(group.id, MADE + 5, 5).unwrap();
    for policy in &attached {
        user.policies.attach(policy.clone(), MADE + 6, limits).unwrap();
    }
    user.add_access_key("BULLAgolden", 2).unwrap();
    let trust = r#"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"RAM": ["acs:ram::4242:user/Alice", "acs:ram::4242:root"]}}]}"#;
    let mut role =
        Role::new("Job".parse().unwrap(), Document::parse(ACCOUNT, trust, |_| Some(user.id)).unwrap(), MADE);
    role.description = "nightly".into();
    role.max_session = 7200;
    role.updated = MADE + 1;
    role.policies.attach(attached[1].clone(), MADE + 1, limits).unwrap();
    role.tags.set("team", "库").unwrap();
    role.end_sessions(MADE + 2);
    let key = snapshot.rows_after::<bulla_keys::Key>(None).next().unwrap().record.id;
    let key_policy = policy_of_resource("kms:Decrypt");
    let document = Document::parse(ACCOUNT, &key_policy, |_| Some(user.id)).unwrap();
    let key_policy = KeyPolicy { key, document };
    let secret_policy = policy_of_resource("kms:GetSecretValue");
    let document = Document::parse(ACCOUNT, &secret_policy, |_| Some(user.id)).unwrap();
    let secret_policy = SecretPolicy { secret: "db/password".parse().unwrap(), document };
    let account = Account { alias: Some("golden".into()), ..Account::default() };
    let used = AccessKeyUse { id: "BULLAgolden".into(), last_used: MADE + 7 };
    [
        Write::Policy(policy),
        Write::Group(group),
        Write::User(user),
        Write::Role(role),
        Write::KeyPolicy(key_policy),
        Write::SecretPolicy(secret_policy),
        Write::Account(account),
        Write::AccessKeyUse(used),
    ]
    .map(|write| (write, 0))
    .into()
}

#[test]
#[ignore = "puts people into the newest golden store, once"]
fn put_people_into_the_golden_store() {
    let (data, kms) = open(NEWEST);
    let mut writes = people(&kms.state.snapshot().unwrap());
    let Write::User(user) = &mut writes[2].0 else { panic!() };
    let device = kms.keyring.mfa_device("Phone".parse().unwrap(), &seed(), MADE + 8);
    let (device, binding) = device.bound_to(user.id, SPENT, MADE + 9);
    user.mfa = Some(binding);
    let owner = AccessKeyOwner::User(user.id);
    let secret = String::from("golden secret").into();
    let mut key = kms.keyring.access_key("BULLAgolden".into(), &secret, owner, MADE);
    key.active = false;
    writes.extend([(Write::AccessKey(key), 0), (Write::MfaDevice(device), 0)]);
    let change = Changes::for_test(writes).answering(());
    let (_, answered) = kms.state.stage(MADE, |_| Ok::<_, Error>(change)).unwrap();
    pollster::block_on(answered).unwrap().expect("they are there; golden stores are never made again");
    drop(kms);
    fs::copy(data.path().join("store.redb"), golden(NEWEST).join("store.redb")).unwrap();
}

/// The seed of the MFA device: that of RFC 6238.
fn seed() -> Seed {
    Seed::from_bytes(zeroize::Zeroizing::new(b"12345678901234567890".to_vec()))
}

const SPENT: u64 = 58_907_520;

/// The session in the golden token, with all fields.
fn session(snapshot: &Snapshot) -> RoleSession {
    let role = &snapshot.get::<Role>(&NameKey::of("job")).unwrap().record;
    let user = &snapshot.get::<User>(&NameKey::of("alice")).unwrap().record;
    RoleSession {
        access_key_id: "STS.golden".into(),
        source: SessionSource::User { id: user.id, access_key_id: "BULLAgolden".into() },
        roles: vec![AssumedRole {
            id: role.id,
            session_name: "nightly".into(),
            not_before: role.not_before(),
        }],
        policy: Some(bulla_access::Policy::parse(PolicyKind::Session, ACCOUNT, POLICY).unwrap().into()),
        source_identity: Some("alice".into()),
        mfa: Some(true),
        expires: MADE + 3600,
    }
}

const TOKEN_SECRET: &str = "golden session secret";

fn golden_token() -> PathBuf {
    golden(4).with_file_name("security-token-v1.txt")
}

#[test]
#[ignore = "puts an STS key into the newest golden store, once"]
fn put_an_sts_key_into_the_golden_store() {
    let (data, kms) = open(NEWEST);
    let key = kms.keyring.sts_key(crate::sessions::sts_epoch(1), MADE);
    let change = Changes::for_test([(Write::StsKey(key), 0)]).answering(());
    let (_, answered) = kms.state.stage(MADE, |_| Ok::<_, Error>(change)).unwrap();
    pollster::block_on(answered).unwrap().expect("it is there; golden stores are never made again");
    drop(kms);
    fs::copy(data.path().join("store.redb"), golden(NEWEST).join("store.redb")).unwrap();
}

#[test]
fn the_golden_security_token_opens() {
    let (_data, kms) = open(4);
    let found = kms.state.snapshot().unwrap();
    let text = fs::read_to_string(golden_token()).unwrap();
    let token = SealedToken::parse(&text).unwrap();
    let (opened, secret) = kms.keyring.open_token(&found, &token, ACCOUNT).unwrap();
    let made = session(&found);
    assert_eq!(secret.expose(), TOKEN_SECRET);
    assert_eq!((&opened.access_key_id, &opened.source), (&made.access_key_id, &made.source));
    assert_eq!(opened.roles, made.roles);
    assert_eq!(
        (&opened.source_identity, opened.mfa, opened.expires),
        (&made.source_identity, Some(true), MADE + 3600)
    );
    assert!(opened.policy.unwrap().has_deny());
}

#[test]
fn people_of_the_golden_stores_come_back() {
    VERSIONS.into_iter().for_each(people_come_back);
}

/// Users of earlier versions have no device.
#[test]
fn the_mfa_device_of_the_golden_stores_comes_back() {
    let (_data, kms) = open(4);
    let before = kms.state.snapshot().unwrap();
    assert!(before.get::<User>(&NameKey::of("alice")).unwrap().record.mfa.is_none());

    [5, NEWEST].into_iter().for_each(device_comes_back);
}

fn device_comes_back(version: u32) {
    let (_data, kms) = open(version);
    let found = kms.state.snapshot().unwrap();
    let user = &found.get::<User>(&NameKey::of("alice")).unwrap().record;
    let binding = user.mfa.as_ref().unwrap();
    assert_eq!((binding.device.as_str(), binding.bound), ("phone", MADE + 9));
    let device = &found.get::<MfaDevice>(&binding.device).unwrap().record;
    assert_eq!((device.name.as_str(), device.created, device.spent), ("Phone", MADE + 8, SPENT));
    assert_eq!(device.user.map(|user| user.0), Some(user.id));
    assert_eq!(kms.keyring.seed_of(device).unwrap().expose(), seed().expose());
}

/// A store of an earlier version gets its anchor when it is opened.
#[test]
fn the_golden_store_has_an_anchor() {
    let (_data, kms) = open(4);
    assert_eq!((kms.epoch(), kms.commit_number()), (1, 1));
    let (_data, kms) = open(NEWEST);
    let anchor = kms.state.anchor().unwrap();
    assert_eq!((anchor.epoch, anchor.commit, anchor.rows.rows()), (1, COMMITS, ROWS));
}

fn people_come_back(version: u32) {
    let (_data, kms) = open(version);
    let found = kms.state.snapshot().unwrap();
    let user = &found.get::<User>(&NameKey::of("alice")).unwrap().record;
    let group = &found.get::<Group>(&NameKey::of("ops")).unwrap().record;
    let role = &found.get::<Role>(&NameKey::of("job")).unwrap().record;
    let policy = &found.get::<ManagedPolicy>(&NameKey::of("no-keys")).unwrap().record;

    assert_eq!(
        (user.name.as_str(), user.created, user.updated, user.last_login),
        ("Alice", MADE, MADE + 1, Some(MADE + 2))
    );
    assert_eq!((&*user.profile.display_name, &*user.profile.email), ("张三", "alice@example.com"));
    assert_eq!((&*user.profile.mobile_phone, &*user.profile.comments), ("86-18600008888", "reads"));
    let login = user.login_profile.as_ref().unwrap();
    assert!(login.password_hash.expose().starts_with("$argon2id$v=19$"));
    assert!(login.reset_required && !login.mfa_required);
    assert_eq!((login.created, login.updated), (MADE + 3, MADE + 4));
    let [membership] = user.groups() else { panic!("{:?}", user.groups()) };
    assert_eq!((membership.group, membership.joined), (group.id, MADE + 5));
    let custom = PolicyRef::Custom(NameKey::of("no-keys"));
    let attached: Vec<_> =
        user.policies.iter().map(|one| (one.policy.name().as_str(), one.attached)).collect();
    assert_eq!(attached, [("aliyunkmsreadonlyaccess", MADE + 6), ("no-keys", MADE + 6)]);
    assert_eq!(user.access_keys(), ["BULLAgolden".into()]);
    assert_eq!(found.user_by_id(user.id).unwrap().record.id, user.id);

    assert_eq!((group.name.as_str(), &*group.comments, group.created), ("Ops", "值班", MADE));
    assert_eq!((role.name.as_str(), &*role.description, role.max_session), ("Job", "nightly", 7200));
    assert_eq!((role.created, role.updated, role.not_before), (MADE, MADE + 1, Some(MADE + 2)));
    assert_eq!(role.tags.get("team"), Some("库"));
    assert!(role.trust.text().contains("acs:ram::4242:user/Alice"));
    assert_eq!(found.attachment_count(&custom), 3);

    assert_eq!(
        (policy.name.as_str(), &*policy.description, policy.updated),
        ("No-Keys", "没有密钥", MADE + 2)
    );
    assert_eq!((policy.versions().list().len(), policy.versions().default_version().number), (2, 2));
    assert_eq!((&*policy.versions().default_version().text, policy.tags.get("team")), (POLICY, Some("库")));
    assert!(found.policy(&custom).unwrap().has_deny());

    let key = found.rows_after::<KeyPolicy>(None).next().unwrap().record.key;
    assert!(found.key_policy(key).unwrap().denied().eq([user.id]));
    let secret = "db/password".parse().unwrap();
    assert!(found.secret_policy(&secret).unwrap().denied().eq([user.id]));
    assert!(found.denies_a_key(bulla_access::Principal::User(user.id)));
    let account = found.get::<Account>(&Account::NAME.into()).unwrap();
    assert_eq!(account.record.alias.as_deref(), Some("golden"));
    assert_eq!(found.get::<AccessKeyUse>(&"BULLAgolden".into()).unwrap().record.last_used, MADE + 7);
    let key = found.access_key("BULLAgolden").unwrap();
    assert_eq!((key.owner, key.active, key.created), (AccessKeyOwner::User(user.id), false, MADE));
    let secret = bulla_keys::access_key::open(&kms.state.roots, &key.id, &key.sealed_secret).unwrap();
    assert_eq!(*secret, "golden secret");
}
