//! The callers of the matrix: one of each kind, with what the evaluator knows about it.

use super::super::people::{ACCOUNT, attach};
use super::client::{Credentials, Server};
use super::naive::{Policy, ResourcePolicy, Rights, Statement, document};
use crate::people::{NameKey, PolicyRef};
use crate::state::{AccessKey, Write};

pub(super) struct CallerCase {
    pub(super) label: &'static str,
    /// None for requests without a signature.
    pub(super) credentials: Option<Credentials>,
    pub(super) rights: Rights,
}

/// Creates all callers.
pub(super) fn callers(server: &Server) -> Vec<CallerCase> {
    let mut callers = vec![root(server)];
    callers.extend(users(server));
    callers.extend(refused(server)); // advances the clock
    callers.extend(sessions(server));
    callers
}

pub(super) fn root(server: &Server) -> CallerCase {
    CallerCase { label: "root", credentials: Some(server.root()), rights: Rights::All }
}

fn users(server: &Server) -> Vec<CallerCase> {
    let user = |name: &'static str, label, principal, identity: &'static [Policy]| {
        server.account.user(name);
        CallerCase {
            label,
            credentials: Some(server.access_key(name)),
            rights: Rights::Policies { principal, identity, session: None },
        }
    };
    let users = vec![
        user("full", "a user with full access", "user/full", &[FULL]),
        user("reader", "a read-only user", "user/reader", &[READ_ONLY]),
        user("crypto", "a crypto user", "user/crypto", &[CRYPTO_USER]),
        user("secrets", "a secret user who may read the trail", "user/secrets", &[SECRET_USER, AUDITOR]),
        user("member", "a user by a group", "user/member", &[OF_GROUP]),
        user("limited", "a user with a Deny", "user/limited", &[FULL, DENIED]),
        user("keyed", "a user that policies of resources name", "user/keyed", &[]),
        user("fenced", "a user whom policies of keys deny", "user/fenced", &[FULL]),
    ];
    for (name, policy) in [
        ("full", "AdministratorAccess"),
        ("limited", "AdministratorAccess"),
        ("fenced", "AdministratorAccess"),
        ("reader", "ReadOnlyAccess"),
        ("crypto", "AliyunKMSCryptoUserAccess"),
        ("secrets", "AliyunKMSSecretUserAccess"),
        ("secrets", "AliyunActionTrailReadOnlyAccess"),
    ] {
        let policy = PolicyRef::System(NameKey::of(policy));
        server.account.change_user(name, |user| attach(&mut user.policies, &policy));
    }
    server.account.group("group", "member", &document(OF_GROUP));
    server.account.allow("limited", &document(DENIED));
    users
}

/// Sessions of a role that policies of keys name too.
fn sessions(server: &Server) -> Vec<CallerCase> {
    let by = server.access_key("full-maker");
    let assume = |more: &[(&str, &str)]| Some(server.assume(&by, "worker", more).unwrap());
    let rights = |session| Rights::Policies { principal: "role/worker", identity: &[OF_ROLE], session };
    vec![
        CallerCase { label: "an assumed role", credentials: assume(&[]), rights: rights(None) },
        CallerCase {
            label: "an assumed role with a session policy",
            credentials: assume(&[("Policy", &document(OF_SESSION))]),
            rights: rights(Some(OF_SESSION)),
        },
    ]
}

/// Invalid credentials of callers who had all rights.
fn refused(server: &Server) -> Vec<CallerCase> {
    server.account.role("worker", Some(&document(OF_ROLE)));
    let admin = |name: &str| {
        server.account.user(name);
        let policy = PolicyRef::System(NameKey::of("AdministratorAccess"));
        server.account.change_user(name, |user| attach(&mut user.policies, &policy));
    };
    admin("full-maker");
    let [disabled, deleted] = ["disabled", "deleted"].map(|name| {
        admin(name);
        server.access_key(name)
    });
    let assume = |by: &Credentials| server.assume(by, "worker", &[("DurationSeconds", "900")]).unwrap();
    let of_disabled = assume(&disabled);
    let of_deleted = assume(&deleted);
    set_inactive(server, &disabled);
    server.account.delete_user("deleted");
    admin("expiring");
    let expired = assume(&server.access_key("expiring"));
    server.pass(900);
    let over = "InvalidSecurityToken.Expired";
    let caller = |label, credentials, code| CallerCase { label, credentials, rights: Rights::Refused(code) };
    vec![
        caller("a disabled access key", Some(disabled), "Forbidden.AccessKey"),
        caller("a session of a disabled access key", Some(of_disabled), over),
        caller("an expired token", Some(expired), over),
        caller("a deleted user", Some(deleted), "InvalidAccessKeyId.NotFound"),
        caller("a session of a deleted user", Some(of_deleted), over),
        caller("no signature", None, "MissingAccessKeyId"),
    ]
}

fn set_inactive(server: &Server, of: &Credentials) {
    let row = server.bench.kms.state.published().get::<AccessKey>(&(*of.id).into()).unwrap().clone();
    let inactive = AccessKey { active: false, ..AccessKey::clone(&row.record) };
    server.account.write([(Write::AccessKey(inactive), row.revision)]);
}

/// The trust policy of a role that only one user may assume.
pub(super) fn trusting_only(user: &str) -> String {
    format!(
        r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"RAM":"acs:ram::{ACCOUNT}:user/{user}"}}}}]}}"#
    )
}

const fn allow(actions: &'static [&'static str], resources: &'static [&'static str]) -> Statement {
    Statement { effect: "Allow", actions, resources }
}

const fn deny(actions: &'static [&'static str], resources: &'static [&'static str]) -> Statement {
    Statement { effect: "Deny", actions, resources }
}

const ANY: &[&str] = &["*"];

const FULL: Policy = &[allow(ANY, ANY)];

const READ_ONLY: Policy = &[allow(
    &[
        "kms:List*",
        "kms:Describe*",
        "kms:GetPublicKey",
        "kms:GetKeyPolicy",
        "kms:GetKeyDefaultPolicy",
        "kms:GetSecretPolicy",
        "kms:GetSecretDefaultPolicy",
        "ram:Get*",
        "ram:List*",
    ],
    ANY,
)];

const CRYPTO_USER: Policy = &[allow(
    &[
        "kms:Encrypt",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "kms:GenerateDataKeyWithoutPlaintext",
        "kms:AsymmetricDecrypt",
        "kms:AsymmetricEncrypt",
        "kms:AsymmetricSign",
        "kms:AsymmetricVerify",
        "kms:GetPublicKey",
        "kms:GenerateMac",
        "kms:VerifyMac",
    ],
    ANY,
)];

const SECRET_USER: Policy =
    &[allow(&["kms:GetSecretValue", "kms:DescribeSecret", "kms:ListSecretVersionIds"], ANY)];

const AUDITOR: Policy =
    &[allow(&["actiontrail:Describe*", "actiontrail:Get*", "actiontrail:List*", "actiontrail:Lookup*"], ANY)];

const OF_GROUP: Policy = &[
    allow(&["kms:Decrypt", "kms:describeKEY", "kms:*Alias"], &["acs:kms:*:*:key/*", "acs:kms:*:*:alias/*"]),
    allow(&["kms:*Secret*"], &["acs:kms:*:*:secret/*"]),
    allow(&["ram:GetUser", "ram:*Group*"], &["acs:ram:*:*:user/*", "acs:ram:*:*:group/*"]),
    allow(&["actiontrail:lookupevents"], ANY),
];

const DENIED: Policy = &[
    deny(&["kms:Decrypt", "kms:Describe*", "kms:ReEncryptFrom", "ecs:TagResources"], &["acs:kms:*:*:key/*"]),
    deny(&["kms:GetSecretValue"], &["*"]),
    deny(&["ram:Get*", "ram:*Policy*"], &["acs:ram:*:*:user/*", "acs:ram:*:system:*"]),
    deny(&["sts:*"], &["acs:ram:*:*:role/worker"]),
    deny(&["actiontrail:*", "kms:GetKmsInstanceQuotaInfos", "kms:DescribeBackups"], ANY),
];

const OF_ROLE: Policy = &[
    allow(&["kms:Encrypt", "kms:Decrypt", "kms:Describe*", "kms:List*", "kms:GetKmsInstance*"], ANY),
    allow(&["sts:AssumeRole"], &["acs:ram:*:*:role/*"]),
];

const OF_SESSION: Policy = &[allow(&["kms:De*", "kms:GenerateDataKey"], &["acs:kms:*:*:key/*"])];

/// The policy of one key of each subject.
pub(super) const OF_KEY: ResourcePolicy = &[
    (
        "user/keyed",
        allow(
            &["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey", "kms:TagResource"],
            ANY,
        ),
    ),
    ("role/worker", allow(&["kms:GenerateDataKey", "kms:GetKeyPolicy"], ANY)),
    ("user/fenced", deny(&["kms:*"], ANY)),
];

/// The policy of one secret of each subject.
pub(super) const OF_SECRET: ResourcePolicy =
    &[("user/keyed", allow(&["kms:GetSecretValue", "kms:DescribeSecret"], ANY))];
