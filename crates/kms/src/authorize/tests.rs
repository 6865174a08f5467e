//! Every action checks the permission for each of its resources before it reveals anything about one: for every action of the
//! table, with resources that exist in any state, that do not exist, and whose names are invalid.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, Weak};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bulla_keys::KeyId;
use bulla_wire::kms::{BatchGetSecretValue, CreateSecret, UpdateAlias};
use bulla_wire::{Action, Error, ErrorCode, Parameters, Product, Reply, Request};
use serde_json::Value;

use super::inquiry::Question;
use super::*;
use crate::origin::{Caller, Origin};
use crate::stale_snapshot::StaleSnapshot;
use crate::{Kms, Options, Role, SystemClock, actions};

mod backups;
mod bindings;
mod limits;
mod matrix;
mod oracle;
mod people;
mod policies;
mod queries;
mod races;
mod ram;
mod ram_in_force;
mod ram_oracle;
mod ram_policies;
mod ram_subjects;
mod subjects;
mod suppose;

use self::subjects::{SUBJECTS, Subject};

/// An engine whose authorizer records its questions, and denies one of them.
struct Bench {
    _data: tempfile::TempDir,
    kms: Arc<Kms>,
    recorded: Arc<Mutex<RecordedQueries>>,
}

#[derive(Default)]
struct RecordedQueries {
    queries: Vec<String>,
    denied: Option<String>,
}

impl Bench {
    fn new() -> Self {
        let recorded = Arc::new(Mutex::new(RecordedQueries::default()));
        let recording = Arc::clone(&recorded);
        let (data, kms) = open(move |query| {
            let mut recording = recording.lock().unwrap();
            let query = describe(query);
            let is_denied = recording.denied.as_ref() == Some(&query);
            if !recording.queries.contains(&query) {
                recording.queries.push(query);
            }
            !is_denied
        });
        Self { _data: data, kms: kms.into(), recorded }
    }

    /// A bench with another authorizer, which records nothing.
    fn with(authorizer: Authorizer) -> Self {
        let (data, mut kms) = open(|_| true);
        kms.authorizer = authorizer;
        Self { _data: data, kms: kms.into(), recorded: Arc::default() }
    }

    fn call(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Reply, Error> {
        pollster::block_on(self.kms.call(request(action, parameters), &self.kms.owner()))
    }

    /// Returns the reply, the questions to the authorizer, and the recorded checks.
    fn ask(
        &self,
        case: &Case,
        denied: Option<&str>,
        dry_run: bool,
    ) -> (Result<Reply, Error>, Vec<String>, Vec<Question>) {
        let mut parameters: Vec<_> = case.parameters.iter().map(|(name, value)| (*name, &**value)).collect();
        if dry_run {
            parameters.push(("DryRun", "true"));
        }
        *self.recorded.lock().unwrap() =
            RecordedQueries { queries: vec![], denied: denied.map(str::to_owned) };
        let origin = self.kms.owner();
        let inquiry = Inquiry::new(&self.kms, &origin, Requested::default());
        let request = request_to(case.product, case.action, &parameters);
        let answer = pollster::block_on(actions::answer(&self.kms, &request, &inquiry));
        assert!(!StaleSnapshot::is_outcome(&answer), "nothing else changes the store");
        let RecordedQueries { queries, .. } = std::mem::take(&mut *self.recorded.lock().unwrap());
        (answer, queries, inquiry.questions())
    }

    /// Returns a field of the JSON of a reply.
    fn field(&self, action: &str, parameters: &[(&str, &str)], path: &str) -> String {
        let answer = self.call(action, parameters).unwrap_or_else(|error| panic!("{action}: {error}"));
        let value = serde_json::to_value(answer).unwrap();
        value.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("{path} of {value}")).to_owned()
    }
}

fn open(allows: impl Fn(&Query<'_>) -> bool + Send + Sync + 'static) -> (tempfile::TempDir, Kms) {
    let data = tempfile::tempdir().unwrap();
    let mut kms = Kms::open(&Options::new(data.path(), Role::Command), SystemClock).unwrap();
    kms.authorizer = Authorizer::Test(Arc::new(allows));
    (data, kms)
}

fn describe(query: &Query<'_>) -> String {
    format!("{} {}", query.permission.name, query.resource)
}

fn request(action: &str, parameters: &[(&str, &str)]) -> Request {
    request_to(Product::Kms, action, parameters)
}

fn request_to(product: Product, action: &str, parameters: &[(&str, &str)]) -> Request {
    let pairs = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let parameters = Parameters::from_pairs(pairs).unwrap();
    Request::parse(product, action, &parameters).unwrap_or_else(|error| panic!("{action}: {error}"))
}

/// A request, and the questions that it leads to if all are allowed.
#[derive(Clone)]
struct Case {
    product: Product,
    action: &'static str,
    parameters: Vec<(&'static str, String)>,
    queries: Vec<String>,
}

/// Actions that every caller with a valid signature may use.
const FOR_EVERY_CALLER: [&str; 3] = ["DescribeRegions", "DescribeAccountKmsStatus", "OpenKmsService"];

/// Returns a case for each action, about one subject.
fn cases(s: &Subject, public_key: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut case = |action: &'static str, parameters: &[(&'static str, &str)], queries: &[String]| {
        let parameters = parameters.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        cases.push(Case { product: Product::Kms, action, parameters, queries: queries.to_vec() });
    };
    let on = |action: &str, resource: &str| format!("{action} {resource}");
    let also = |action: &str, resource: &Option<String>| resource.as_ref().map(|it| on(action, it));
    let both = |first: String, then: Option<String>| [first].into_iter().chain(then).collect::<Vec<_>>();

    case("CreateKey", &[], &[on("CreateKey", "key")]);
    case("ListKeys", &[], &[on("ListKeys", "key")]);
    case("ListAliases", &[], &[on("ListAliases", "alias")]);
    case("ListSecrets", &[], &[on("ListSecrets", "secret")]);
    case("GetRandomPassword", &[], &[on("GetRandomPassword", "*")]);
    case("GetKeyDefaultPolicy", &[], &[on("GetKeyDefaultPolicy", "*")]);
    for action in FOR_EVERY_CALLER {
        case(action, &[], &[]);
    }

    let key = ("KeyId", &*s.name);
    let version = ("KeyVersionId", &*s.version);
    let digest = BASE64_STANDARD.encode([7; 32]);
    let policy = r#"{"Version":"1","Statement":[{"Effect":"Allow","Principal":{"RAM":"acs:ram::111122223333:root"},"Action":"kms:*","Resource":"*"}]}"#;
    case("DescribeKeyUses", &[key], &[on("DescribeKey", &s.name_resource)]);
    let backups = [on("DescribeKey", &s.name_resource), on("DescribeBackups", "*")];
    case("DescribeKeyBackups", &[key], &backups);
    let by_name: [(_, &[_]); 15] = [
        ("DescribeKey", &[key]),
        ("GetKeyPolicy", &[key]),
        ("SetKeyPolicy", &[key, ("Policy", policy)]),
        ("CreateKeyVersion", &[key]),
        ("DescribeKeyVersion", &[key, version]),
        ("ListKeyVersions", &[key]),
        ("Encrypt", &[key, ("Plaintext", "eA==")]),
        ("GenerateDataKey", &[key]),
        ("GenerateDataKeyWithoutPlaintext", &[key]),
        ("GetPublicKey", &[key, version]),
        ("AsymmetricEncrypt", &[key, version, ("Algorithm", "SM2PKE"), ("Plaintext", "eA==")]),
        ("AsymmetricDecrypt", &[key, version, ("Algorithm", "SM2PKE"), ("CiphertextBlob", "eA==")]),
        ("AsymmetricSign", &[key, version, ("Algorithm", "SM2DSA"), ("Digest", &digest)]),
        (
            "AsymmetricVerify",
            &[key, version, ("Algorithm", "SM2DSA"), ("Digest", &digest), ("Value", "eA==")],
        ),
        ("GenerateMac", &[key, ("Message", "eA=="), ("Algorithm", "HMAC_SHA_256")]),
    ];
    for (action, parameters) in by_name {
        case(action, parameters, &[on(action, &s.name_resource)]);
    }
    let mac = [key, ("Message", "eA=="), ("Algorithm", "HMAC_SHA_256"), ("Mac", "eA==")];
    case("VerifyMac", &mac, &[on("VerifyMac", &s.name_resource)]);
    let wrapping =
        [("PublicKeyBlob", public_key), ("WrappingAlgorithm", "SM2PKE"), ("WrappingKeySpec", "EC_SM2"), key];
    let export = [wrapping[0], wrapping[1], wrapping[2], ("CiphertextBlob", &s.blob)];
    case("GenerateAndExportDataKey", &wrapping, &[on("GenerateAndExportDataKey", &s.name_resource)]);
    case("ExportDataKey", &export, &[on("ExportDataKey", &s.blob_resource)]);
    case("Decrypt", &[("CiphertextBlob", &s.blob)], &[on("Decrypt", &s.blob_resource)]);
    let to = on("ReEncryptTo", &s.name_resource);
    case(
        "ReEncrypt",
        &[("CiphertextBlob", &s.blob), ("DestinationKeyId", &s.name)],
        &[on("ReEncryptFrom", &s.blob_resource), to.clone()],
    );
    case(
        "ReEncrypt",
        &[
            ("CiphertextBlob", "eA=="),
            ("DestinationKeyId", &s.name),
            ("SourceKeyId", &s.other_name),
            ("SourceKeyVersionId", &s.version),
            ("SourceEncryptionAlgorithm", "SM2PKE"),
        ],
        &[on("ReEncryptFrom", &s.other_resource), to],
    );

    let key = ("KeyId", &*s.id);
    let by_id: [(_, &[_]); 14] = [
        ("EnableKey", &[key]),
        ("DisableKey", &[key]),
        ("UpdateKeyDescription", &[key, ("Description", "other")]),
        ("ScheduleKeyDeletion", &[key]),
        ("CancelKeyDeletion", &[key]),
        ("SetDeletionProtection", &[key, ("EnableDeletionProtection", "false")]),
        ("UpdateRotationPolicy", &[key, ("EnableAutomaticRotation", "false")]),
        ("GetParametersForImport", &[key, ("WrappingKeySpec", "EC_SM2"), ("WrappingAlgorithm", "SM2PKE")]),
        ("ImportKeyMaterial", &[key, ("EncryptedKeyMaterial", "eA=="), ("ImportToken", "eA==")]),
        ("DeleteKeyMaterial", &[key]),
        ("ListAliasesByKeyId", &[key]),
        ("ListResourceTags", &[key]),
        ("TagResource", &[key, ("Tags", r#"[{"TagKey":"a","TagValue":"b"}]"#)]),
        ("UntagResource", &[key, ("TagKeys", r#"["a"]"#)]),
    ];
    for (action, parameters) in by_id {
        case(action, parameters, &[on(action, &s.id_resource)]);
    }
    let protected = [("ProtectedResourceArn", &*s.arn), ("EnableDeletionProtection", "false")];
    case("SetDeletionProtection", &protected, &[on("SetDeletionProtection", &s.arn_resource)]);
    for (kind, one, other, resources) in [
        ("key", &s.id, &s.other_id, [&s.id_resource, &s.other_resource]),
        ("secret", &s.secret_name, &s.other_secret, [&s.secret_name_resource, &s.other_secret_resource]),
    ] {
        let many = [
            ("RegionId", "cn-hangzhou"),
            ("ResourceType", kind),
            ("ResourceId.1", one),
            ("ResourceId.2", other),
        ];
        let [region, kind_only, ..] = many;
        let more: [(_, &[_]); 3] = [
            ("TagResources", &[("Tag.1.Key", "a"), ("Tag.1.Value", "b")]),
            ("UntagResources", &[("TagKey.1", "a")]),
            ("ListTagResources", &[]),
        ];
        for (action, more) in more {
            case(action, &[&many[..], more].concat(), &resources.map(|resource| on(action, resource)));
        }
        case("ListTagResources", &[region, kind_only], &[on("ListTagResources", &format!("{kind}/*"))]);
    }

    let alias = ("AliasName", &*s.alias);
    let named = s.alias.as_str();
    case("CreateAlias", &[alias, key], &[on("CreateAlias", named), on("CreateAlias", &s.id_resource)]);
    let retargets = [on("UpdateAlias", &s.id_resource), on("UpdateAlias", named)];
    let left = also("UpdateAlias", &s.alias_key).filter(|left| !retargets.contains(left));
    case("UpdateAlias", &[alias, key], &retargets.into_iter().chain(left).collect::<Vec<_>>());
    let other = [alias, ("KeyId", &*s.other_id)];
    let retargets = [on("UpdateAlias", &s.other_resource), on("UpdateAlias", named)];
    let left = also("UpdateAlias", &s.alias_key);
    case("UpdateAlias", &other, &retargets.into_iter().chain(left).collect::<Vec<_>>());
    case("DeleteAlias", &[alias], &both(on("DeleteAlias", named), also("DeleteAlias", &s.alias_key)));

    let secret = ("SecretName", &*s.secret);
    let by_secret: [(_, &[_]); 10] = [
        ("DescribeSecret", &[secret]),
        ("GetSecretPolicy", &[secret]),
        ("SetSecretPolicy", &[secret, ("Policy", policy)]),
        ("UpdateSecret", &[secret, ("Description", "other")]),
        ("DeleteSecret", &[secret]),
        ("DeleteSecret", &[secret, ("ForceDeleteWithoutRecovery", "true")]),
        ("RestoreSecret", &[secret]),
        ("UpdateSecretRotationPolicy", &[secret, ("EnableAutomaticRotation", "false")]),
        ("RotateSecret", &[secret, ("VersionId", "9")]),
        ("ListSecretVersionIds", &[secret]),
    ];
    for (action, parameters) in by_secret {
        case(action, parameters, &[on(action, &s.secret_resource)]);
    }
    let stage = [secret, ("VersionStage", "mine"), ("MoveToVersion", "1")];
    case("UpdateSecretVersionStage", &stage, &[on("UpdateSecretVersionStage", &s.secret_resource)]);
    let read = both(on("GetSecretValue", &s.secret_resource), also("Decrypt", &s.secret_key));
    case("GetSecretValue", &[secret], &read);
    let list = format!(r#"[{{"SecretName":{:?}}}]"#, s.secret);
    case("BatchGetSecretValue", &[("SecretsList", &list)], &read);
    let put = [secret, ("VersionId", "1"), ("SecretData", "other")];
    let write = both(on("PutSecretValue", &s.secret_resource), also("GenerateDataKey", &s.secret_key));
    case("PutSecretValue", &put, &write);
    let name = ("SecretName", "taken");
    let create = [name, ("VersionId", "1"), ("SecretData", "x"), ("EncryptionKeyId", &s.name)];
    let sealed_by = on("GenerateDataKey", &s.name_resource);
    case("CreateSecret", &create[..3], &[on("CreateSecret", "secret")]);
    case("CreateSecret", &create, &[on("CreateSecret", "secret"), sealed_by.clone()]);
    let free = format!("new-{}", KeyId::random(&bulla_keys::SystemRandom));
    let create = [("SecretName", &*free), create[1], create[2], create[3]];
    case("CreateSecret", &create, &[on("CreateSecret", "secret"), sealed_by]);
    cases
}

/// Whether a request was denied, with a message that contains only names from the request.
fn is_denied(case: &Case, answer: Result<Reply, Error>) -> bool {
    let is_denial = |code: &str, status, message: &str| {
        let denied = case.product.denied("", "");
        let names = match case.product {
            Product::Ram => ram::names_what_was_written,
            _ => names_what_was_written,
        };
        (code, status) == (&*denied.code_text(), denied.status()) && names(case, message)
    };
    match answer {
        Err(error) => is_denial(&error.code_text(), error.status(), &error.message()),
        Ok(reply) if case.action == BatchGetSecretValue::NAME => {
            let reply = BatchGetSecretValue::reply(reply).unwrap();
            let [error] = &*reply.errors else { return false };
            reply.secret_values.is_empty() && is_denial(&error.code, error.http_status, &error.message)
        }
        Ok(_) => false,
    }
}

/// Whether the message of a denial names no resource, a container, or a resource from the request.
fn names_what_was_written(case: &Case, message: &str) -> bool {
    let named = message.strip_prefix("This operation").unwrap();
    let named = named.strip_suffix(" is forbidden by permission system.").unwrap();
    let Some(named) = named.strip_prefix(" for ") else { return named.is_empty() };
    let has_written = |text: &str| case.parameters.iter().any(|(_, value)| value == text);
    let in_list = |name: &str| has_written(&format!(r#"[{{"SecretName":{name:?}}}]"#));
    let Some(local) = named.strip_prefix(subjects::ARN).filter(|_| !has_written(named) && !in_list(named))
    else {
        return has_written(named) || in_list(named);
    };
    let name = local.strip_prefix("key/").or_else(|| local.strip_prefix("secret/"));
    ["key", "alias", "secret", "key/*", "secret/*"].contains(&local)
        || has_written(local)
        || name.is_some_and(|name| has_written(name) || in_list(name))
}

/// Without and, where it exists, with DryRun.
fn modes(case: &Case) -> &'static [bool] {
    let has_dry_run = case.product.parameters(case.action).unwrap().contains(&"DryRun");
    if has_dry_run { &[false, true] } else { &[false] }
}

/// Checks that the audit line names what a request was allowed to do to which resource, and what it was denied.
fn assert_noted(noted: &[Question], queries: &[String], denied: Option<&String>, label: &str) {
    let noted: Vec<_> = noted
        .iter()
        .map(|question| (format!("{} {}", question.permission.name, question.resource), question.is_allowed))
        .collect();
    let expected: Vec<_> = queries.iter().map(|query| (query.clone(), Some(query) != denied)).collect();
    assert_eq!(noted, expected, "{label}");
}

/// Denies each resource alone, with and without DryRun: the error is always the same, there are no further questions, and
/// nothing is written.
fn check_denials(bench: &Bench, case: &Case, label: &str) {
    let before = bench.kms.state.published().clone();
    for dry_run in modes(case) {
        for (number, denied) in case.queries.iter().enumerate() {
            let (answer, queries, noted) = bench.ask(case, Some(denied), *dry_run);
            assert_eq!(queries, case.queries[..=number], "{label}");
            assert_noted(&noted, &queries, Some(denied), label);
            let text = format!("{answer:?}");
            assert!(is_denied(case, answer), "{label}, without {denied}: {text}");
        }
    }
    assert!(Arc::ptr_eq(&before, &bench.kms.state.published()), "{label}: something was written");
}

/// Checks that an allowed request asks exactly the expected questions. Returns whether it changed anything.
fn check_questions(bench: &Bench, case: &Case, label: &str) -> bool {
    let before = bench.kms.state.published().clone();
    for dry_run in modes(case).iter().rev() {
        let (answer, queries, noted) = bench.ask(case, None, *dry_run);
        assert_eq!(queries, case.queries, "{label}");
        assert_noted(&noted, &queries, None, label);
        let is_dry_run = answer.as_ref().is_err_and(|error| {
            matches!(error.code(), ErrorCode::DryRunOperation | ErrorCode::DryRunValidation)
        });
        assert_eq!(is_dry_run, *dry_run, "{label}: {answer:?}");
        assert!(!is_denied(case, answer), "{label}");
    }
    !Arc::ptr_eq(&before, &bench.kms.state.published())
}

#[test]
fn each_resource_is_checked_before_anything_is_revealed() {
    let bench = Bench::new();
    let public_key = subjects::public_key(&bench);
    let mut seen = BTreeSet::new();
    for new in SUBJECTS {
        let mut subject = new(&bench);
        for number in 0..cases(&subject, &public_key).len() {
            let case = cases(&subject, &public_key).swap_remove(number);
            let label = format!("{} of {}: {:?}", case.action, subject.label, case.parameters);
            assert_eq!(case.queries.is_empty(), FOR_EVERY_CALLER.contains(&case.action), "{label}");
            check_denials(&bench, &case, &label);
            if check_questions(&bench, &case, &label) {
                subject = new(&bench);
            }
            seen.insert(case.action);
        }
    }
    let table: BTreeSet<_> = Product::Kms.actions().iter().copied().collect();
    assert_eq!(seen, table, "each action of the table has its case");
}

/// Otherwise a denied caller could make the server encrypt under any public key.
#[test]
fn a_data_key_is_wrapped_only_after_the_permission_on_the_key_was_checked() {
    let bench = Bench::new();
    let key_id = bench.field("CreateKey", &[("Origin", "EXTERNAL")], "/KeyMetadata/KeyId");
    let algorithm = ("WrappingAlgorithm", "RSAES_OAEP_SHA_256");
    let spec = ("WrappingKeySpec", "RSA_2048");
    let parameters = [("KeyId", &*key_id), algorithm, spec];
    let public_key = bench.field("GetParametersForImport", &parameters, "/PublicKey");
    let too_long = ("NumberOfBytes", "191"); // which wrapping refuses
    let parameters = [("PublicKeyBlob", &*public_key), algorithm, spec, ("KeyId", &*key_id), too_long];
    let parameters = parameters.map(|(name, value)| (name, value.to_owned())).into();
    let action = "GenerateAndExportDataKey";
    let case = Case { product: Product::Kms, action, parameters, queries: vec![] };
    let (answer, queries, _) = bench.ask(&case, None, false);
    assert_eq!(answer.unwrap_err().code(), ErrorCode::InvalidParameter);
    assert_eq!(queries.len(), 1, "{queries:?}");
    let (answer, ..) = bench.ask(&case, Some(&queries[0]), false);
    assert!(is_denied(&case, answer));
}

#[test]
fn the_authorizer_gets_the_caller_the_time_the_connection_and_the_context() {
    type Received = (String, Caller, Arc<str>, i64, Option<String>);
    let received: Arc<Mutex<Vec<Received>>> = Arc::default();
    let recorder = Arc::clone(&received);
    let (_data, kms) = open(move |query| {
        recorder.lock().unwrap().push((
            describe(query),
            query.caller.clone(),
            query.connection.request_id.clone(),
            query.time,
            query.facts.encryption_context.map(|context| format!("{:?}", context.0)),
        ));
        true
    });
    let origin = kms.owner();
    let ask = |action: &str, parameters: &[(&str, &str)]| {
        received.lock().unwrap().clear();
        let before = kms.now();
        let answer = pollster::block_on(kms.call(request(action, parameters), &origin)).unwrap();
        let received = std::mem::take(&mut *received.lock().unwrap());
        for (_, caller, request_id, time, _) in &received {
            assert_eq!((caller, request_id), (origin.caller(), &origin.connection().request_id));
            assert!((before..=kms.now()).contains(time));
        }
        let contexts: Vec<_> = received.into_iter().map(|(query, .., context)| (query, context)).collect();
        (serde_json::to_value(answer).unwrap(), contexts)
    };
    let (created, _) = ask("CreateKey", &[]);
    let id = created.pointer("/KeyMetadata/KeyId").and_then(Value::as_str).unwrap();
    let one = Some(r#"{"a": "b"}"#.to_owned());
    let other = Some(r#"{"c": "d"}"#.to_owned());
    let query = |action: &str, context: &Option<String>| (format!("{action} key/{id}"), context.clone());
    let context = ("EncryptionContext", r#"{"a":"b"}"#);
    let (sealed, recorded) = ask("Encrypt", &[("KeyId", id), ("Plaintext", "eA=="), context]);
    assert_eq!(recorded, [query("Encrypt", &one)]);
    let blob = ("CiphertextBlob", sealed["CiphertextBlob"].as_str().unwrap());
    assert_eq!(ask("Decrypt", &[blob, context]).1, [query("Decrypt", &one)]);
    let parameters = [
        blob,
        ("DestinationKeyId", id),
        ("SourceEncryptionContext", r#"{"a":"b"}"#),
        ("DestinationEncryptionContext", r#"{"c":"d"}"#),
    ];
    let recorded = [query("ReEncryptFrom", &one), query("ReEncryptTo", &other)];
    assert_eq!(ask("ReEncrypt", &parameters).1, recorded);
    assert_eq!(ask("DescribeKey", &[("KeyId", id)]).1, [query("DescribeKey", &None)]);
}

/// Policies are records, so the permission to create one is checked in the state that the change is decided on.
#[test]
fn the_permission_on_a_container_is_checked_again_in_the_state_of_the_change() {
    let create_secret = [("SecretName", "s"), ("VersionId", "1"), ("SecretData", "x")];
    for (action, parameters) in [("CreateKey", &[][..]), ("CreateSecret", &create_secret)] {
        let engine: Arc<OnceLock<(Weak<Kms>, String)>> = Arc::default();
        let closing = Arc::clone(&engine);
        let (_data, kms) = open(move |query| {
            let Some((kms, key)) = closing.get().filter(|_| query.permission.name == action) else {
                return true;
            };
            let is_open = query.snapshot.alias("alias/closed").is_none();
            if is_open {
                let kms = kms.upgrade().unwrap();
                let close = request("CreateAlias", &[("AliasName", "alias/closed"), ("KeyId", key)]);
                pollster::block_on(kms.call(close, &kms.owner())).unwrap();
            }
            is_open
        });
        let kms = Arc::new(kms);
        let call = |request: Request| pollster::block_on(kms.call(request, &kms.owner()));
        let created = serde_json::to_value(call(request("CreateKey", &[])).unwrap()).unwrap();
        let key = created.pointer("/KeyMetadata/KeyId").and_then(Value::as_str).unwrap();
        engine.set((Arc::downgrade(&kms), key.to_owned())).unwrap();
        let denied = call(request(action, parameters)).unwrap_err();
        assert_eq!(denied.code(), ErrorCode::ForbiddenNoPermission, "{action}");
        assert!(kms.state.published().alias("alias/closed").is_some(), "it was allowed at first");
    }
}

/// If an alias moves between two keys, the caller needs the permission for both: the second one is used.
#[test]
fn an_alias_that_moves_between_check_and_commit_is_checked_again() {
    let engine: Arc<OnceLock<(Weak<Kms>, [String; 2])>> = Arc::default();
    let moving = Arc::clone(&engine);
    let (_data, kms) = open(move |query| {
        let Some((kms, [one, other])) = moving.get() else { return true };
        match &*describe(query) {
            recorded if recorded == format!("GenerateDataKey key/{one}") => {
                let kms = kms.upgrade().unwrap();
                let moved = UpdateAlias { alias_name: "alias/a".into(), key_id: other.clone() };
                pollster::block_on(kms.call(moved.into(), &kms.owner())).unwrap();
                true
            }
            recorded => recorded != format!("GenerateDataKey key/{other}"),
        }
    });
    let kms = Arc::new(kms);
    let call = |request: Request| pollster::block_on(kms.call(request, &kms.owner()));
    let key = || {
        let created = serde_json::to_value(call(request("CreateKey", &[])).unwrap()).unwrap();
        created.pointer("/KeyMetadata/KeyId").and_then(Value::as_str).unwrap().to_owned()
    };
    let ids = [key(), key()];
    call(request("CreateAlias", &[("AliasName", "alias/a"), ("KeyId", &ids[0])])).unwrap();
    engine.set((Arc::downgrade(&kms), ids)).unwrap();
    let create = CreateSecret {
        secret_name: "s".into(),
        version_id: "1".into(),
        secret_data: String::from("x").into(),
        encryption_key_id: Some("alias/a".into()),
        ..CreateSecret::default()
    };
    assert_eq!(call(create.into()).unwrap_err().code(), ErrorCode::ForbiddenNoPermission);
    assert!(kms.state.published().secret(&"s".parse().unwrap()).is_none());
}
