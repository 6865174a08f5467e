//! Round trips for every action: the server parses what a client prints.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;

use bulla_wire::kms::*;
use bulla_wire::{
    Action, ContextParameter, ErrorCode, MaybeEmpty, Parameters, Product, Reply, ReplyFormat, Request,
    Unread, kms, render_reply,
};
use serde_json::json;

/// Checks a request whose parameters are all texts.
fn texts<A: Action + PartialEq + std::fmt::Debug>(expected: &str) -> &'static str {
    let request = A::parse(&Parameters::from_query(expected).unwrap()).unwrap();
    round_trip(request, expected)
}

fn round_trip<A: Action + PartialEq + std::fmt::Debug>(request: A, expected: &str) -> &'static str {
    let printed = request.print();
    assert_eq!(printed.encode(), expected, "{}", A::NAME);
    let parsed = Parameters::from_query_and_form("", &printed.encode()).unwrap();
    assert_eq!(A::parse(&parsed).unwrap(), request);
    assert_eq!(Request::parse(A::PRODUCT, A::NAME, &parsed).unwrap().action(), (A::PRODUCT, A::NAME));
    A::NAME
}

#[test]
fn every_action_parses_what_it_prints() {
    let context = Some(ContextParameter(BTreeMap::from([("k 2".into(), "值".into())])));
    let context_text = "EncryptionContext=%7B%22k%202%22%3A%22%E5%80%BC%22%7D";
    let key_id = String::from("alias/a");
    let alias_name = String::from("alias/Apollo/WorkKey");
    let names = [
        round_trip(
            CreateKey {
                description: Some("密钥 *~ +&=/?%'()!".into()),
                key_spec: Some("Aliyun_AES_256".into()),
                key_usage: Some("ENCRYPT/DECRYPT".into()),
                enable_automatic_rotation: Some(false),
                dkms_instance_id: Some("kst-1".into()),
                ..CreateKey::default()
            },
            "DKMSInstanceId=kst-1&Description=%E5%AF%86%E9%92%A5%20%2A~%20%2B%26%3D%2F%3F%25%27%28%29%21\
             &EnableAutomaticRotation=false&KeySpec=Aliyun_AES_256&KeyUsage=ENCRYPT%2FDECRYPT",
        ),
        round_trip(DescribeKey { key_id: key_id.clone() }, "KeyId=alias%2Fa"),
        round_trip(
            ListKeys { page_number: Some(2), page_size: Some(100), filters: Some("[]".into()) },
            "Filters=%5B%5D&PageNumber=2&PageSize=100",
        ),
        round_trip(EnableKey { key_id: key_id.clone() }, "KeyId=alias%2Fa"),
        round_trip(DisableKey { key_id: key_id.clone() }, "KeyId=alias%2Fa"),
        texts::<UpdateKeyDescription>("Description=d&KeyId=k"),
        texts::<ScheduleKeyDeletion>("KeyId=k&PendingWindowInDays=7"),
        texts::<CancelKeyDeletion>("KeyId=k"),
        texts::<SetDeletionProtection>(
            "DeletionProtectionDescription=d&EnableDeletionProtection=true&ProtectedResourceArn=a",
        ),
        texts::<CreateKeyVersion>("KeyId=k"),
        texts::<DescribeKeyVersion>("KeyId=k&KeyVersionId=v"),
        texts::<ListKeyVersions>("KeyId=k&PageNumber=2&PageSize=101"),
        texts::<UpdateRotationPolicy>("EnableAutomaticRotation=true&KeyId=k&RotationInterval=7d"),
        texts::<DescribeKeyUses>("KeyId=k"),
        texts::<DescribeKeyBackups>("KeyId=k"),
        texts::<GetParametersForImport>("KeyId=k&WrappingAlgorithm=a&WrappingKeySpec=s"),
        texts::<ImportKeyMaterial>(
            "EncryptedKeyMaterial=m&ImportToken=t&KeyId=k&KeyMaterialExpireUnix=1893456000",
        ),
        texts::<DeleteKeyMaterial>("KeyId=k"),
        texts::<GetKeyPolicy>("KeyId=k&PolicyName=default"),
        texts::<SetKeyPolicy>("KeyId=k&Policy=%7B%7D&PolicyName=default"),
        round_trip(GetKeyDefaultPolicy {}, ""),
        round_trip(
            CreateAlias { key_id: key_id.clone(), alias_name: alias_name.clone() },
            "AliasName=alias%2FApollo%2FWorkKey&KeyId=alias%2Fa",
        ),
        round_trip(
            UpdateAlias { key_id: key_id.clone(), alias_name: alias_name.clone() },
            "AliasName=alias%2FApollo%2FWorkKey&KeyId=alias%2Fa",
        ),
        round_trip(DeleteAlias { alias_name }, "AliasName=alias%2FApollo%2FWorkKey"),
        round_trip(ListAliases::default(), ""),
        round_trip(
            ListAliasesByKeyId { key_id: key_id.clone(), page_number: None, page_size: Some(0) },
            "KeyId=alias%2Fa&PageSize=0",
        ),
        round_trip(
            Encrypt {
                key_id: key_id.clone(),
                plaintext: String::from("aGk=").into(),
                encryption_context: context.clone(),
                dry_run: Some(true),
            },
            &format!("DryRun=true&{context_text}&KeyId=alias%2Fa&Plaintext=aGk%3D"),
        ),
        round_trip(
            Decrypt {
                ciphertext_blob: "b\n".into(),
                encryption_context: context.clone(),
                recipient: None,
                dry_run: None,
            },
            &format!("CiphertextBlob=b%0A&{context_text}"),
        ),
        round_trip(
            GenerateDataKey { key_id: key_id.clone(), number_of_bytes: Some(32), ..Default::default() },
            "KeyId=alias%2Fa&NumberOfBytes=32",
        ),
        round_trip(
            GenerateDataKeyWithoutPlaintext {
                key_id,
                key_spec: Some("AES_128".into()),
                encryption_context: context,
                ..Default::default()
            },
            &format!("{context_text}&KeyId=alias%2Fa&KeySpec=AES_128"),
        ),
        texts::<ReEncrypt>(
            "CiphertextBlob=b&DestinationEncryptionContext=%7B%22a%22%3A%22b%22%7D&DestinationKeyId=d\
             &DryRun=true&SourceEncryptionAlgorithm=a&SourceEncryptionContext=%7B%22c%22%3A%22d%22%7D\
             &SourceKeyId=s&SourceKeyVersionId=v",
        ),
        texts::<ExportDataKey>("CiphertextBlob=b&PublicKeyBlob=p&WrappingAlgorithm=a&WrappingKeySpec=s"),
        texts::<GenerateAndExportDataKey>(
            "KeyId=k&KeySpec=AES_128&NumberOfBytes=9&PublicKeyBlob=p&WrappingAlgorithm=a&WrappingKeySpec=s",
        ),
        texts::<GetPublicKey>("DryRun=false&KeyId=k&KeyVersionId=v"),
        texts::<AsymmetricEncrypt>("Algorithm=a&KeyId=k&KeyVersionId=v&Plaintext=p"),
        texts::<AsymmetricDecrypt>("Algorithm=a&CiphertextBlob=b&KeyId=k&KeyVersionId=v&Recipient=r"),
        texts::<AsymmetricSign>("Algorithm=a&Digest=d&KeyId=k&KeyVersionId=v"),
        texts::<AsymmetricVerify>("Algorithm=a&Digest=d&KeyId=k&KeyVersionId=v&Value=s"),
        texts::<GenerateMac>("Algorithm=a&KeyId=k&Message=m"),
        texts::<VerifyMac>("Algorithm=a&KeyId=k&Mac=c&Message=m"),
        texts::<TagResource>("CertificateId=c&KeyId=k&SecretName=s&Tags=%5B%5D"),
        texts::<UntagResource>("KeyId=k&TagKeys=%5B%5D"),
        texts::<ListResourceTags>("KeyId=k"),
        texts::<TagResources>(
            "RegionId=r&ResourceId.1=a&ResourceId.2=b&ResourceType=key\
             &Tag.1.Key=k&Tag.1.Value=&Tag.2.Key=l&Tag.2.Value=v",
        ),
        texts::<UntagResources>("All=false&RegionId=r&ResourceId.1=a&ResourceType=key&TagKey.1=k"),
        texts::<ListTagResources>(
            "NextToken=n&RegionId=r&ResourceId.1=a&ResourceType=key&Tag.1.Key=k&Tag.1.Value=v",
        ),
        round_trip(DescribeRegions {}, ""),
        round_trip(DescribeAccountKmsStatus {}, ""),
        round_trip(OpenKmsService {}, ""),
        texts::<GetRandomPassword>(
            "ExcludeCharacters=x&ExcludeLowercase=true&ExcludeNumbers=true&ExcludePunctuation=true\
             &ExcludeUppercase=true&PasswordLength=9&RequireEachIncludedType=true",
        ),
    ];
    let table = Product::Kms.actions();
    assert_eq!([&names[..], &secrets()].concat(), table, "an action lacks its round trip");
}

fn secrets() -> [&'static str; 15] {
    let secret_name = || String::from("db/a+b@c");
    let name_text = "SecretName=db%2Fa%2Bb%40c";
    [
        round_trip(
            CreateSecret {
                secret_name: secret_name(),
                version_id: "v 1".into(),
                secret_data: String::from("密 +&=~*").into(),
                encryption_key_id: Some("alias/a".into()),
                enable_automatic_rotation: Some(false),
                dkms_instance_id: Some("kst-1".into()),
                ..CreateSecret::default()
            },
            &format!(
                "DKMSInstanceId=kst-1&EnableAutomaticRotation=false&EncryptionKeyId=alias%2Fa\
                 &SecretData=%E5%AF%86%20%2B%26%3D~%2A&{name_text}&VersionId=v%201"
            ),
        ),
        round_trip(
            DescribeSecret { secret_name: secret_name(), fetch_tags: Some(true) },
            &format!("FetchTags=true&{name_text}"),
        ),
        round_trip(
            ListSecrets { page_number: Some(2), fetch_tags: Some(false), ..ListSecrets::default() },
            "FetchTags=false&PageNumber=2",
        ),
        round_trip(
            UpdateSecret {
                secret_name: secret_name(),
                description: Some(MaybeEmpty("d".into())),
                extended_config: Some(Unread::default()),
            },
            &format!("Description=d&ExtendedConfig=%7B%7D&{name_text}"),
        ),
        round_trip(
            DeleteSecret {
                secret_name: secret_name(),
                force_delete_without_recovery: Some(false),
                recovery_window_in_days: Some(7),
            },
            &format!("ForceDeleteWithoutRecovery=false&RecoveryWindowInDays=7&{name_text}"),
        ),
        round_trip(RestoreSecret { secret_name: secret_name() }, name_text),
        round_trip(
            UpdateSecretRotationPolicy {
                secret_name: secret_name(),
                enable_automatic_rotation: true,
                rotation_interval: Some("7d".into()),
            },
            &format!("EnableAutomaticRotation=true&RotationInterval=7d&{name_text}"),
        ),
        round_trip(
            RotateSecret { secret_name: secret_name(), version_id: "v2".into() },
            &format!("{name_text}&VersionId=v2"),
        ),
        round_trip(
            GetSecretValue {
                secret_name: secret_name(),
                version_stage: Some("ACSPrevious".into()),
                dry_run: Some(true),
                ..GetSecretValue::default()
            },
            &format!("DryRun=true&{name_text}&VersionStage=ACSPrevious"),
        ),
        round_trip(
            BatchGetSecretValue { secrets_list: r#"[{"SecretName":"a"}]"#.into() },
            "SecretsList=%5B%7B%22SecretName%22%3A%22a%22%7D%5D",
        ),
        round_trip(
            PutSecretValue {
                secret_name: secret_name(),
                version_id: "v2".into(),
                secret_data: String::from("s").into(),
                secret_data_type: Some("binary".into()),
                version_stages: Some(r#"["a"]"#.into()),
            },
            &format!(
                "SecretData=s&SecretDataType=binary&{name_text}&VersionId=v2&VersionStages=%5B%22a%22%5D"
            ),
        ),
        round_trip(
            ListSecretVersionIds {
                secret_name: secret_name(),
                include_deprecated: Some(true),
                page_number: None,
                page_size: Some(20),
            },
            &format!("IncludeDeprecated=true&PageSize=20&{name_text}"),
        ),
        round_trip(
            UpdateSecretVersionStage {
                secret_name: secret_name(),
                version_stage: "ACSCurrent".into(),
                move_to_version: Some("v2".into()),
                ..UpdateSecretVersionStage::default()
            },
            &format!("MoveToVersion=v2&{name_text}&VersionStage=ACSCurrent"),
        ),
        texts::<GetSecretPolicy>("PolicyName=default&SecretName=s"),
        texts::<SetSecretPolicy>("Policy=%7B%7D&SecretName=s"),
    ]
}

#[test]
fn the_actions_of_secrets_parse_what_they_print() {
    let table = Product::Kms.actions();
    assert!(table.ends_with(&secrets()));
}

#[test]
fn replies_about_secrets_render_as_json_and_xml() {
    let value = |name: &str| GetSecretValueReply {
        secret_name: name.into(),
        secret_type: "Generic".into(),
        version_id: "v1".into(),
        secret_data: String::from("<s>").into(),
        secret_data_type: "text".into(),
        version_stages: VersionStageList { version_stage: vec!["ACSCurrent".into(), "x".into()] },
        create_time: bulla_wire::Timestamp::from_unix(0),
    };
    let error = SecretError {
        secret_name: "c".into(),
        code: "Forbidden.ResourceNotFound".into(),
        http_status: 404,
        message: "Resource not found.".into(),
    };
    let reply = BatchGetSecretValueReply { secret_values: vec![value("a"), value("b")], errors: vec![error] };
    let rendered =
        |format| render_reply(format, &Reply::Kms(kms::Reply::BatchGetSecretValue(reply.clone())), "r-1");
    let json = rendered(ReplyFormat::Json);
    assert_eq!(serde_json::from_str::<BatchGetSecretValueReply>(&json).unwrap(), reply);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&json).unwrap()["Errors"][0]["HttpStatus"],
        json!(404)
    );
    let item = |name: &str| {
        format!(
            "<SecretValues><SecretName>{name}</SecretName><SecretType>Generic</SecretType><VersionId>v1</VersionId>\
             <SecretData>&lt;s&gt;</SecretData><SecretDataType>text</SecretDataType><VersionStages>\
             <VersionStage>ACSCurrent</VersionStage><VersionStage>x</VersionStage></VersionStages>\
             <CreateTime>1970-01-01T00:00:00Z</CreateTime></SecretValues>"
        )
    };
    assert_eq!(
        *rendered(ReplyFormat::Xml),
        format!(
            "<BatchGetSecretValueResponse>{}{}<Errors><SecretName>c</SecretName>\
             <Code>Forbidden.ResourceNotFound</Code><HttpStatus>404</HttpStatus><Message>Resource not found.</Message>\
             </Errors><RequestId>r-1</RequestId></BatchGetSecretValueResponse>",
            item("a"),
            item("b")
        )
    );
    assert!(!format!("{reply:?}").contains("<s>"));
}

fn code<A: Action + std::fmt::Debug>(query: &str) -> String {
    A::parse(&Parameters::from_query(query).unwrap()).unwrap_err().to_string()
}

#[test]
fn missing_and_invalid_parameters_are_named() {
    assert_eq!(code::<DescribeKey>(""), "MissingKeyId: KeyId is mandatory for this action.");
    assert_eq!(code::<DescribeKey>("KeyId="), "MissingKeyId: KeyId is mandatory for this action.");
    let invalid = |name: &str| format!("InvalidParameter: The specified parameter \"{name}\" is not valid.");
    assert_eq!(code::<ListKeys>("PageSize=ten"), invalid("PageSize"));
    assert_eq!(code::<ListKeys>("PageSize=-1"), invalid("PageSize"));
    assert_eq!(code::<ListKeys>("PageSize=%2B1"), invalid("PageSize"));
    assert_eq!(code::<ListKeys>("PageSize=4294967296"), invalid("PageSize"));
    assert_eq!(code::<CreateKey>("EnableAutomaticRotation=yes"), invalid("EnableAutomaticRotation"));
    assert_eq!(code::<DescribeKey>("KeyId.1=a"), invalid("KeyId"));
    for bad in ["ResourceId.0=a", "ResourceId.x=a", "ResourceId=a", "ResourceId.01=a", "ResourceId.%2B1=a"] {
        let query = format!("RegionId=r&ResourceType=key&Tag.1.Key=k&{bad}");
        assert_eq!(code::<TagResources>(&query), invalid("ResourceId"), "{bad}");
    }
    for bad in ["Tag.1.Value=v", "Tag.1.Colour=c", "Tag.x.Key=k", "Tag.1=k"] {
        let query = format!("RegionId=r&ResourceType=key&ResourceId.1=a&{bad}");
        assert_eq!(code::<TagResources>(&query), invalid("Tag"), "{bad}");
    }
    assert_eq!(
        code::<TagResources>("RegionId=r&ResourceType=key&Tag.1.Key=k").split(':').next(),
        Some("MissingResourceId")
    );
    let decrypt = |context: &str| code::<Decrypt>(&format!("CiphertextBlob=b&{context}"));
    assert_eq!(decrypt("EncryptionContext=[]"), invalid("EncryptionContext"));
    assert_eq!(decrypt("EncryptionContext={}&EncryptionContext.a=b"), invalid("EncryptionContext"));
}

#[test]
fn booleans_contexts_and_unknown_parameters_as_clients_send_them() {
    let parse = |query: &str| Encrypt::parse(&Parameters::from_query(query).unwrap()).unwrap();
    let encrypt = parse("KeyId=k&Plaintext=p&DryRun=True&EncryptionContext=&RegionId=r&Unknown=1");
    assert_eq!((encrypt.dry_run, encrypt.encryption_context), (Some(true), None));
    let numbered = "RegionId=r&ResourceType=key&Tag.1.Key=k&ResourceId.10=c&ResourceId.2=b&ResourceId.1=a";
    let numbered = TagResources::parse(&Parameters::from_query(numbered).unwrap()).unwrap();
    assert_eq!(numbered.resource_id.0, ["a", "b", "c"], "by number, and not by the letters of it");
    let dotted = parse("KeyId=k&Plaintext=p&EncryptionContext=&EncryptionContext.a.b=c&EncryptionContext.x=");
    let pairs = dotted.encryption_context.unwrap().0;
    assert_eq!(pairs, BTreeMap::from([("a.b".into(), "c".into()), ("x".into(), String::new())]));
}

#[test]
fn unknown_actions_are_not_found() {
    let error = Request::parse(Product::Kms, "createkey", &Parameters::default()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidActionNotFound);
}

#[test]
fn replies_render_as_json_and_xml() {
    let entry = |id: &str| KeyEntry { key_id: id.into(), key_arn: format!("acs:kms:r:1:key/{id}&<") };
    let reply = ListKeysReply {
        keys: KeyList { key: vec![entry("a"), entry("b")] },
        total_count: 2,
        page_number: 1,
        page_size: 10,
    };
    let list = |format| render_reply(format, &Reply::Kms(kms::Reply::ListKeys(reply.clone())), "r-1");
    let text = list(ReplyFormat::Json);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["TotalCount"], json!(2), "numbers are numbers");
    assert_eq!(value["RequestId"], json!("r-1"));
    assert_eq!(serde_json::from_str::<ListKeysReply>(&text).unwrap(), reply);
    assert_eq!(
        *list(ReplyFormat::Xml),
        "<ListKeysResponse><Keys>\
         <Key><KeyId>a</KeyId><KeyArn>acs:kms:r:1:key/a&amp;&lt;</KeyArn></Key>\
         <Key><KeyId>b</KeyId><KeyArn>acs:kms:r:1:key/b&amp;&lt;</KeyArn></Key>\
         </Keys><TotalCount>2</TotalCount><PageNumber>1</PageNumber><PageSize>10</PageSize>\
         <RequestId>r-1</RequestId></ListKeysResponse>"
    );
    let enabled = Reply::Kms(kms::Reply::EnableKey(Done {}));
    assert_eq!(*render_reply(ReplyFormat::Json, &enabled, "r-1"), r#"{"RequestId":"r-1"}"#);
    assert_eq!(
        *render_reply(ReplyFormat::Xml, &enabled, "r-1"),
        "<EnableKeyResponse><RequestId>r-1</RequestId></EnableKeyResponse>"
    );
}

#[test]
fn replies_about_uses_and_backups_render_as_json_and_xml() {
    let at = bulla_wire::Timestamp::from_unix;
    let version = |id: &str, encryptions, last_use_date| KeyVersionUse {
        key_version_id: id.into(),
        encryptions,
        other_operations: 1,
        last_use_date,
    };
    let used =
        vec![version("b", 0, None), version("a", u64::MAX, Some(at(60))), version("c", 0, Some(at(9)))];
    let uses = DescribeKeyUsesReply {
        counted_since: at(0),
        key_version_uses: KeyVersionUseList { key_version_use: used },
    };
    assert_eq!(uses.last_use_date(), Some(at(60)));
    let rendered = |format| render_reply(format, &Reply::Kms(kms::Reply::DescribeKeyUses(uses.clone())), "r");
    let json = rendered(ReplyFormat::Json);
    assert_eq!(
        *json,
        "{\"CountedSince\":\"1970-01-01T00:00:00Z\",\"KeyVersionUses\":{\"KeyVersionUse\":[\
         {\"KeyVersionId\":\"b\",\"Encryptions\":0,\"OtherOperations\":1},\
         {\"KeyVersionId\":\"a\",\"Encryptions\":18446744073709551615,\"OtherOperations\":1,\
         \"LastUseDate\":\"1970-01-01T00:01:00Z\"},\
         {\"KeyVersionId\":\"c\",\"Encryptions\":0,\"OtherOperations\":1,\
         \"LastUseDate\":\"1970-01-01T00:00:09Z\"}]},\"RequestId\":\"r\"}"
    );
    assert_eq!(serde_json::from_str::<DescribeKeyUsesReply>(&json).unwrap(), uses);
    assert!(rendered(ReplyFormat::Xml).contains("<KeyVersionUse><KeyVersionId>b</KeyVersionId>"));

    let scheduled = DescribeKeyBackupsReply {
        scheduled: true,
        backups: Some(2),
        newest: Some(at(0)),
        kept_until: Some(at(60)),
    };
    let some = r#""Backups":2,"Newest":"1970-01-01T00:00:00Z","KeptUntil":"1970-01-01T00:01:00Z","#;
    let none = DescribeKeyBackupsReply { scheduled: true, backups: Some(0), ..Default::default() };
    for (reply, expected) in [
        (scheduled, format!(r#"{{"Scheduled":true,{some}"RequestId":"r"}}"#)),
        (none, r#"{"Scheduled":true,"Backups":0,"RequestId":"r"}"#.into()),
        (DescribeKeyBackupsReply::default(), r#"{"Scheduled":false,"RequestId":"r"}"#.into()),
    ] {
        let rendered = Reply::Kms(kms::Reply::DescribeKeyBackups(reply.clone()));
        let json = render_reply(ReplyFormat::Json, &rendered, "r");
        assert_eq!(*json, expected);
        assert_eq!(serde_json::from_str::<DescribeKeyBackupsReply>(&json).unwrap(), reply);
    }
}

#[test]
fn secrets_do_not_show() {
    let encrypt = Encrypt::parse(&Parameters::from_query("KeyId=k&Plaintext=hunter2").unwrap()).unwrap();
    assert!(!format!("{:?}", Request::from(encrypt)).contains("hunter2"));
    let of_secret = Parameters::from_query("SecretName=s&VersionId=v&SecretData=hunter2").unwrap();
    let requests =
        [CreateSecret::parse(&of_secret).unwrap().into(), PutSecretValue::parse(&of_secret).unwrap().into()];
    for request in requests {
        let request: Request = request;
        assert!(!format!("{request:?}").contains("hunter2"));
    }
}
