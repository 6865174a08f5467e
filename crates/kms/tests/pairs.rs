//! Key pairs, MACs, and data keys that are exported under other keys.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bulla_kms::Role;
use serde_json::{Value, json};
use support::{Bench, UNKNOWN, base64, text};

/// A key pair and its only version.
fn pair(bench: &Bench, spec: &str, usage: &str) -> (String, String) {
    let key = bench.key_with(&[("KeySpec", spec), ("KeyUsage", usage)]);
    let versions = bench.ok("ListKeyVersions", &[("KeyId", &key)]);
    (key, text(&versions["KeyVersions"]["KeyVersion"][0]["KeyVersionId"]))
}

fn joined<'a>(some: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [some, more].concat()
}

const SIGN: &str = "SIGN/VERIFY";
const ENCRYPT: &str = "ENCRYPT/DECRYPT";

/// As docs/sdk.md says: callers who need a low s normalise it.
#[test]
fn signatures_of_secp256k1_are_not_normalised() {
    let bench = Bench::new();
    let (key, version) = pair(&bench, "EC_P256K", SIGN);
    let has_high_s = |byte: u8| {
        let digest = base64([byte; 32]);
        let sign = [
            ("KeyId", &*key),
            ("KeyVersionId", &version),
            ("Algorithm", "ECDSA_SHA_256"),
            ("Digest", &digest),
        ];
        let der = BASE64_STANDARD.decode(text(&bench.ok("AsymmetricSign", &sign)["Value"])).unwrap();
        let (r, s) = (usize::from(der[3]), &der[4..]);
        s[r + 1] == 33 // in DER a number of 32 bytes has one more if its first bit is set
    };
    let high = (0..64).filter(|&byte| has_high_s(byte)).count();
    assert!((1..64).contains(&high), "{high} of 64");
}

#[test]
fn every_pair_signs_what_it_verifies() {
    let bench = Bench::new();
    let digest = base64([7; 32]);
    for (spec, algorithms) in [
        ("RSA_2048", &["RSA_PSS_SHA_256", "RSA_PKCS1_SHA_256"][..]),
        ("RSA_3072", &["RSA_PSS_SHA_256", "RSA_PKCS1_SHA_256"]),
        ("EC_P256", &["ECDSA_SHA_256"]),
        ("EC_P256K", &["ECDSA_SHA_256"]),
        ("EC_SM2", &["SM2DSA"]),
    ] {
        let (key, version) = pair(&bench, spec, SIGN);
        let metadata = bench.metadata(&key);
        assert_eq!((&metadata["KeyUsage"], &metadata["KeySpec"]), (&json!(SIGN), &json!(spec)));
        assert!(metadata.get("PrimaryKeyVersion").is_none(), "{spec}");
        let named = [("KeyId", key.as_str()), ("KeyVersionId", &version)];
        let pem = text(&bench.ok("GetPublicKey", &named)["PublicKey"]);
        assert!(
            pem.starts_with("-----BEGIN PUBLIC KEY-----\nM") && pem.ends_with("\n-----END PUBLIC KEY-----\n")
        );
        assert!(pem.lines().all(|line| line.len() <= 64));
        for algorithm in algorithms {
            let by = [&named[..], &[("Algorithm", *algorithm)]].concat();
            let signed = bench.ok("AsymmetricSign", &joined(&by, &[("Digest", &digest)]));
            assert_eq!((&signed["KeyId"], &signed["KeyVersionId"]), (&json!(key), &json!(version)));
            let value = text(&signed["Value"]);
            let verify = |digest: &str, value: &str| {
                bench.ok("AsymmetricVerify", &joined(&by, &[("Digest", digest), ("Value", value)]))["Value"]
                    .clone()
            };
            assert_eq!(verify(&digest, &value), json!(true), "{spec} {algorithm}");
            assert_eq!(verify(&base64([8; 32]), &value), json!(false));
            let mut broken = BASE64_STANDARD.decode(&value).unwrap();
            *broken.last_mut().unwrap() ^= 1;
            assert_eq!(verify(&digest, &base64(broken)), json!(false));
            assert_eq!(verify(&digest, "AAAA"), json!(false));
            for (name, value) in
                [("Digest", base64([7; 31])), ("Digest", "!".into()), ("Algorithm", "x".into())]
            {
                let mut parameters = joined(&by, &[("Digest", &digest)]);
                parameters.retain(|(known, _)| *known != name);
                parameters.push((name, &value));
                assert_eq!(bench.code("AsymmetricSign", &parameters), "400 InvalidParameter", "{name}");
            }
            assert_eq!(
                bench.code("AsymmetricSign", &joined(&by, &[("Digest", &digest), ("DryRun", "true")])),
                "400 DryRunOperationError"
            );
        }
        let other = if spec == "EC_SM2" { "ECDSA_SHA_256" } else { "SM2DSA" };
        let parameters = [&named[..], &[("Algorithm", other), ("Digest", &digest)]].concat();
        assert_eq!(bench.code("AsymmetricSign", &parameters), "400 InvalidParameter", "{spec}");
        bench.ok("DisableKey", &[("KeyId", &key)]);
        assert_eq!(bench.code("AsymmetricSign", &parameters), "409 Rejected.Disabled");
        assert_eq!(bench.code("GetPublicKey", &named), "409 Rejected.Disabled");
    }
}

#[test]
fn every_pair_decrypts_what_it_encrypts() {
    let bench = Bench::new();
    for (spec, algorithm, longest, ciphertext_len) in [
        ("RSA_2048", "RSAES_OAEP_SHA_256", 190, 256),
        ("RSA_2048", "RSAES_OAEP_SHA_1", 214, 256),
        ("RSA_3072", "RSAES_OAEP_SHA_256", 318, 384),
        ("RSA_3072", "RSAES_OAEP_SHA_1", 342, 384),
        ("EC_SM2", "SM2PKE", 6047, 6144),
    ] {
        let (key, version) = pair(&bench, spec, ENCRYPT);
        let ask = |more: &[(&'static str, &str)]| -> Vec<(&str, String)> {
            let named = [("KeyId", key.as_str()), ("KeyVersionId", &version), ("Algorithm", algorithm)];
            named.iter().chain(more).map(|(name, value)| (*name, (*value).to_owned())).collect()
        };
        let send = |action: &str, parameters: &[(&str, String)]| {
            let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
            bench.send(action, &parameters)
        };
        for len in [1, 32, longest] {
            let plaintext = base64(vec![b'x'; len]);
            let sealed = send("AsymmetricEncrypt", &ask(&[("Plaintext", &plaintext)])).unwrap();
            let blob = text(&sealed["CiphertextBlob"]);
            if len == longest {
                assert_eq!(
                    BASE64_STANDARD.decode(&blob).unwrap().len(),
                    ciphertext_len,
                    "{spec} {algorithm}"
                );
            }
            let opened = send("AsymmetricDecrypt", &ask(&[("CiphertextBlob", &blob)])).unwrap();
            assert_eq!(opened["Plaintext"], json!(plaintext), "{spec} {algorithm}");
            assert_eq!((&opened["KeyId"], &opened["KeyVersionId"]), (&json!(key), &json!(version)));
        }
        let long = base64(vec![0; longest + 1]);
        let invalid = |result: Result<Value, String>, parameter: &str| {
            let expected =
                format!("400 InvalidParameter: The specified parameter \"{parameter}\" is not valid.");
            assert_eq!(result.unwrap_err(), expected, "{spec} {algorithm}");
        };
        invalid(send("AsymmetricEncrypt", &ask(&[("Plaintext", &long)])), "Plaintext");
        invalid(send("AsymmetricEncrypt", &ask(&[("Plaintext", "no base64!")])), "Plaintext");
        for blob in ["AAAA".to_owned(), base64(vec![1; ciphertext_len]), "!".into()] {
            invalid(send("AsymmetricDecrypt", &ask(&[("CiphertextBlob", &blob)])), "CiphertextBlob");
        }
        for other in ["RSAES_PKCS1_V1_5", "x"] {
            let mut parameters = ask(&[("Plaintext", "aGk=")]);
            parameters[2].1 = other.into();
            invalid(send("AsymmetricEncrypt", &parameters), "Algorithm");
        }
        assert!(
            send("AsymmetricDecrypt", &ask(&[("CiphertextBlob", "AAAA"), ("Recipient", "r")]))
                .unwrap_err()
                .contains("UnsupportedOperation")
        );
        // A key for one usage is refused for another.
        let sign = [
            ("KeyId", key.as_str()),
            ("KeyVersionId", &version),
            ("Algorithm", "SM2DSA"),
            ("Digest", &base64([0; 32])),
        ];
        assert_eq!(bench.code("AsymmetricSign", &sign), "400 UnsupportedOperation");
    }
}

#[test]
fn keys_of_other_kinds_are_refused() {
    let bench = Bench::new();
    let (symmetric, (key, version)) = (bench.key(), pair(&bench, "EC_P256", SIGN));
    let mac = bench.key_with(&[("KeySpec", "HMAC_SHA256")]);
    let symmetric_version = text(&bench.metadata(&symmetric)["PrimaryKeyVersion"]);
    let digest = base64([0; 32]);
    for (key, version) in [(&symmetric, &symmetric_version), (&mac, &symmetric_version)] {
        let named = [
            ("KeyId", key.as_str()),
            ("KeyVersionId", version),
            ("Algorithm", "ECDSA_SHA_256"),
            ("Digest", &digest),
        ];
        assert_eq!(bench.code("AsymmetricSign", &named), "400 UnsupportedOperation");
        assert_eq!(bench.code("GetPublicKey", &named), "400 UnsupportedOperation");
    }
    for key in [&key, &mac] {
        assert_eq!(
            bench.code("Encrypt", &[("KeyId", key), ("Plaintext", "aGk=")]),
            "400 UnsupportedOperation"
        );
        assert_eq!(bench.code("GenerateDataKey", &[("KeyId", key)]), "400 UnsupportedOperation");
    }
    let message = [("KeyId", symmetric.as_str()), ("Message", "aGk="), ("Algorithm", "HMAC_SHA_256")];
    assert_eq!(bench.code("GenerateMac", &message), "400 UnsupportedOperation");
    for (id, code) in [
        (UNKNOWN, "404 Forbidden.KeyVersionNotFound"),
        (&symmetric_version, "404 Forbidden.KeyVersionNotFound"),
    ] {
        let named = [("KeyId", key.as_str()), ("KeyVersionId", id)];
        assert_eq!(bench.code("GetPublicKey", &named), code);
    }
    assert_eq!(
        bench.code("GetPublicKey", &[("KeyId", UNKNOWN), ("KeyVersionId", &version)]),
        "404 Forbidden.KeyNotFound"
    );
    assert_eq!(bench.code("GetPublicKey", &[("KeyId", &key)]), "400 MissingKeyVersionId");
    for key in [&key, &mac] {
        let policy =
            [("KeyId", key.as_str()), ("EnableAutomaticRotation", "true"), ("RotationInterval", "7d")];
        assert_eq!(bench.code("UpdateRotationPolicy", &policy), "400 Rejected.UnsupportedOperation");
    }
    assert_eq!(bench.code("CreateKeyVersion", &[("KeyId", &mac)]), "400 Rejected.UnsupportedOperation");
    // The state of a key is checked before its kind.
    for key in [&key, &mac] {
        bench.ok("DisableKey", &[("KeyId", key)]);
        let named = ("KeyId", key.as_str());
        for (action, more) in [
            ("CreateKeyVersion", ("x", "")),
            ("UpdateRotationPolicy", ("EnableAutomaticRotation", "false")),
            ("Encrypt", ("Plaintext", "aGk=")),
            ("GenerateDataKey", ("x", "")),
        ] {
            assert_eq!(bench.code(action, &[named, more]), "409 Rejected.Disabled", "{action}");
        }
    }
}

#[test]
fn a_pair_has_up_to_fifty_versions_each_for_itself() {
    let bench = Bench::new();
    let (key, first) = pair(&bench, "EC_P256", SIGN);
    let digest = base64([3; 32]);
    let ask = |version: &str, more: &[(&'static str, String)]| {
        let named = [
            ("KeyId", key.clone()),
            ("KeyVersionId", version.to_owned()),
            ("Algorithm", "ECDSA_SHA_256".into()),
            ("Digest", digest.clone()),
        ];
        named.into_iter().chain(more.iter().cloned()).collect::<Vec<_>>()
    };
    let ok = |action: &str, parameters: Vec<(&str, String)>| {
        bench.ok(action, &parameters.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>())
    };
    let value = text(&ok("AsymmetricSign", ask(&first, &[]))["Value"]);
    let mut second = String::new();
    for _ in 1..50 {
        second = text(&bench.ok("CreateKeyVersion", &[("KeyId", &key)])["KeyVersion"]["KeyVersionId"]);
    }
    assert_eq!(bench.code("CreateKeyVersion", &[("KeyId", &key)]), "400 Rejected.LimitExceeded");
    assert_eq!(ok("AsymmetricVerify", ask(&first, &[("Value", value.clone())]))["Value"], json!(true));
    assert_eq!(ok("AsymmetricVerify", ask(&second, &[("Value", value)]))["Value"], json!(false));
}

#[test]
fn defaults_of_usage_and_secret_lengths() {
    let bench = Bench::new();
    for (spec, usage) in [
        ("RSA_2048", SIGN),
        ("EC_SM2", SIGN),
        ("EC_P256K", SIGN),
        ("HMAC_SM3", SIGN),
        ("Aliyun_SM4", ENCRYPT),
    ] {
        let key = bench.key_with(&[("KeySpec", spec)]);
        assert_eq!(bench.metadata(&key)["KeyUsage"], json!(usage), "{spec}");
    }
    for (spec, usage) in [("Aliyun_SM4", SIGN), ("HMAC_SM3", ENCRYPT)] {
        assert_eq!(
            bench.code("CreateKey", &[("KeySpec", spec), ("KeyUsage", usage)]),
            "400 InvalidParameter"
        );
    }
}

#[test]
fn sm4_keys_do_what_aes_keys_do() {
    let bench = Bench::new();
    let key = bench.key_with(&[("KeySpec", "Aliyun_SM4")]);
    let context = ("EncryptionContext", r#"{"a":"b"}"#);
    let sealed = bench.ok("GenerateDataKey", &[("KeyId", &key), context]);
    let blob = text(&sealed["CiphertextBlob"]);
    assert_eq!(bench.ok("Decrypt", &[("CiphertextBlob", &blob), context])["Plaintext"], sealed["Plaintext"]);
    assert_eq!(bench.code("Decrypt", &[("CiphertextBlob", &blob)]), "400 InvalidParameter");
    bench.ok("CreateKeyVersion", &[("KeyId", &key)]);
    assert_eq!(bench.ok("Decrypt", &[("CiphertextBlob", &blob), context])["Plaintext"], sealed["Plaintext"]);
    let bench = bench.restarted(Role::Command, false);
    assert_eq!(bench.ok("Decrypt", &[("CiphertextBlob", &blob), context])["Plaintext"], sealed["Plaintext"]);
}

#[test]
fn codes_authenticate_messages() {
    let bench = Bench::new();
    for (spec, algorithm, len) in [
        ("HMAC_SHA256", "HMAC_SHA_256", 32),
        ("HMAC_SHA384", "HMAC_SHA_384", 48),
        ("HMAC_SHA512", "HMAC_SHA_512", 64),
        ("HMAC_SM3", "HMAC_SM3", 32),
    ] {
        let key = bench.key_with(&[("KeySpec", spec)]);
        bench.ok("CreateAlias", &[("KeyId", &key), ("AliasName", &format!("alias/{spec}"))]);
        let alias = format!("alias/{spec}");
        let ask = [("KeyId", alias.as_str()), ("Algorithm", algorithm), ("Message", "aGk=")];
        let made = bench.ok("GenerateMac", &ask);
        assert_eq!((&made["KeyId"], &made["Algorithm"]), (&json!(key), &json!(algorithm)));
        let code = text(&made["Mac"]);
        assert_eq!(BASE64_STANDARD.decode(&code).unwrap().len(), len);
        let verify = |message: &str, code: &str| {
            let parameters =
                [("KeyId", key.as_str()), ("Algorithm", algorithm), ("Message", message), ("Mac", code)];
            bench.ok("VerifyMac", &parameters)["Value"].clone()
        };
        assert_eq!(verify("aGk=", &code), json!(true));
        assert_eq!((verify("aGkh", &code), verify("aGk=", "AAAA")), (json!(false), json!(false)));
        let other = if spec == "HMAC_SM3" { "HMAC_SHA_256" } else { "HMAC_SM3" };
        for (name, value) in [
            ("Algorithm", other),
            ("Algorithm", "HMAC_SHA_224"),
            ("Message", "!"),
            ("Message", &base64([0; 6145])),
        ] {
            let mut parameters = ask.to_vec();
            parameters.retain(|(known, _)| *known != name);
            parameters.push((name, value));
            assert_eq!(bench.code("GenerateMac", &parameters), "400 InvalidParameter", "{name}");
        }
        bench.ok("DisableKey", &[("KeyId", &key)]);
        assert_eq!(bench.code("GenerateMac", &ask), "409 Rejected.Disabled");
    }
}

#[test]
fn ciphertexts_move_to_other_keys() {
    let bench = Bench::new();
    let (one, two) = (bench.key(), bench.key_with(&[("KeySpec", "Aliyun_SM4")]));
    let (from, to) = (r#"{"from":"1"}"#, r#"{"to":"2"}"#);
    let sealed = bench.ok("Encrypt", &[("KeyId", &one), ("Plaintext", "aGk="), ("EncryptionContext", from)]);
    let blob = text(&sealed["CiphertextBlob"]);
    let contexts = [("SourceEncryptionContext", from), ("DestinationEncryptionContext", to)];
    let ask = |more: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        contexts.iter().chain(more).map(|(name, value)| (*name, (*value).to_owned())).collect()
    };
    let send = |parameters: Vec<(&str, String)>| {
        bench.send(
            "ReEncrypt",
            &parameters.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>(),
        )
    };
    let moved = send(ask(&[("CiphertextBlob", &blob), ("DestinationKeyId", &two)])).unwrap();
    assert_eq!(moved["KeyId"], json!(two), "the destination");
    let moved = text(&moved["CiphertextBlob"]);
    assert_eq!(
        bench.ok("Decrypt", &[("CiphertextBlob", &moved), ("EncryptionContext", to)])["Plaintext"],
        json!("aGk=")
    );
    assert_eq!(
        bench.code("Decrypt", &[("CiphertextBlob", &moved), ("EncryptionContext", from)]),
        "400 InvalidParameter"
    );
    assert!(
        send(ask(&[("CiphertextBlob", &moved), ("DestinationKeyId", &one)])).is_err(),
        "another source context"
    );

    let (pair, version) = pair(&bench, "RSA_2048", ENCRYPT);
    let named = [
        ("KeyId", pair.as_str()),
        ("KeyVersionId", &version),
        ("Algorithm", "RSAES_OAEP_SHA_256"),
        ("Plaintext", "aGk="),
    ];
    let asymmetric = text(&bench.ok("AsymmetricEncrypt", &named)["CiphertextBlob"]);
    let source = [
        ("SourceKeyId", pair.as_str()),
        ("SourceKeyVersionId", &version),
        ("SourceEncryptionAlgorithm", "RSAES_OAEP_SHA_256"),
    ];
    let whole =
        [&[("CiphertextBlob", asymmetric.as_str()), ("DestinationKeyId", &one)][..], &source].concat();
    let moved = bench.ok("ReEncrypt", &whole);
    let blob = text(&moved["CiphertextBlob"]);
    assert_eq!(bench.ok("Decrypt", &[("CiphertextBlob", &blob)])["Plaintext"], json!("aGk="));
    let with =
        |context: &str| bench.send("ReEncrypt", &joined(&whole, &[("SourceEncryptionContext", context)]));
    assert!(with("{}").is_ok());
    assert_eq!(
        with(from).unwrap_err(),
        "400 InvalidParameter: The specified parameter \"SourceEncryptionContext\" is not valid.",
        "a key pair cannot check it"
    );
    for (missing, code) in [
        ("SourceKeyId", "400 MissingSourceKeyId"),
        ("SourceKeyVersionId", "400 MissingSourceKeyVersionId"),
        ("SourceEncryptionAlgorithm", "400 MissingSourceEncryptionAlgorithm"),
        ("DestinationKeyId", "400 MissingDestinationKeyId"),
    ] {
        let part: Vec<_> = whole.iter().copied().filter(|(name, _)| *name != missing).collect();
        assert_eq!(bench.code("ReEncrypt", &part), code);
    }
    let to_pair = [("CiphertextBlob", blob.as_str()), ("DestinationKeyId", &pair)];
    assert_eq!(bench.code("ReEncrypt", &to_pair), "400 UnsupportedOperation");
    assert_eq!(
        bench.code("ReEncrypt", &[("CiphertextBlob", "AAAA"), ("DestinationKeyId", &one)]),
        "400 InvalidParameter"
    );
    bench.ok("DisableKey", &[("KeyId", &pair)]);
    assert_eq!(bench.code("ReEncrypt", &whole), "409 Rejected.Disabled");
}

#[test]
fn data_keys_leave_for_a_public_key() {
    let bench = Bench::new();
    let key = bench.key();
    let private = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
    let der: PublicKeyX509Der = private.public_key().as_der().unwrap();
    let public = base64(der.as_ref());
    let private = OaepPrivateDecryptingKey::new(private).unwrap();
    let open = |exported: &Value, algorithm| {
        let wrapped = BASE64_STANDARD.decode(text(exported)).unwrap();
        let mut plaintext = [0; 256];
        base64(private.decrypt(algorithm, &wrapped, &mut plaintext, None).unwrap())
    };
    let target = [("PublicKeyBlob", public.as_str()), ("WrappingKeySpec", "RSA_2048")];
    for (name, algorithm) in
        [("RSAES_OAEP_SHA_256", &OAEP_SHA256_MGF1SHA256), ("RSAES_OAEP_SHA_1", &OAEP_SHA1_MGF1SHA1)]
    {
        let wrapping = [&target[..], &[("WrappingAlgorithm", name)]].concat();
        let made = bench.ok(
            "GenerateAndExportDataKey",
            &[&wrapping[..], &[("KeyId", &key), ("NumberOfBytes", "48")]].concat(),
        );
        let blob = text(&made["CiphertextBlob"]);
        let plaintext = bench.ok("Decrypt", &[("CiphertextBlob", &blob)])["Plaintext"].clone();
        assert_eq!(json!(open(&made["ExportedDataKey"], algorithm)), plaintext);
        assert_eq!(BASE64_STANDARD.decode(text(&plaintext)).unwrap().len(), 48);
        let exported = bench.ok("ExportDataKey", &[&wrapping[..], &[("CiphertextBlob", &blob)]].concat());
        assert_eq!(json!(open(&exported["ExportedDataKey"], algorithm)), plaintext);
        assert_eq!(exported["KeyId"], json!(key));
    }
    let with = |changes: &[(&'static str, &str)]| {
        let mut parameters =
            vec![("KeyId", key.as_str()), ("WrappingAlgorithm", "RSAES_OAEP_SHA_256"), target[0], target[1]];
        for change in changes {
            parameters.retain(|(name, _)| *name != change.0);
            parameters.push(*change);
        }
        bench.send("GenerateAndExportDataKey", &parameters)
    };
    for (name, value) in [
        ("PublicKeyBlob", "AAAA"),
        ("WrappingKeySpec", "RSA_3072"),
        ("WrappingKeySpec", "EC_SM2"),
        ("WrappingAlgorithm", "RSAES_PKCS1_V1_5"),
        ("WrappingAlgorithm", "SM2PKE"),
        ("NumberOfBytes", "191"),
    ] {
        assert!(with(&[(name, value)]).unwrap_err().starts_with("400 InvalidParameter"), "{name}={value}");
    }
    assert!(with(&[("NumberOfBytes", "190")]).is_ok());
    assert!(with(&[("KeySpec", "SM4_128")]).unwrap_err().starts_with("400 InvalidParameter"));
    assert!(with(&[("KeySpec", "SM4_128"), ("NumberOfBytes", "16")]).is_ok(), "the number wins");
    // SM2: exported under a key pair of the same KMS, which can decrypt it.
    let (pair, version) = pair(&bench, "EC_SM2", ENCRYPT);
    let named = [("KeyId", pair.as_str()), ("KeyVersionId", &version)];
    let pem = text(&bench.ok("GetPublicKey", &named)["PublicKey"]);
    let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let sm2 =
        [("PublicKeyBlob", der.as_str()), ("WrappingKeySpec", "EC_SM2"), ("WrappingAlgorithm", "SM2PKE")];
    let made = bench.ok("GenerateAndExportDataKey", &[&sm2[..], &[("KeyId", &key)]].concat());
    let exported = text(&made["ExportedDataKey"]);
    let opened = bench.ok(
        "AsymmetricDecrypt",
        &[&named[..], &[("Algorithm", "SM2PKE"), ("CiphertextBlob", &exported)]].concat(),
    );
    let blob = text(&made["CiphertextBlob"]);
    assert_eq!(opened["Plaintext"], bench.ok("Decrypt", &[("CiphertextBlob", &blob)])["Plaintext"]);
    let no_base64 =
        text(&bench.ok("Encrypt", &[("KeyId", &key), ("Plaintext", "no base64!")])["CiphertextBlob"]);
    assert_eq!(
        bench.code("ExportDataKey", &[&sm2[..], &[("CiphertextBlob", &no_base64)]].concat()),
        "400 InvalidParameter"
    );
}
