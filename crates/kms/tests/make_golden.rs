//! Makes the golden store of a new version of the store, once: `testdata/golden/README.md`.
//!
//!     cargo test -p bulla-kms --test make_golden -- --ignored
//!
//! Raise `VERSION` with `StoreHeader::VERSION`, add the new records or fields to `fill`, and add the store to `golden.rs`. An
//! existing store is never replaced.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::fs;
use std::path::Path;

use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bulla_kms::{Kms, Options, Role};
use serde_json::{Map, Value, json};
use support::{Bench, base64, text};

const VERSION: u32 = 6;

type Parameters<'a> = &'a [(&'a str, &'a str)];

/// A store in progress, and the requests that later versions must answer in the same way.
struct Maker {
    bench: Bench,
    steps: Vec<Value>,
}

#[test]
#[ignore = "makes testdata/golden/store-vN, once"]
fn make_a_golden_store() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden");
    let store = golden.join(format!("store-v{VERSION}"));
    assert!(!store.exists(), "{} is there; golden stores are never made again", store.display());

    let mut maker = Maker { bench: bench(), steps: vec![] };
    fill(&mut maker);
    let Maker { bench, steps } = maker;
    drop(bench.kms); // closes the store
    fs::create_dir(&store).unwrap();
    for file in ["store.redb", "root-key"] {
        fs::copy(bench.data.path().join(file), store.join(file)).unwrap();
    }
    let life = serde_json::to_string_pretty(&steps).unwrap() + "\n";
    fs::write(golden.join(format!("life-v{VERSION}.json")), life).unwrap();
}

/// A server with its own account and region.
fn bench() -> Bench {
    let Bench { clock, .. } = Bench::new();
    let data = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let (account, region) = (Some("4242".to_owned()), Some("cn-beijing".to_owned()));
    let options = Options { account, region, ..Options::new(data.path(), Role::Server) };
    let kms = Kms::open(&options, clock.clone()).unwrap();
    Bench { kms, clock, data }
}

/// At least one record of each table, with every field.
fn fill(maker: &mut Maker) {
    blobs(maker);
    pairs(maker);
    macs(maker);
    imported(maker);
    life(maker);
    secrets(maker);
    maker.keep("ListAliases", &[]);
    let kms = &maker.bench.kms;
    pollster::block_on(kms.ensure_access_key(None)).unwrap();
    pollster::block_on(kms.set_private("golden", b"private")).unwrap();
}

fn blobs(maker: &mut Maker) {
    for spec in ["Aliyun_AES_256", "Aliyun_SM4"] {
        let key = maker.key(&[("KeySpec", spec)]);
        maker.ask("CreateAlias", &[("KeyId", &key), ("AliasName", &format!("alias/{spec}"))]);
        maker.blob(&key);
        if spec == "Aliyun_AES_256" {
            maker.ask("CreateKeyVersion", &[("KeyId", &key)]);
            maker.blob(&key);
            maker.keep("ListKeyVersions", &[("KeyId", &key)]);
        }
        maker.keep("DescribeKey", &[("KeyId", &key)]);
    }
}

fn pairs(maker: &mut Maker) {
    let digest = base64([0xab; 32]);
    for (spec, algorithm) in [
        ("RSA_2048", "RSA_PSS_SHA_256"),
        ("RSA_3072", "RSA_PKCS1_SHA_256"),
        ("EC_P256", "ECDSA_SHA_256"),
        ("EC_P256K", "ECDSA_SHA_256"),
        ("EC_SM2", "SM2DSA"),
    ] {
        let (key, version) = maker.pair(spec, "SIGN/VERIFY");
        let signed =
            [("KeyId", &*key), ("KeyVersionId", &*version), ("Algorithm", algorithm), ("Digest", &*digest)];
        let value = text(&maker.ask("AsymmetricSign", &signed)["Value"]);
        maker.keep("AsymmetricVerify", &[&signed[..], &[("Value", &value)]].concat());
        maker.keep("GetPublicKey", &signed[..2]);
    }
    for (spec, algorithm) in [("RSA_2048", "RSAES_OAEP_SHA_256"), ("EC_SM2", "SM2PKE")] {
        let (key, version) = maker.pair(spec, "ENCRYPT/DECRYPT");
        let of_key = [("KeyId", &*key), ("KeyVersionId", &*version), ("Algorithm", algorithm)];
        let plaintext = base64("hello");
        let encrypt = [&of_key[..], &[("Plaintext", &*plaintext)]].concat();
        let blob = text(&maker.ask("AsymmetricEncrypt", &encrypt)["CiphertextBlob"]);
        maker.keep("AsymmetricDecrypt", &[&of_key[..], &[("CiphertextBlob", &blob)]].concat());
    }
}

fn macs(maker: &mut Maker) {
    for (spec, algorithm) in [
        ("HMAC_SHA256", "HMAC_SHA_256"),
        ("HMAC_SHA384", "HMAC_SHA_384"),
        ("HMAC_SHA512", "HMAC_SHA_512"),
        ("HMAC_SM3", "HMAC_SM3"),
    ] {
        let key = maker.key(&[("KeySpec", spec)]);
        let message = base64("hello");
        maker.keep("GenerateMac", &[("KeyId", &key), ("Message", &message), ("Algorithm", algorithm)]);
    }
}

/// A key with material that expires, and one that waits for its material, with a token.
fn imported(maker: &mut Maker) {
    let external = [("KeySpec", "Aliyun_AES_256"), ("Origin", "EXTERNAL")];
    let keys = [maker.key(&external), maker.key(&external)];
    for (key, is_imported) in keys.iter().zip([true, false]) {
        let wrapping =
            [("KeyId", &**key), ("WrappingKeySpec", "RSA_2048"), ("WrappingAlgorithm", "RSAES_OAEP_SHA_256")];
        let parameters = maker.ask("GetParametersForImport", &wrapping);
        if is_imported {
            let wrapped = wrap(&text(&parameters["PublicKey"]), &[7; 32]);
            let import = [
                ("KeyId", &**key),
                ("ImportToken", &*text(&parameters["ImportToken"])),
                ("EncryptedKeyMaterial", &*wrapped),
                ("KeyMaterialExpireUnix", "4102444800"),
            ];
            maker.ask("ImportKeyMaterial", &import);
            maker.blob(key);
        }
        maker.keep("DescribeKey", &[("KeyId", key)]);
    }
}

fn life(maker: &mut Maker) {
    let rotated = maker.key(&[
        ("Description", "档案"),
        ("EnableAutomaticRotation", "true"),
        ("RotationInterval", "730d"),
    ]);
    let tags = r#"[{"TagKey":"team","TagValue":"库"}]"#;
    maker.ask("TagResource", &[("KeyId", &rotated), ("Tags", tags)]);
    let protection = [
        ("ProtectedResourceArn", &*text(&maker.describe(&rotated)["Arn"])),
        ("EnableDeletionProtection", "true"),
        ("DeletionProtectionDescription", "the archive"),
    ];
    maker.ask("SetDeletionProtection", &protection);
    let disabled = maker.key(&[]);
    maker.ask("DisableKey", &[("KeyId", &disabled)]);
    let ending = maker.key(&[]);
    maker.ask("ScheduleKeyDeletion", &[("KeyId", &ending), ("PendingWindowInDays", "366")]);
    for key in [&rotated, &disabled, &ending] {
        maker.keep("DescribeKey", &[("KeyId", key)]);
    }
    maker.keep("ListResourceTags", &[("KeyId", &rotated)]);
}

fn secrets(maker: &mut Maker) {
    let key = maker.key(&[]);
    let first = [
        ("SecretName", "db/password"),
        ("VersionId", "v1"),
        ("SecretData", "old"),
        ("Description", "密码"),
        ("EncryptionKeyId", &*key),
        ("Tags", r#"[{"TagKey":"team","TagValue":"库"}]"#),
    ];
    maker.ask("CreateSecret", &first);
    let second = [
        ("SecretName", "db/password"),
        ("VersionId", "v2"),
        ("SecretData", "新"),
        ("SecretDataType", "binary"),
        ("VersionStages", r#"["ACSCurrent","kept"]"#),
    ];
    maker.ask("PutSecretValue", &second);
    maker.keep("GetSecretValue", &[("SecretName", "db/password")]);
    maker.keep("GetSecretValue", &[("SecretName", "db/password"), ("VersionStage", "ACSPrevious")]);
    maker.keep("GetSecretValue", &[("SecretName", "db/password"), ("VersionStage", "kept")]);
    maker.keep("DescribeSecret", &[("SecretName", "db/password"), ("FetchTags", "true")]);
    maker.ask("CreateSecret", &[("SecretName", "ending"), ("VersionId", "v1"), ("SecretData", "x")]);
    maker.ask("DeleteSecret", &[("SecretName", "ending"), ("RecoveryWindowInDays", "30")]);
    maker.keep("DescribeSecret", &[("SecretName", "ending")]);
}

impl Maker {
    fn ask(&self, action: &str, parameters: Parameters<'_>) -> Value {
        self.bench.ok(action, parameters)
    }

    /// Sends a request, and records that later versions must give the same reply.
    fn keep(&mut self, action: &str, parameters: Parameters<'_>) {
        let mut expected = self.ask(action, parameters);
        expected.as_object_mut().unwrap().remove("RequestId");
        let parameters: Map<_, _> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        self.steps.push(json!({ "action": action, "parameters": parameters, "expected": expected }));
    }

    fn key(&self, parameters: Parameters<'_>) -> String {
        self.bench.key_with(parameters)
    }

    fn describe(&self, key: &str) -> Value {
        self.bench.metadata(key)
    }

    /// Creates a key pair; returns the key and its version.
    fn pair(&self, spec: &str, usage: &str) -> (String, String) {
        let key = self.key(&[("KeySpec", spec), ("KeyUsage", usage)]);
        let versions = self.ask("ListKeyVersions", &[("KeyId", &key)]);
        let version = text(&versions["KeyVersions"]["KeyVersion"][0]["KeyVersionId"]);
        (key, version)
    }

    /// Creates a blob with the current version of a key, which every later version must open.
    fn blob(&mut self, key: &str) {
        let context = ("EncryptionContext", r#"{"file":"sales.csv"}"#);
        let encrypt = [("KeyId", key), ("Plaintext", &*base64("hello")), context];
        let blob = text(&self.ask("Encrypt", &encrypt)["CiphertextBlob"]);
        self.keep("Decrypt", &[("CiphertextBlob", &blob), context]);
    }
}

fn wrap(public_key: &str, material: &[u8]) -> String {
    let public = PublicEncryptingKey::from_der(&BASE64_STANDARD.decode(public_key).unwrap()).unwrap();
    let mut wrapped = vec![0; 256];
    let public = OaepPublicEncryptingKey::new(public).unwrap();
    public.encrypt(&OAEP_SHA256_MGF1SHA256, material, &mut wrapped, None).unwrap();
    base64(wrapped)
}
