//! The client as a KeyService, with a server that checks the requests.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use bulla_client::{ApiKeyService, CallError, Client, ClientOptions, KmsApi};
use bulla_envelope::{DataKey, EncryptionContext, KeyService, KeyServiceError};
use bulla_wire::Action;
use support::{Reply, SECRET, TestKms, credentials};

const DATA_KEY: &str = "ToT/8cI7bIT/G8QOz5eBNDfSpXdUi5guYYDZp1Ou/tc=";
const GENERATED: &str = r#"{"CiphertextBlob":"blob","KeyId":"key","KeyVersionId":"version",
    "Plaintext":"ToT/8cI7bIT/G8QOz5eBNDfSpXdUi5guYYDZp1Ou/tc=","RequestId":"r"}"#;

fn context() -> EncryptionContext {
    EncryptionContext::new([("部门", "a&b=c \"+\"")]).unwrap()
}

#[test]
fn generates_a_data_key() {
    let kms = TestKms::start(vec![Reply::Json(200, GENERATED)]);
    let generated = kms.key_service().generate_data_key("alias/work", &context()).unwrap();
    assert_eq!(*generated.data_key.to_base64(), DATA_KEY);
    let wrapped = generated.wrapped;
    assert_eq!(
        (wrapped.key_id.as_str(), wrapped.key_version_id.as_str(), wrapped.ciphertext_blob.as_str()),
        ("key", "version", "blob")
    );

    let request = kms.seen().remove(0);
    assert_eq!(request.action, "GenerateDataKey");
    let parameters: Vec<_> = request.parameters.iter().collect();
    assert_eq!(
        parameters,
        [
            ("EncryptionContext", r#"{"部门":"a&b=c \"+\""}"#),
            ("KeyId", "alias/work"),
            ("NumberOfBytes", "32"),
        ]
    );
}

#[test]
fn wraps_a_data_key() {
    let kms = TestKms::start(vec![Reply::Json(200, GENERATED)]);
    let data_key = DataKey::from_base64(DATA_KEY).unwrap();
    let wrapped = kms.key_service().wrap("key", &data_key, &EncryptionContext::default()).unwrap();
    assert_eq!(wrapped.ciphertext_blob, "blob");

    let request = kms.seen().remove(0);
    assert_eq!(request.action, "Encrypt");
    assert_eq!(request.parameters.iter().collect::<Vec<_>>(), [("KeyId", "key"), ("Plaintext", DATA_KEY)]);
}

#[test]
fn unwraps_a_data_key() {
    let kms = TestKms::start(vec![Reply::Json(200, GENERATED)]);
    let unwrapped = kms.key_service().unwrap("blob", &EncryptionContext::default()).unwrap();
    assert_eq!(*unwrapped.data_key.to_base64(), DATA_KEY);
    assert_eq!((unwrapped.key_id.as_str(), unwrapped.key_version_id.as_str()), ("key", "version"));

    let request = kms.seen().remove(0);
    assert_eq!(request.action, "Decrypt");
    assert_eq!(request.parameters.iter().collect::<Vec<_>>(), [("CiphertextBlob", "blob")]);
}

#[test]
fn introduces_itself_and_sends_the_token() {
    let kms = TestKms::start(vec![Reply::Json(200, GENERATED)]);
    let credentials = credentials(SECRET).with_security_token("token".to_owned()).unwrap();
    let client = Client::new(kms.endpoint.clone(), credentials, ClientOptions::default()).unwrap();
    ApiKeyService::new(client).unwrap("blob", &EncryptionContext::default()).unwrap();

    let request = kms.seen().remove(0);
    for (name, value) in [
        ("accept", Some("application/json")),
        ("accept-encoding", None),
        ("content-type", Some("application/x-www-form-urlencoded")),
        ("host", Some(kms.endpoint.host_header().as_str())),
        ("user-agent", Some(concat!("bulla/", env!("CARGO_PKG_VERSION")))),
        ("x-acs-security-token", Some("token")),
        ("x-acs-version", Some("2016-01-20")),
    ] {
        assert_eq!(request.header(name), value, "{name}");
    }
    assert_eq!(request.nonce.len(), 32);
}

#[test]
fn refusals_are_distinguished() {
    let kms = TestKms::start(vec![
        Reply::Json(409, r#"{"Code":"Rejected.Disabled","Message":"m","RequestId":"r"}"#),
        Reply::Json(
            400,
            r#"{"Code":"InvalidParameter","Message":"The specified parameter \"CiphertextBlob\" is not valid."}"#,
        ),
        Reply::Json(403, r#"{"Code":"Forbidden.NoPermission","Message":"m","RequestId":"r-1"}"#),
    ]);
    let service = kms.key_service();
    let disabled = service.generate_data_key("alias/work", &context()).unwrap_err();
    assert_eq!(disabled.to_string(), "the key alias/work cannot be used now: Rejected.Disabled");
    assert!(matches!(service.unwrap("blob", &context()), Err(KeyServiceError::Damaged)));
    let denied = service.unwrap("blob", &context()).unwrap_err();
    assert_eq!(denied.to_string(), "the KMS denied access with Forbidden.NoPermission: m (request r-1)");
}

#[test]
fn a_wrong_secret_is_denied_without_showing_the_request() {
    let kms = TestKms::start(vec![]);
    let client = Client::new(kms.endpoint, credentials("wrong"), ClientOptions::default()).unwrap();
    let data_key = DataKey::from_base64(DATA_KEY).unwrap();
    let error = ApiKeyService::new(client).wrap("key", &data_key, &EncryptionContext::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the KMS denied access with SignatureDoesNotMatch: \
         Specified signature is not matched with our calculation. (request request-id)"
    );
}

#[test]
fn a_data_key_of_another_length_is_no_answer() {
    let kms = TestKms::start(vec![Reply::Json(
        200,
        r#"{"CiphertextBlob":"blob","KeyId":"key","KeyVersionId":"version","Plaintext":"aHVudGVyMg=="}"#,
    )]);
    let error = kms.key_service().unwrap("blob", &EncryptionContext::default()).unwrap_err();
    assert!(matches!(error, KeyServiceError::InvalidResponse(_)));
    assert!(!format!("{error:?}").contains("aHVudGVyMg"));
}

/// Creates `alias/new` on first use, like an embedded KMS creates its default key.
struct Creating(Client);

impl KmsApi for Creating {
    fn call<A: Action>(&self, request: &A) -> Result<A::Reply, CallError> {
        self.0.call(request)
    }

    fn create_on_first_use(&self, key: &str) -> Result<bool, CallError> {
        Ok(key == "alias/new")
    }
}

#[test]
fn a_key_that_is_created_on_first_use_is_requested_again() {
    const MISSING: Reply =
        Reply::Json(404, r#"{"Code":"Forbidden.AliasNotFound","Message":"m","RequestId":"r"}"#);
    let kms = TestKms::start(vec![MISSING, Reply::Json(200, GENERATED), MISSING, MISSING, MISSING]);
    let service = ApiKeyService::new(Creating(kms.client()));
    service.generate_data_key("alias/new", &context()).unwrap();
    let missing = service.wrap("alias/new", &DataKey::random(), &context()).unwrap_err();
    assert_eq!(missing.to_string(), "the KMS has no key alias/new", "it is created once for each call");
    let missing = service.generate_data_key("alias/other", &context()).unwrap_err();
    assert_eq!(missing.to_string(), "the KMS has no key alias/other");
    let received: Vec<_> = kms.seen().into_iter().map(|request| request.action).collect();
    assert_eq!(received, ["GenerateDataKey", "GenerateDataKey", "Encrypt", "Encrypt", "GenerateDataKey"]);
}
