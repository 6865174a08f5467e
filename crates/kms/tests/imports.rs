//! Imported material: wrapped for a token, expired, imported again.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, Pkcs1PublicEncryptingKey,
    PublicEncryptingKey,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bulla_kms::Role;
use serde_json::{Value, json};
use support::{Bench, DAY, base64, text};

/// 9999-12-30T22:00:00Z.
const LATEST: i64 = 253_402_207_200;

/// An importer, who has the material of a key.
struct Importer<'a> {
    bench: &'a Bench,
    key: String,
}

impl Importer<'_> {
    fn parameters(&self, algorithm: &str) -> Value {
        let spec = if algorithm == "SM2PKE" { "EC_SM2" } else { "RSA_2048" };
        let parameters =
            [("KeyId", self.key.as_str()), ("WrappingKeySpec", spec), ("WrappingAlgorithm", algorithm)];
        self.bench.ok("GetParametersForImport", &parameters)
    }

    fn bring(&self, token: &Value, wrapped: &[u8], expires: Option<i64>) -> Result<Value, String> {
        self.send(token, &base64(wrapped), expires.unwrap_or(0))
    }

    fn send(&self, token: &Value, wrapped: &str, expires: i64) -> Result<Value, String> {
        let token = text(&token["ImportToken"]);
        self.bench.send(
            "ImportKeyMaterial",
            &[
                ("KeyId", &self.key),
                ("ImportToken", &token),
                ("EncryptedKeyMaterial", wrapped),
                ("KeyMaterialExpireUnix", &expires.to_string()),
            ],
        )
    }

    fn import(&self, material: &[u8], expires: Option<i64>) -> Result<Value, String> {
        let parameters = self.parameters("RSAES_OAEP_SHA_256");
        self.bring(&parameters, &wrap("RSAES_OAEP_SHA_256", &parameters, material), expires)
    }
}

fn wrap(algorithm: &str, parameters: &Value, material: &[u8]) -> Vec<u8> {
    let der = BASE64_STANDARD.decode(text(&parameters["PublicKey"])).unwrap();
    let public = PublicEncryptingKey::from_der(&der).unwrap();
    let mut wrapped = vec![0; 256];
    let oaep = |algorithm, wrapped: &mut [u8]| {
        OaepPublicEncryptingKey::new(public.clone())
            .unwrap()
            .encrypt(algorithm, material, wrapped, None)
            .map(drop)
    };
    match algorithm {
        "RSAES_OAEP_SHA_256" => oaep(&OAEP_SHA256_MGF1SHA256, &mut wrapped),
        "RSAES_OAEP_SHA_1" => oaep(&OAEP_SHA1_MGF1SHA1, &mut wrapped),
        _ => Pkcs1PublicEncryptingKey::new(public).unwrap().encrypt(material, &mut wrapped).map(drop),
    }
    .unwrap();
    wrapped
}

#[test]
fn material_is_imported_ends_and_is_imported_again() {
    let bench = Bench::with_role(Role::Server);
    for (spec, len, algorithm) in [
        ("Aliyun_AES_256", 32, "RSAES_OAEP_SHA_256"),
        ("Aliyun_AES_256", 32, "RSAES_OAEP_SHA_1"),
        ("Aliyun_SM4", 16, "RSAES_PKCS1_V1_5"),
    ] {
        let key = bench.key_with(&[("KeySpec", spec), ("Origin", "EXTERNAL")]);
        let importer = Importer { bench: &bench, key: key.clone() };
        let metadata = bench.metadata(&key);
        assert_eq!(
            (&metadata["KeyState"], &metadata["Origin"]),
            (&json!("PendingImport"), &json!("EXTERNAL"))
        );
        assert!(metadata.get("PrimaryKeyVersion").is_none());
        let off = ("EnableAutomaticRotation", "false");
        for (action, more) in
            [("Encrypt", ("Plaintext", "aGk=")), ("CreateKeyVersion", off), ("UpdateRotationPolicy", off)]
        {
            assert_eq!(
                bench.code(action, &[("KeyId", &key), more]),
                "409 Rejected.PendingImport",
                "{action}"
            );
        }
        assert_eq!(bench.ok("ListKeyVersions", &[("KeyId", &key)])["TotalCount"], json!(0));
        let parameters = importer.parameters(algorithm);
        assert_eq!(parameters["KeyId"], json!(key));
        let material: Vec<u8> = (0..len).collect();
        let expires = bench.clock.unix() + 10 * DAY;
        importer.bring(&parameters, &wrap(algorithm, &parameters, &material), Some(expires)).unwrap();
        let metadata = bench.metadata(&key);
        assert_eq!(metadata["KeyState"], json!("Enabled"));
        assert_ne!(metadata["MaterialExpireTime"], json!(""));
        let blob = text(&bench.ok("Encrypt", &[("KeyId", &key), ("Plaintext", "aGk=")])["CiphertextBlob"]);
        // The token may be used again, for the same material.
        importer.bring(&parameters, &wrap(algorithm, &parameters, &material), Some(expires)).unwrap();

        bench.clock.pass(10 * DAY - 1);
        bench.run_due();
        bench.ok("Decrypt", &[("CiphertextBlob", &blob)]);
        bench.clock.pass(1);
        assert_eq!(
            bench.code("Decrypt", &[("CiphertextBlob", &blob)]),
            "409 Rejected.PendingImport",
            "at each use"
        );
        assert_eq!(bench.run_due().changed, 1);
        let metadata = bench.metadata(&key);
        assert_eq!(
            (&metadata["KeyState"], &metadata["MaterialExpireTime"]),
            (&json!("PendingImport"), &json!(""))
        );

        let mut other = material.clone();
        other[0] ^= 1;
        assert!(
            importer.import(&other, None).unwrap_err().starts_with("400 InvalidKeyMaterial"),
            "other material"
        );
        importer.import(&material, None).unwrap();
        assert_eq!(bench.ok("Decrypt", &[("CiphertextBlob", &blob)])["Plaintext"], json!("aGk="));
        bench.ok("DeleteKeyMaterial", &[("KeyId", &key)]);
        bench.ok("DeleteKeyMaterial", &[("KeyId", &key)]);
        assert_eq!(bench.state(&key), "PendingImport");
        assert_eq!(bench.code("EnableKey", &[("KeyId", &key)]), "409 Rejected.StateModifiedFailed");
        importer.import(&material, None).unwrap();
        bench.ok("Decrypt", &[("CiphertextBlob", &blob)]);
        assert_eq!(bench.code("CreateKeyVersion", &[("KeyId", &key)]), "400 Rejected.UnsupportedOperation");
        bench.ok("ScheduleKeyDeletion", &[("KeyId", &key)]);
        assert_eq!(
            importer.import(&material, None).unwrap_err().split(": ").next(),
            Some("409 Rejected.StateModifiedFailed")
        );
        bench.ok("DeleteKeyMaterial", &[("KeyId", &key)]);
        assert_eq!(bench.state(&key), "PendingDeletion");
        bench.ok("CancelKeyDeletion", &[("KeyId", &key)]);
        assert_eq!(bench.state(&key), "PendingImport");
    }
}

#[test]
fn every_failed_unwrapping_is_the_same_and_the_third_ends_the_token() {
    let bench = Bench::new();
    let key = bench.key_with(&[("Origin", "EXTERNAL")]);
    let importer = Importer { bench: &bench, key };
    let material = [5; 32];
    for algorithm in ["RSAES_OAEP_SHA_256", "RSAES_PKCS1_V1_5"] {
        let parameters = importer.parameters(algorithm);
        let good = wrap(algorithm, &parameters, &material);
        let mut flipped = good.clone();
        flipped[100] ^= 1;
        let bad = [base64(flipped), base64(wrap(algorithm, &parameters, &[5; 31])), "no base64!".into()];
        let answers: Vec<_> =
            bad.iter().map(|wrapped| importer.send(&parameters, wrapped, 0).unwrap_err()).collect();
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        assert!(answers[0].starts_with("400 InvalidKeyMaterial"));
        assert!(
            importer.bring(&parameters, &good, None).unwrap_err().starts_with("400 InvalidImportToken"),
            "ended"
        );
    }
    // Material other than the first counts as a failed attempt too.
    importer.import(&material, None).unwrap();
    let parameters = importer.parameters("RSAES_OAEP_SHA_256");
    let good = wrap("RSAES_OAEP_SHA_256", &parameters, &material);
    for _ in 0..3 {
        let guess = wrap("RSAES_OAEP_SHA_256", &parameters, &[6; 32]);
        assert!(importer.bring(&parameters, &guess, None).unwrap_err().starts_with("400 InvalidKeyMaterial"));
    }
    assert!(importer.bring(&parameters, &good, None).unwrap_err().starts_with("400 InvalidImportToken"));
    let parameters = importer.parameters("RSAES_OAEP_SHA_256");
    let good = wrap("RSAES_OAEP_SHA_256", &parameters, &material);
    for wrapped in [&b""[..], b"short", &[0; 10_000]] {
        let parameters = importer.parameters("RSAES_OAEP_SHA_256");
        assert!(importer.bring(&parameters, wrapped, None).is_err());
    }
    let other = Importer { bench: &bench, key: bench.key_with(&[("Origin", "EXTERNAL")]) };
    assert!(
        other.bring(&parameters, &good, None).unwrap_err().starts_with("400 InvalidImportToken"),
        "of another key"
    );
    // Whether it unwraps or not, because this is checked before.
    for expires in [1, -1, bench.clock.unix(), LATEST + 1, i64::MAX] {
        for wrapped in [&good[..], b"x"] {
            let answer = importer.bring(&parameters, wrapped, Some(expires)).unwrap_err();
            assert!(answer.starts_with("400 InvalidParameter"), "{expires}");
        }
    }
    importer.bring(&parameters, &good, Some(LATEST)).unwrap();
    assert_eq!(bench.metadata(&importer.key)["MaterialExpireTime"], json!("9999-12-30T22:00:00Z"));
    bench.clock.pass(DAY - 1);
    importer.bring(&parameters, &good, None).unwrap();
    bench.clock.pass(1);
    assert!(importer.bring(&parameters, &good, None).unwrap_err().starts_with("400 ExpiredImportToken"));
    let own = bench.key();
    for action in ["GetParametersForImport", "ImportKeyMaterial", "DeleteKeyMaterial"] {
        let parameters = [
            ("KeyId", own.as_str()),
            ("WrappingKeySpec", "RSA_2048"),
            ("WrappingAlgorithm", "RSAES_OAEP_SHA_256"),
            ("EncryptedKeyMaterial", "AAAA"),
            ("ImportToken", "AAAA"),
        ];
        assert_eq!(bench.code(action, &parameters), "400 Unsupported.Origin", "{action}");
    }
    let key = importer.key.as_str();
    for (spec, algorithm) in
        [("RSA_3072", "RSAES_OAEP_SHA_256"), ("EC_SM2", "RSAES_OAEP_SHA_256"), ("RSA_2048", "SM2PKE")]
    {
        let parameters = [("KeyId", key), ("WrappingKeySpec", spec), ("WrappingAlgorithm", algorithm)];
        assert_eq!(bench.code("GetParametersForImport", &parameters), "400 InvalidParameter");
    }
}

/// Tokens do not accumulate: the oldest of many is removed.
#[test]
fn a_key_has_few_tokens() {
    let bench = Bench::new();
    let importer = Importer { bench: &bench, key: bench.key_with(&[("Origin", "EXTERNAL")]) };
    let mut tokens = Vec::new();
    for _ in 0..11 {
        bench.clock.pass(1);
        tokens.push(importer.parameters("SM2PKE"));
    }
    let answer =
        |token: &Value| importer.bring(token, b"x", None).unwrap_err().split(": ").next().unwrap().to_owned();
    assert_eq!(answer(&tokens[0]), "400 InvalidImportToken");
    assert_eq!(answer(&tokens[1]), "400 InvalidKeyMaterial");
}

/// Concurrent attempts get no more answers than sequential ones.
#[test]
fn tries_at_once_are_counted() {
    let bench = Bench::new();
    let importer = Importer { bench: &bench, key: bench.key_with(&[("Origin", "EXTERNAL")]) };
    let token = importer.parameters("SM2PKE");
    let answers = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let answer = importer.bring(&token, b"guess", None).unwrap_err();
                answers.lock().unwrap().push(answer.split(": ").next().unwrap().to_owned());
            });
        }
    });
    let answers = answers.into_inner().unwrap();
    assert_eq!(answers.iter().filter(|answer| *answer == "400 InvalidKeyMaterial").count(), 3, "{answers:?}");
    assert!(answers.iter().all(|answer| answer != "500 InternalFailure"));
}

/// An expired token is reported as such for a day, and then removed with its private key.
#[test]
fn tokens_end() {
    let bench = Bench::new();
    let importer = Importer { bench: &bench, key: bench.key_with(&[("Origin", "EXTERNAL")]) };
    let token = importer.parameters("SM2PKE");
    bench.clock.pass(DAY - 1);
    assert_eq!(bench.run_due().changed, 0);
    bench.clock.pass(DAY);
    assert_eq!(bench.run_due().changed, 0);
    importer.parameters("SM2PKE");
    assert!(importer.bring(&token, b"x", None).unwrap_err().starts_with("400 ExpiredImportToken"));
    bench.clock.pass(1);
    assert_eq!(bench.run_due().changed, 1);
    assert!(importer.bring(&token, b"x", None).unwrap_err().starts_with("400 InvalidImportToken"));
}
