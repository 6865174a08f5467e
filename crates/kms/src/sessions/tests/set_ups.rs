//! The set-ups of docs/access.md, with the policies as printed there: what each allows, and that no sequence of up to three
//! allowed actions reaches anything beyond.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bulla_wire::{Error, Product};
use serde_json::{Value, json};

use super::world::{ACCOUNT, Credentials, EVERYTHING, World, trusting};

type Parameters = Vec<(&'static str, String)>;

/// A request of the search: its label, and how to build it.
#[derive(Clone, Debug)]
struct Probe {
    label: String,
    product: Product,
    action: &'static str,
    parameters: Parameters,
}

/// An account with keys, secrets and blobs to reach.
struct Account {
    world: World,
    /// The key that the set-up concerns.
    own: String,
    other: String,
    /// Blobs of both keys, with the context that the set-ups require.
    blobs: [String; 2],
}

/// A plaintext that no caller without permission may get.
const OTHER_TEXT: &str = "b3RoZXIgdGV4dA==";
const OWN_TEXT: &str = "b3duIHRleHQ=";
const VALUE: &str = "the value of a secret";
const CONTEXT: &str = r#"{"purpose":"deploy","bulla:volume":"UUID"}"#;
const NEAR: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3));
const FAR: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 2, 2, 3));

/// Returns the document that docs/access.md shows after its name.
fn document(name: &str) -> String {
    let page = include_str!("../../../../../docs/access.md");
    let (_, after) = page.split_once(&format!("`{name}`")).unwrap();
    let (_, block) = after.split_once("```json\n").unwrap();
    block.split_once("```").unwrap().0.replace("ACCOUNT", ACCOUNT)
}

impl Account {
    fn new() -> Self {
        let world = World::new();
        world.set_source(NEAR);
        let root = world.root();
        let create = || {
            let made = world.kms(&root, "CreateKey", &[]).unwrap();
            made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
        };
        let own = create();
        let other = create();
        let encrypt = |key: &str, text| {
            let parameters = [("KeyId", key), ("Plaintext", text), ("EncryptionContext", CONTEXT)];
            let made = world.kms(&root, "Encrypt", &parameters).unwrap();
            made["CiphertextBlob"].as_str().unwrap().to_owned()
        };
        let blobs = [encrypt(&own, OWN_TEXT), encrypt(&other, OTHER_TEXT)];
        world.kms(&root, "CreateAlias", &[("AliasName", "alias/other"), ("KeyId", &other)]).unwrap();
        let secret = [("SecretName", "db"), ("VersionId", "1"), ("SecretData", VALUE)];
        world.kms(&root, "CreateSecret", &secret).unwrap();
        world.user("bob", EVERYTHING);
        Self { world, own, other, blobs }
    }

    fn policy(&self, name: &str) -> String {
        document(name).replace("KEY", &self.own)
    }

    fn send(&self, by: &Credentials, probe: &Probe) -> Result<Value, Error> {
        let parameters: Vec<_> = probe.parameters.iter().map(|(name, value)| (*name, &**value)).collect();
        match probe.product {
            Product::Kms => self.world.kms(by, probe.action, &parameters),
            Product::Ram => self.world.ram(by, probe.action, &parameters),
            Product::Sts => self.world.sts(by, probe.action, &parameters),
        }
    }

    /// Returns requests about all resources, including keys and blobs that earlier requests have created.
    fn probes(&self, me: &str, keys: &[String], blobs: &[String]) -> Vec<Probe> {
        let mut probes = Vec::new();
        let mut add = |product, action, label: &str, parameters: &[(&'static str, &str)]| {
            let parameters = parameters.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            probes.push(Probe { label: format!("{action} {label}"), product, action, parameters });
        };
        let mine =
            json!({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*",
            "Principal": {"RAM": format!("acs:ram::{ACCOUNT}:user/{me}")}}]})
            .to_string();
        let kms = Product::Kms;
        add(kms, "CreateKey", "", &[]);
        add(kms, "CreateKey", "for me", &[("Policy", &mine)]);
        add(kms, "CreateKey", "of my material", &[("Origin", "EXTERNAL")]);
        add(kms, "ListKeys", "", &[]);
        add(kms, "ListAliases", "", &[]);
        add(kms, "ListSecrets", "", &[]);
        for action in ["DescribeSecret", "GetSecretValue", "GetSecretPolicy", "ListSecretVersionIds"] {
            add(kms, action, "db", &[("SecretName", "db")]);
        }
        add(kms, "SetSecretPolicy", "db", &[("SecretName", "db"), ("Policy", &mine)]);
        add(kms, "UpdateAlias", "to own", &[("AliasName", "alias/other"), ("KeyId", &self.own)]);
        add(kms, "DeleteAlias", "other", &[("AliasName", "alias/other")]);
        let named = [("own", &self.own), ("other", &self.other)];
        let made =
            keys.iter().enumerate().map(|(number, key)| (["first new", "second new"][number.min(1)], key));
        for (label, key) in named.into_iter().chain(made) {
            let context = ("EncryptionContext", CONTEXT);
            for action in [
                "DescribeKey",
                "EnableKey",
                "DisableKey",
                "CancelKeyDeletion",
                "CreateKeyVersion",
                "ListKeyVersions",
                "GetKeyPolicy",
                "ListAliasesByKeyId",
            ] {
                add(kms, action, label, &[("KeyId", key)]);
            }
            add(kms, "Encrypt", label, &[("KeyId", key), ("Plaintext", "eA=="), context]);
            add(kms, "GenerateDataKey", label, &[("KeyId", key), context]);
            add(kms, "GenerateDataKeyWithoutPlaintext", label, &[("KeyId", key), context]);
            add(kms, "SetKeyPolicy", label, &[("KeyId", key), ("Policy", &mine)]);
            add(kms, "ScheduleKeyDeletion", label, &[("KeyId", key), ("PendingWindowInDays", "7")]);
            add(kms, "CreateAlias", label, &[("AliasName", "alias/new"), ("KeyId", key)]);
            add(kms, "TagResource", label, &[("KeyId", key), ("Tags", r#"[{"TagKey":"a","TagValue":"b"}]"#)]);
            let import = [("WrappingAlgorithm", "RSAES_OAEP_SHA_256"), ("WrappingKeySpec", "RSA_2048")];
            add(kms, "GetParametersForImport", label, &[&[("KeyId", &**key)][..], &import].concat());
        }
        for (number, blob) in self.blobs.iter().chain(blobs).enumerate() {
            let label = ["of own", "of other"].get(number).copied().unwrap_or("that was made");
            add(kms, "Decrypt", label, &[("CiphertextBlob", blob), ("EncryptionContext", CONTEXT)]);
            let to = [("DestinationKeyId", &*self.own), ("DestinationEncryptionContext", CONTEXT)];
            let from = [("CiphertextBlob", &**blob), ("SourceEncryptionContext", CONTEXT)];
            add(kms, "ReEncrypt", label, &[from, to].concat());
        }
        let ram = Product::Ram;
        let administrator = [("PolicyType", "System"), ("PolicyName", "AdministratorAccess")];
        add(ram, "AttachPolicyToUser", "me", &[&administrator[..], &[("UserName", me)]].concat());
        add(ram, "CreateAccessKey", "", &[]);
        add(ram, "CreateAccessKey", "bob", &[("UserName", "bob")]);
        add(ram, "CreateLoginProfile", "bob", &[("UserName", "bob"), ("Password", "Open-sesame-42")]);
        add(ram, "GetUser", "bob", &[("UserName", "bob")]);
        add(ram, "ListUsers", "", &[]);
        add(ram, "CreateUser", "new", &[("UserName", "new")]);
        add(ram, "DetachPolicyFromUser", "bob", &[&administrator[..], &[("UserName", "bob")]].concat());
        probes
    }
}

/// What a set-up allows; everything else must be denied, after any sequence of requests.
struct SetUp {
    caller: fn(&Account) -> Credentials,
    name: &'static str,
    /// The labels of requests that succeed.
    may: &'static [&'static str],
    /// Whether replies may contain plaintexts of its own key.
    opens_own: bool,
}

impl SetUp {
    /// Runs all sequences of up to three allowed requests, and checks each reply.
    fn search(&self) {
        let account = Account::new();
        let caller = (self.caller)(&account);
        let (allowed, changing) = self.outcomes(&account, &caller, &[], &[]);
        let expected: BTreeSet<_> = self.may.iter().map(|label| (*label).to_owned()).collect();
        assert_eq!(allowed, expected, "{}", self.name);
        for first in &changing {
            let seconds = self.after(std::slice::from_ref(first));
            for second in seconds {
                self.after(&[first.clone(), second]);
            }
        }
    }

    /// Sends some requests, by their labels, to a new account, then every request. Returns those that change something.
    fn after(&self, labels: &[String]) -> Vec<String> {
        let account = Account::new();
        let caller = (self.caller)(&account);
        let mut keys = Vec::new();
        let mut blobs = Vec::new();
        for label in labels {
            let probes = account.probes(self.name, &keys, &blobs);
            let probe = probes.into_iter().find(|probe| probe.label == *label).unwrap();
            let answer = account.send(&caller, &probe).unwrap_or_default();
            keys.extend(
                answer["KeyMetadata"]["KeyId"]
                    .as_str()
                    .map(str::to_owned)
                    .filter(|_| probe.action == "CreateKey"),
            );
            blobs.extend(answer["CiphertextBlob"].as_str().map(str::to_owned));
        }
        self.outcomes(&account, &caller, &keys, &blobs).1
    }

    /// Returns which requests are not denied, and which of them change something.
    fn outcomes(
        &self,
        account: &Account,
        caller: &Credentials,
        keys: &[String],
        blobs: &[String],
    ) -> (BTreeSet<String>, Vec<String>) {
        let mut allowed = BTreeSet::new();
        let mut changing = Vec::new();
        for probe in account.probes(self.name, keys, blobs) {
            let before = account.world.kms_ref().state.published().clone();
            let answer = account.send(caller, &probe);
            let answer_text = answer.as_ref().map_or_else(ToString::to_string, ToString::to_string);
            let context = format!("{}: {} after {keys:?}: {answer_text}", self.name, probe.label);
            assert!(!answer_text.contains(OTHER_TEXT) && !answer_text.contains(VALUE), "{context}");
            assert!(self.opens_own || !answer_text.contains(OWN_TEXT), "{context}");
            let is_denied = answer.is_err_and(|error| error.code_text().ends_with("NoPermission"));
            let is_new = probe.label.contains(" new") || probe.label.ends_with("that was made");
            let is_known = self.may.contains(&&*probe.label) || is_new && self.may_to_new(&probe);
            assert!(is_denied || is_known, "beyond its rights: {context}");
            if !is_denied {
                let after = account.world.kms_ref().state.published().clone();
                if !Arc::ptr_eq(&before, &after) {
                    changing.push(probe.label.clone());
                }
                allowed.insert(probe.label);
            }
        }
        (allowed, changing)
    }

    /// Whether it may do to a new key what it may do to its own.
    fn may_to_new(&self, probe: &Probe) -> bool {
        [" own", " other", " of own"]
            .iter()
            .any(|label| self.may.contains(&&*format!("{}{label}", probe.action)))
    }
}

#[test]
fn an_application_uses_one_key_and_reaches_nothing_else() {
    let set_up = SetUp {
        caller: |account| account.world.user("app", &account.policy("app.json")),
        name: "app",
        may: &["DescribeKey own", "Encrypt own", "GenerateDataKey own", "Decrypt of own"],
        opens_own: true,
    };
    set_up.search();
}

#[test]
fn an_auditor_sees_everything_and_uses_and_changes_nothing() {
    let set_up = SetUp {
        caller: |account| {
            let auditor = account.world.user("auditor", "");
            let root = account.world.root();
            for name in ["AliyunKMSReadOnlyAccess", "AliyunRAMReadOnlyAccess"] {
                let policy = [("PolicyType", "System"), ("PolicyName", name), ("UserName", "auditor")];
                account.world.ram(&root, "AttachPolicyToUser", &policy).unwrap();
            }
            auditor
        },
        name: "auditor",
        may: &[
            "ListKeys ",
            "ListAliases ",
            "ListSecrets ",
            "DescribeSecret db",
            "GetSecretPolicy db",
            "ListSecretVersionIds db",
            "DescribeKey own",
            "DescribeKey other",
            "ListKeyVersions own",
            "ListKeyVersions other",
            "GetKeyPolicy own",
            "GetKeyPolicy other",
            "ListAliasesByKeyId own",
            "ListAliasesByKeyId other",
            "GetUser bob",
            "ListUsers ",
        ],
        opens_own: false,
    };
    set_up.search();
}

#[test]
fn a_job_opens_what_was_encrypted_for_it() {
    let set_up = SetUp {
        caller: |account| {
            let starter = account.world.user("starter", EVERYTHING);
            account.world.role("ci", &trusting("user/starter", ""), &account.policy("ci.json"));
            account.world.assume(&starter, "ci").unwrap()
        },
        name: "ci",
        may: &["Decrypt of own"],
        opens_own: true,
    };
    set_up.search();

    let account = Account::new();
    let root = account.world.root();
    let trust = document("ci-trust.json");
    let role = [("RoleName", "ci"), ("AssumeRolePolicyDocument", &*trust)];
    account.world.ram(&root, "CreateRole", &role).expect("the trust policy is in order");
    let starter = account.world.user("starter", EVERYTHING);
    assert_eq!(account.world.assume(&starter, "ci").unwrap_err(), "NoPermission", "tokens only");
    account.world.role("job", &trusting("user/starter", ""), &account.policy("ci.json"));
    let job = account.world.assume(&starter, "job").unwrap();
    let text = [("KeyId", &*account.own), ("Plaintext", OWN_TEXT)];
    let blob =
        account.world.kms(&root, "Encrypt", &text).unwrap()["CiphertextBlob"].as_str().unwrap().to_owned();
    let code = account.world.kms_code(&job, "Decrypt", &[("CiphertextBlob", &blob)]);
    assert_eq!(code, "Forbidden.NoPermission", "without the context");
}

#[test]
fn key_administrators_cannot_decrypt_by_any_way() {
    let set_up = SetUp {
        caller: |account| account.world.user("admin", &account.policy("key-admins.json")),
        name: "admin",
        may: &[
            "CreateKey ",
            "CreateKey for me",
            "CreateKey of my material",
            "ListKeys ",
            "ListAliases ",
            "ListSecrets ",
            "DescribeSecret db",
            "ListSecretVersionIds db",
            "DescribeKey own",
            "DescribeKey other",
            "EnableKey own",
            "EnableKey other",
            "DisableKey own",
            "DisableKey other",
            "CancelKeyDeletion own",
            "CancelKeyDeletion other",
            "CreateKeyVersion own",
            "CreateKeyVersion other",
            "ListKeyVersions own",
            "ListKeyVersions other",
            "ListAliasesByKeyId own",
            "ListAliasesByKeyId other",
            "ScheduleKeyDeletion own",
            "ScheduleKeyDeletion other",
        ],
        opens_own: false,
    };
    set_up.search();
}

#[test]
fn a_machine_opens_its_disk_from_its_network() {
    let set_up = SetUp {
        caller: |account| account.world.user("web1", &account.policy("disk.json")),
        name: "web1",
        may: &["Decrypt of own"],
        opens_own: true,
    };
    set_up.search();

    let account = Account::new();
    let machine = (set_up.caller)(&account);
    let wrapped = |context: &str| {
        let fields = [("KeyId", &*account.own), ("Plaintext", "AAAA"), ("EncryptionContext", context)];
        let reply = account.world.kms(&account.world.root(), "Encrypt", &fields).unwrap();
        reply["CiphertextBlob"].as_str().unwrap().to_owned()
    };
    let [own, other] = [CONTEXT, r#"{"bulla:volume":"other"}"#].map(|context| (wrapped(context), context));
    let code = |(blob, context): &(String, &str)| {
        let fields = [("CiphertextBlob", &**blob), ("EncryptionContext", *context)];
        account.world.kms_code(&machine, "Decrypt", &fields)
    };
    assert_eq!(code(&other), "Forbidden.NoPermission");
    let parameters = [("CiphertextBlob", &*own.0), ("EncryptionContext", own.1)];
    assert!(account.world.kms(&machine, "Decrypt", &parameters).is_ok());
    account.world.set_source(FAR);
    assert_eq!(code(&own), "Forbidden.NoPermission");
}
