//! Every action through `Kms::call`: its fields, limits, state rules and errors.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use serde_json::{Value, json};
use support::{Bench, UNKNOWN, text};

#[test]
fn create_and_describe_key() {
    let bench = Bench::new();
    let created = bench.ok("CreateKey", &[("Description", "密钥")]);
    let metadata = &created["KeyMetadata"];
    let id = text(&metadata["KeyId"]);
    assert_eq!(metadata["Arn"], json!(format!("acs:kms:cn-hangzhou:111122223333:key/{id}")));
    for (name, value) in [
        ("Description", "密钥"),
        ("KeySpec", "Aliyun_AES_256"),
        ("KeyState", "Enabled"),
        ("KeyUsage", "ENCRYPT/DECRYPT"),
        ("DeleteDate", ""),
        ("Creator", "111122223333"),
        ("Origin", "Aliyun_KMS"),
        ("MaterialExpireTime", ""),
        ("ProtectionLevel", "SOFTWARE"),
        ("AutomaticRotation", "Disabled"),
    ] {
        assert_eq!(metadata[name], json!(value), "{name}");
    }
    assert_eq!(metadata["CreationDate"], metadata["LastRotationDate"]);
    assert_eq!(metadata.as_object().unwrap().len(), 15, "{metadata}");

    bench.ok("CreateAlias", &[("KeyId", &id), ("AliasName", "alias/a")]);
    for name in [
        id.clone(),
        "alias/a".to_owned(),
        format!("acs:kms:cn-hangzhou:111122223333:key/{id}"),
        "acs:kms:cn-hangzhou:111122223333:alias/a".to_owned(),
    ] {
        let described = bench.ok("DescribeKey", &[("KeyId", &name)]);
        assert_eq!(described["KeyMetadata"]["KeyId"], json!(id));
        assert_eq!(described["KeyMetadata"]["DeletionProtection"], json!("Disabled"));
    }
    for (name, code) in [
        (UNKNOWN, "404 Forbidden.KeyNotFound"),
        (&id.to_uppercase(), "404 Forbidden.KeyNotFound"),
        ("nonsense", "404 Forbidden.KeyNotFound"),
        ("alias/b", "404 Forbidden.AliasNotFound"),
        ("alias/ ", "404 Forbidden.AliasNotFound"),
        (&format!("acs:kms:cn-beijing:111122223333:key/{id}"), "404 Forbidden.KeyNotFound"),
        (&format!("acs:kms:cn-hangzhou:1:key/{id}"), "404 Forbidden.KeyNotFound"),
    ] {
        assert_eq!(bench.code("DescribeKey", &[("KeyId", name)]), code, "{name}");
    }
    assert_eq!(bench.code("DescribeKey", &[]), "400 MissingKeyId");
}

#[test]
fn create_key_refuses_what_it_cannot_make() {
    let bench = Bench::new();
    let refused = |name, value| bench.code("CreateKey", &[(name, value)]);
    for spec in ["Aliyun_AES_128", "Aliyun_AES_192"] {
        assert_eq!(refused("KeySpec", spec), "400 UnsupportedOperation", "{spec}");
    }
    assert_eq!(refused("KeySpec", "aliyun_aes_256"), "400 InvalidParameter");
    assert_eq!(refused("KeyUsage", "SIGN/VERIFY"), "400 InvalidParameter");
    assert_eq!(refused("KeyUsage", "x"), "400 InvalidParameter");
    assert_eq!(refused("Origin", "external"), "400 InvalidParameter");
    assert_eq!(refused("ProtectionLevel", "HSM"), "400 Unsupported.ProtectionLevel");
    assert_eq!(refused("ProtectionLevel", "x"), "400 InvalidParameter");
    assert_eq!(refused("EnableAutomaticRotation", "True"), "400 MissingRotationInterval");
    for tags in
        ["x", "{}", "[null]", r#"[{"TagKey":"acs:a","TagValue":"b"}]"#, r#"[{"TagKey":"a"},{"TagKey":"a"}]"#]
    {
        assert_eq!(refused("Tags", tags), "400 InvalidParameter", "{tags}");
    }
    let pair = |name, value| bench.code("CreateKey", &[("KeySpec", "EC_P256"), (name, value)]);
    assert_eq!(pair("Origin", "EXTERNAL"), "400 Unsupported.Origin");
    assert_eq!(pair("KeyUsage", "ENCRYPT/DECRYPT"), "400 InvalidParameter");
    assert_eq!(pair("EnableAutomaticRotation", "true"), "400 UnsupportedOperation");
    assert_eq!(refused("Policy", "{}"), "400 InvalidParameter");
    assert_eq!(refused("DKMSInstanceId", "kst-1"), "403 Forbidden.DKMSInstanceNotFound");
    assert_eq!(refused("KeyStorageMechanism", "HsmInternal"), "400 UnsupportedOperation");
    assert_eq!(refused("Description", &"密".repeat(8193)), "400 InvalidParameter");
    bench.ok("CreateKey", &[("Description", &"密".repeat(8192)), ("EnableAutomaticRotation", "False")]);
    bench.ok("CreateKey", &[("RotationInterval", "ignored without rotation"), ("Tags", "null")]);
    assert_eq!(bench.ok("ListKeys", &[])["TotalCount"], json!(2), "a refusal makes nothing");
}

#[test]
fn list_keys_pages_and_filters() {
    let bench = Bench::new();
    let keys: Vec<String> = (0..12).map(|_| bench.key()).collect();
    bench.ok("DisableKey", &[("KeyId", &keys[3])]);
    bench.ok("CreateAlias", &[("KeyId", &keys[5]), ("AliasName", "alias/five")]);
    let list = |parameters: &[(&str, &str)]| bench.ok("ListKeys", parameters);

    let (first, second) = (list(&[]), list(&[("PageNumber", "2")]));
    assert_eq!(
        (&first["TotalCount"], &first["PageNumber"], &first["PageSize"]),
        (&json!(12), &json!(1), &json!(10))
    );
    let ids = |page: &Value| -> Vec<String> {
        page["Keys"]["Key"].as_array().unwrap().iter().map(|key| text(&key["KeyId"])).collect()
    };
    assert_eq!((ids(&first).len(), ids(&second).len()), (10, 2));
    let mut all = [ids(&first), ids(&second)].concat();
    all.sort();
    let mut expected = keys.clone();
    expected.sort();
    assert_eq!(all, expected);
    let arn = text(&first["Keys"]["Key"][0]["KeyArn"]);
    assert!(arn.starts_with("acs:kms:cn-hangzhou:111122223333:key/"));
    assert_eq!(list(&[("PageNumber", "3")])["Keys"]["Key"], json!([]));

    let filter = |filters: &str| {
        let page = list(&[("Filters", filters), ("PageSize", "100")]);
        assert_eq!(page["TotalCount"], json!(ids(&page).len()));
        ids(&page)
    };
    assert_eq!(filter(r#"[{"Key":"KeyState","Values":["Disabled"]}]"#), [keys[3].clone()]);
    assert_eq!(filter(r#"[{"Key":"KeyState","Values":["Disabled","Enabled"]}]"#).len(), 12);
    assert_eq!(filter(r#"[{"Key":"AliasName","Values":["alias/five"]}]"#), [keys[5].clone()]);
    let both =
        format!(r#"[{{"Key":"keyId","Values":["{}"]}},{{"Key":"KeyState","Values":["Enabled"]}}]"#, keys[3]);
    assert_eq!(filter(&both), Vec::<String>::new());
    let twice =
        format!(r#"[{{"Key":"keyId","Values":["{}"]}},{{"Key":"keyId","Values":["{}"]}}]"#, keys[0], keys[1]);
    assert_eq!(filter(&twice).len(), 2);
    assert_eq!(filter("[]").len(), 12);
    assert_eq!(filter("null").len(), 12);
    for bad in [
        "{}",
        "x",
        r#"[{"Key":"Colour","Values":["red"]}]"#,
        r#"[{"Key":"KeyState"}]"#,
        r#"[["KeyState",["Enabled"]]]"#,
        r#"[{"Key":{"KeyState":null},"Values":["Enabled"]}]"#,
    ] {
        assert_eq!(bench.code("ListKeys", &[("Filters", bad)]), "400 InvalidParameter", "{bad}");
    }
    let eleven = format!("[{}]", [r#"{"Key":"KeyState","Values":[]}"#; 11].join(","));
    assert_eq!(bench.code("ListKeys", &[("Filters", &eleven)]), "400 InvalidParameter");
    let values =
        |count: usize| format!(r#"[{{"Key":"keyId","Values":[{}]}}]"#, vec![r#""x""#; count].join(","));
    assert_eq!(filter(&values(10)), Vec::<String>::new());
    assert_eq!(bench.code("ListKeys", &[("Filters", &values(11))]), "400 InvalidParameter");
    for (name, value) in [("PageSize", "101"), ("PageSize", "0"), ("PageNumber", "0"), ("PageNumber", "-1")] {
        assert_eq!(bench.code("ListKeys", &[(name, value)]), "400 InvalidParameter", "{name}={value}");
    }
}

#[test]
fn disable_stops_all_use_and_enable_resumes_it() {
    let bench = Bench::new();
    let key = bench.key();
    let blob = text(&bench.ok("Encrypt", &[("KeyId", &key), ("Plaintext", "aGk=")])["CiphertextBlob"]);
    for _ in 0..2 {
        bench.ok("DisableKey", &[("KeyId", &key)]);
    }
    assert_eq!(bench.ok("DescribeKey", &[("KeyId", &key)])["KeyMetadata"]["KeyState"], json!("Disabled"));
    for (action, parameters) in [
        ("Encrypt", vec![("KeyId", key.as_str()), ("Plaintext", "aGk=")]),
        ("Decrypt", vec![("CiphertextBlob", &blob)]),
        ("GenerateDataKey", vec![("KeyId", &key)]),
        ("GenerateDataKeyWithoutPlaintext", vec![("KeyId", &key)]),
    ] {
        assert_eq!(bench.code(action, &parameters), "409 Rejected.Disabled", "{action}");
    }
    bench.ok("CreateAlias", &[("KeyId", &key), ("AliasName", "alias/of-disabled")]);
    bench.ok("EnableKey", &[("KeyId", &key)]);
    assert_eq!(bench.ok("Decrypt", &[("CiphertextBlob", &blob)])["Plaintext"], json!("aGk="));
    for action in ["EnableKey", "DisableKey"] {
        assert_eq!(bench.code(action, &[("KeyId", UNKNOWN)]), "404 Forbidden.KeyNotFound");
        for alias in ["alias/of-disabled", "acs:kms:cn-hangzhou:111122223333:alias/of-disabled"] {
            assert_eq!(bench.code(action, &[("KeyId", alias)]), "400 Unsupported.Alias");
        }
    }
}

#[test]
fn aliases() {
    let bench = Bench::new();
    let (one, other) = (bench.key(), bench.key());
    let work = ("AliasName", "alias/Apollo/WorkKey");
    assert_eq!(bench.ok("CreateAlias", &[("KeyId", &one), work]), json!({"RequestId": "r"}));
    assert_eq!(bench.code("CreateAlias", &[("KeyId", &other), work]), "400 AliasAlreadyExists");
    assert_eq!(
        bench.code("CreateAlias", &[("KeyId", UNKNOWN), ("AliasName", "alias/x")]),
        "404 Forbidden.KeyNotFound"
    );
    assert_eq!(
        bench.code("CreateAlias", &[("KeyId", "alias/Apollo/WorkKey"), ("AliasName", "alias/x")]),
        "400 Unsupported.Alias"
    );
    for bad in ["x", "alias/", "alias/acs/ecs", "alias/a b"] {
        assert_eq!(bench.code("CreateAlias", &[("KeyId", &one), ("AliasName", bad)]), "400 InvalidParameter");
    }

    let blob = text(&bench.ok("GenerateDataKey", &[("KeyId", work.1)])["CiphertextBlob"]);
    bench.ok("UpdateAlias", &[("KeyId", &other), work]);
    assert_eq!(bench.ok("GenerateDataKey", &[("KeyId", work.1)])["KeyId"], json!(other));
    assert_eq!(
        bench.ok("Decrypt", &[("CiphertextBlob", &blob)])["KeyId"],
        json!(one),
        "old blobs still open"
    );
    assert_eq!(
        bench.code("UpdateAlias", &[("KeyId", &one), ("AliasName", "alias/none")]),
        "404 Forbidden.AliasNotFound"
    );

    bench.ok("CreateAlias", &[("KeyId", &one), ("AliasName", "alias/a")]);
    bench.ok("CreateAlias", &[("KeyId", &one), ("AliasName", "alias/b")]);
    for action in ["ListAliases", "ListAliasesByKeyId"] {
        let page = [("KeyId", UNKNOWN), ("PageSize", "102")];
        assert_eq!(bench.code(action, &page), "400 InvalidParameter", "{action}");
    }
    let all = bench.ok("ListAliases", &[]);
    assert_eq!(all["TotalCount"], json!(3));
    let entry = &all["Aliases"]["Alias"][0];
    assert_eq!(entry["AliasName"], json!("alias/Apollo/WorkKey"));
    assert_eq!(entry["AliasArn"], json!("acs:kms:cn-hangzhou:111122223333:alias/Apollo/WorkKey"));
    let of_one = bench.ok("ListAliasesByKeyId", &[("KeyId", &one), ("PageSize", "1"), ("PageNumber", "2")]);
    assert_eq!(of_one["Aliases"]["Alias"][0]["AliasName"], json!("alias/b"));
    assert_eq!(of_one["TotalCount"], json!(2));
    assert_eq!(bench.ok("ListAliases", &[("PageSize", "0")])["Aliases"]["Alias"], json!([]));
    assert_eq!(bench.code("ListAliases", &[("PageSize", "101")]), "400 InvalidParameter");
    bench.ok("ListAliasesByKeyId", &[("KeyId", &one), ("PageSize", "101")]);
    assert_eq!(bench.code("ListAliasesByKeyId", &[("KeyId", work.1)]), "400 Unsupported.Alias");

    bench.ok("DeleteAlias", &[work]);
    assert_eq!(bench.code("DeleteAlias", &[work]), "404 Forbidden.AliasNotFound");
    assert_eq!(bench.code("GenerateDataKey", &[("KeyId", work.1)]), "404 Forbidden.AliasNotFound");
    bench.ok("CreateAlias", &[("KeyId", &other), work]);
}

#[test]
fn data_keys() {
    let bench = Bench::new();
    let key = bench.key();
    let length = |parameters: &[(&str, &str)]| {
        let reply = bench.ok("GenerateDataKey", &[&[("KeyId", key.as_str())], parameters].concat());
        let plaintext = text(&reply["Plaintext"]);
        let back = bench.ok("Decrypt", &[("CiphertextBlob", &text(&reply["CiphertextBlob"]))]);
        assert_eq!(back["Plaintext"], json!(plaintext));
        assert_eq!((&back["KeyId"], &back["KeyVersionId"]), (&reply["KeyId"], &reply["KeyVersionId"]));
        base64_len(&plaintext)
    };
    assert_eq!(length(&[]), 32);
    assert_eq!(length(&[("KeySpec", "AES_256")]), 32);
    assert_eq!(length(&[("KeySpec", "AES_128")]), 16);
    assert_eq!(length(&[("KeySpec", "AES_128"), ("NumberOfBytes", "1024")]), 1024);
    for spec in ["SM4_128", "AES_512", "no spec"] {
        assert_eq!(length(&[("KeySpec", spec), ("NumberOfBytes", "16")]), 16, "{spec} is ignored");
        let both = [("KeyId", key.as_str()), ("KeySpec", spec), ("NumberOfBytes", "24")];
        let wrapped = bench.ok("GenerateDataKeyWithoutPlaintext", &both);
        let opened = bench.ok("Decrypt", &[("CiphertextBlob", &text(&wrapped["CiphertextBlob"]))]);
        assert_eq!(base64_len(&text(&opened["Plaintext"])), 24, "{spec} is ignored");
        let too_long = [("KeyId", key.as_str()), ("KeySpec", spec), ("NumberOfBytes", "1025")];
        let refusal = bench.send("GenerateDataKey", &too_long).unwrap_err();
        assert!(refusal.contains("NumberOfBytes"), "{refusal}");
    }
    assert_eq!(length(&[("NumberOfBytes", "1")]), 1);
    for bad in [("NumberOfBytes", "0"), ("NumberOfBytes", "1025"), ("KeySpec", "AES_512")] {
        for action in ["GenerateDataKey", "GenerateDataKeyWithoutPlaintext"] {
            assert_eq!(bench.code(action, &[("KeyId", &key), bad]), "400 InvalidParameter", "{bad:?}");
        }
    }
    assert_eq!(
        bench.code("GenerateDataKey", &[("KeyId", &key), ("Recipient", "e")]),
        "400 UnsupportedOperation"
    );
    assert_eq!(bench.code("GenerateDataKey", &[("KeyId", UNKNOWN)]), "404 Forbidden.KeyNotFound");

    let wrapped = bench.ok("GenerateDataKeyWithoutPlaintext", &[("KeyId", &key)]);
    assert!(wrapped.get("Plaintext").is_none());
    let opened = bench.ok("Decrypt", &[("CiphertextBlob", &text(&wrapped["CiphertextBlob"]))]);
    assert_eq!(base64_len(&text(&opened["Plaintext"])), 32);
}

fn base64_len(text: &str) -> usize {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap().len()
}

#[test]
fn encrypt_gives_back_any_text() {
    let bench = Bench::new();
    let key = bench.key();
    let round = |plaintext: &str| {
        let reply = bench.ok("Encrypt", &[("KeyId", &key), ("Plaintext", plaintext)]);
        let blob = text(&reply["CiphertextBlob"]);
        assert!(!blob.contains(['\n', '-', '_']));
        let with_newline = format!(" {blob}\n");
        assert_eq!(bench.ok("Decrypt", &[("CiphertextBlob", &with_newline)])["Plaintext"], json!(plaintext));
    };
    round("SGVsbG8gd29ybGQ=");
    round("example");
    round("不是 base64");
    round(&"A".repeat(8192)); // base64 of 6144 bytes
    round(&"-".repeat(6144));
    let refused = |plaintext: &str| bench.code("Encrypt", &[("KeyId", &key), ("Plaintext", plaintext)]);
    assert_eq!(refused(&"A".repeat(8196)), "400 InvalidParameter");
    assert_eq!(refused(&"-".repeat(6145)), "400 InvalidParameter");
    assert_eq!(refused(""), "400 MissingPlaintext");
}

#[test]
fn encryption_context_in_its_spellings() {
    let bench = Bench::new();
    let key = bench.key();
    let encrypt = |context: (&str, &str)| {
        text(&bench.ok("Encrypt", &[("KeyId", &key), ("Plaintext", "p"), context])["CiphertextBlob"])
    };
    let blob = encrypt(("EncryptionContext", r#"{"b":"2","a":"值"}"#));
    let decrypt = |blob: &str, context: &[(&str, &str)]| {
        bench.send("Decrypt", &[&[("CiphertextBlob", blob)], context].concat())
    };
    assert!(decrypt(&blob, &[("EncryptionContext", r#" { "a" : "\u503c", "b":"2" } "#)]).is_ok());
    assert!(decrypt(&blob, &[("EncryptionContext.a", "值"), ("EncryptionContext.b", "2")]).is_ok());
    let wrong: Vec<String> = [
        vec![],
        vec![("EncryptionContext", r#"{"a":"值"}"#)],
        vec![("EncryptionContext", r#"{"a":"值","b":"3"}"#)],
    ]
    .iter()
    .map(|context| decrypt(&blob, context).unwrap_err())
    .collect();
    let damaged = decrypt(&flip_last(&blob), &[("EncryptionContext", r#"{"b":"2","a":"值"}"#)]).unwrap_err();
    assert!(wrong.iter().all(|error| *error == damaged), "wrong context and damage look alike");
    assert_eq!(damaged, r#"400 InvalidParameter: The specified parameter "CiphertextBlob" is not valid."#);

    let none = encrypt(("EncryptionContext", ""));
    for empty in ["{}", "", "null"] {
        assert!(decrypt(&none, &[("EncryptionContext", empty)]).is_ok(), "{empty}");
        assert!(decrypt(&encrypt(("EncryptionContext", empty)), &[]).is_ok(), "{empty}");
        let re_encrypted = bench.ok(
            "ReEncrypt",
            &[
                ("CiphertextBlob", &none),
                ("SourceEncryptionContext", empty),
                ("DestinationKeyId", &key),
                ("DestinationEncryptionContext", empty),
            ],
        );
        assert!(decrypt(&text(&re_encrypted["CiphertextBlob"]), &[]).is_ok(), "{empty}");
    }
    assert!(decrypt(&none, &[]).is_ok());
}

fn flip_last(blob: &str) -> String {
    use base64::Engine;
    let engine = base64::engine::general_purpose::STANDARD;
    let mut bytes = engine.decode(blob).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    engine.encode(bytes)
}

#[test]
fn decrypt_refuses_what_is_not_its_own() {
    let (bench, other) = (Bench::new(), Bench::new());
    let foreign = text(&other.ok("GenerateDataKey", &[("KeyId", &other.key())])["CiphertextBlob"]);
    let code = |blob: &str| bench.code("Decrypt", &[("CiphertextBlob", blob)]);
    assert_eq!(code(&foreign), "404 Forbidden.KeyVersionNotFound");
    for blob in ["AAAA", "not base64!", "MmFiMWE5ODMtNzA3Mi00YmJjLWE1ODItNTg0YjViZDgwMDA"] {
        assert_eq!(code(blob), "400 InvalidParameter", "{blob}");
    }
    assert_eq!(
        bench.code("Decrypt", &[("CiphertextBlob", &foreign), ("Recipient", "e")]),
        "400 UnsupportedOperation"
    );
    assert_eq!(bench.code("Decrypt", &[]), "400 MissingCiphertextBlob");
}

/// Two keys with equal rights: the blob of one, renamed to the other's version, does not open.
#[test]
fn a_renamed_blob_does_not_open() {
    use base64::Engine;
    let engine = base64::engine::general_purpose::STANDARD;
    let bench = Bench::new();
    let blob = |key: &str| {
        let reply = bench.ok("Encrypt", &[("KeyId", key), ("Plaintext", "p")]);
        engine.decode(text(&reply["CiphertextBlob"])).unwrap()
    };
    let (one, other) = (blob(&bench.key()), blob(&bench.key()));
    let renamed = engine.encode([&other[..36], &one[36..]].concat());
    assert_eq!(bench.code("Decrypt", &[("CiphertextBlob", &renamed)]), "400 InvalidParameter");
}

#[test]
fn dry_run_always_answers_an_error() {
    let bench = Bench::new();
    let key = bench.key();
    let blob = text(&bench.ok("Encrypt", &[("KeyId", &key), ("Plaintext", "p")])["CiphertextBlob"]);
    let dry = ("DryRun", "true");
    for (action, parameters) in [
        ("Encrypt", vec![("KeyId", key.as_str()), ("Plaintext", "p"), dry]),
        ("Decrypt", vec![("CiphertextBlob", &blob), dry]),
        ("GenerateDataKey", vec![("KeyId", &key), dry]),
        ("GenerateDataKeyWithoutPlaintext", vec![("KeyId", &key), dry]),
    ] {
        assert_eq!(bench.code(action, &parameters), "400 DryRunOperationError", "{action}");
    }
    assert_eq!(bench.code("GenerateDataKey", &[("KeyId", UNKNOWN), dry]), "400 ValidationError");
    assert_eq!(
        bench.send("Encrypt", &[("KeyId", &key), ("DryRun", "True")]).unwrap_err(),
        "400 ValidationError: The request would have failed: Plaintext is mandatory for this action."
    );
    for bad in [("NumberOfBytes", "x"), ("NumberOfBytes", "0"), ("EncryptionContext", "[]")] {
        assert_eq!(
            bench.code("GenerateDataKey", &[("KeyId", &key), bad, dry]),
            "400 ValidationError",
            "{bad:?}"
        );
    }
    assert_eq!(bench.code("GenerateDataKey", &[("KeyId", &key), ("DryRun", "x")]), "400 InvalidParameter");
    assert_eq!(bench.code("EnableKey", &[dry]), "400 MissingKeyId", "it has no DryRun");
}

#[test]
fn regions_and_unknown_actions() {
    let bench = Bench::new();
    assert_eq!(bench.ok("DescribeRegions", &[])["Regions"]["Region"], json!([{"RegionId": "cn-hangzhou"}]));
    for action in ["ListKmsInstances", "CreateClientKey", "createKey", "Nonsense", ""] {
        assert_eq!(bench.code(action, &[("KeyId", UNKNOWN)]), "404 InvalidAction.NotFound", "{action}");
    }
}
