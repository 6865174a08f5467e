//! Sessions that begin with a token of an OIDC provider.

use serde_json::{Value, json};

use super::world::{ACCOUNT, Credentials, EVERYTHING, World};
use crate::OidcProvider;
use crate::oidc::testing::Issuer;

/// A world with the provider `ci`, its keys and a role that trusts one of its subjects.
pub(super) struct Setup {
    pub(super) world: World,
    issuer: Issuer,
}

fn provider(issuer: &str) -> OidcProvider {
    OidcProvider {
        name: "ci".into(),
        issuer: issuer.into(),
        client_ids: vec!["bulla".into(), "other".into()],
    }
}

impl Setup {
    pub(super) fn new() -> Self {
        let world = World::new();
        let issuer = Issuer::ec("k");
        let kms = world.kms_ref();
        kms.set_oidc_providers(vec![provider("https://ci.example")]);
        let keys = json!({ "keys": [issuer.jwk()] }).to_string();
        assert_eq!(kms.set_oidc_keys("ci", keys.as_bytes()), Ok(1));
        let condition = r#"{"StringEquals":{"oidc:aud":"bulla","oidc:iss":"https://ci.example"},"StringLike":{"oidc:sub":"repo:team/*"}}"#;
        for (role, action) in [("deploy", "sts:AssumeRole"), ("deploy2", "sts:AssumeRoleWithOIDC")] {
            let trust = format!(
                r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":"{action}","Principal":{{"Federated":"acs:ram::{ACCOUNT}:oidc-provider/ci"}},"Condition":{condition}}}]}}"#
            );
            world.role(role, &trust, EVERYTHING);
        }
        Self { world, issuer }
    }

    pub(super) fn token(&self, changes: Value) -> String {
        let mut claims = self.issuer.claims();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.issuer.token(&claims)
    }

    pub(super) fn assume(&self, token: &str, changes: &[(&str, &str)]) -> Result<Value, String> {
        let mut parameters = vec![
            ("RoleArn", "acs:ram::111122223333:role/deploy"),
            ("OIDCProviderArn", "acs:ram::111122223333:oidc-provider/ci"),
            ("OIDCToken", token),
            ("RoleSessionName", "job"),
        ];
        for (name, value) in changes {
            parameters.retain(|(parameter, _)| parameter != name);
            parameters.push((name, value));
        }
        self.world.send_unsigned("AssumeRoleWithOIDC", &parameters).map_err(|error| error.code_text())
    }
}

#[test]
fn the_bearer_of_a_token_gets_credentials_without_a_signature() {
    let setup = Setup::new();
    for (role, end) in [("deploy", ""), ("deploy2", "\n")] {
        let token = format!("{}{end}", setup.token(json!({"aud": ["bulla", "x"]})));
        let arn = format!("acs:ram::{ACCOUNT}:role/{role}");
        let answer = setup.assume(&token, &[("RoleArn", &arn)]).unwrap();
        let info = json!({
            "Subject": "repo:team/app", "Issuer": "https://ci.example", "ClientIds": "bulla,x",
            "ExpirationTime": "2027-01-15T08:10:00Z", "IssuanceTime": "2027-01-15T08:00:00Z",
            "VerificationInfo": "Success",
        });
        assert_eq!(answer["OIDCTokenInfo"], info);
        let session = Credentials::of(&answer);
        setup.world.kms(&session, "ListKeys", &[]).unwrap();
        let identity = setup.world.sts(&session, "GetCallerIdentity", &[]).unwrap();
        assert_eq!(identity["Arn"], format!("acs:ram::{ACCOUNT}:assumed-role/{role}/job"));
    }
}

#[test]
fn conditions_see_the_claims_of_the_token() {
    let setup = Setup::new();
    let code = |changes| setup.assume(&setup.token(changes), &[]).map(drop);
    assert_eq!(code(json!({"sub": "repo:team/other"})), Ok(()));
    for changes in [json!({"sub": "repo:evil/app"}), json!({"aud": "other"}), json!({"aud": ["x", "other"]})]
    {
        assert_eq!(code(changes.clone()), Err("NoPermission".into()), "{changes}");
    }
}

#[test]
fn every_refusal_has_its_code() {
    let setup = Setup::new();
    let good = setup.token(json!({}));
    let invalid = Err("AuthenticationFail.OIDCToken.Invalid".to_owned());
    let assume = |token: &str, changes: &[(&str, &str)]| setup.assume(token, changes).map(drop);
    assert_eq!(assume("a.b.c", &[]), invalid);
    assert_eq!(assume(&setup.token(json!({"iss": "https://other.example"})), &[]), invalid);
    assert_eq!(assume(&good, &[("OIDCProviderArn", "acs:ram::111122223333:oidc-provider/none")]), invalid);
    assert_eq!(assume(&good, &[("OIDCProviderArn", "acs:ram::999988887777:oidc-provider/ci")]), invalid);
    let expired = Err("AuthenticationFail.OIDCToken.Expired".into());
    assert_eq!(assume(&setup.token(json!({"exp": 1_799_999_000})), &[]), expired);
    let other = Issuer::ec("other");
    let mismatch = Err("AuthenticationFail.OIDCToken.PublicKeyFingerprintMismatch".into());
    assert_eq!(assume(&other.token(&other.claims()), &[]), mismatch);
    assert!(setup.world.kms_ref().wants_oidc_keys("ci") && !setup.world.kms_ref().wants_oidc_keys("ci"));
    for (name, value) in [
        ("OIDCProviderArn", "ci"),
        ("OIDCToken", "abc"),
        ("OIDCToken", &"a".repeat(20_001)),
        ("RoleArn", "deploy"),
        ("RoleSessionName", "a b"),
        ("DurationSeconds", "1"),
    ] {
        assert_eq!(assume(&good, &[(name, value)]), Err(format!("InvalidParameter.{name}")));
    }
    let missing = "acs:ram::111122223333:role/none";
    assert_eq!(assume(&good, &[("RoleArn", missing)]), Err("NoPermission".into()));
    assert_eq!(assume(&good, &[("DurationSeconds", "3601")]), Err("InvalidParameter.DurationSeconds".into()));
}

/// A role that trusts users does not trust tokens, and vice versa.
#[test]
fn a_token_and_a_user_are_different_principals() {
    let setup = Setup::new();
    let alice = setup.world.user("alice", EVERYTHING);
    setup.world.role("ops", &super::world::trusting("root", ""), EVERYTHING);
    let arn = "acs:ram::111122223333:role/ops";
    assert_eq!(setup.assume(&setup.token(json!({})), &[("RoleArn", arn)]), Err("NoPermission".into()));
    assert_eq!(setup.world.assume(&alice, "deploy").unwrap_err(), "NoPermission");
}

/// The old Python SDK signs the request with any credentials that it has.
#[test]
fn a_signature_is_verified_and_its_signer_does_not_count() {
    let setup = Setup::new();
    let unprivileged = setup.world.user("nobody", "");
    let send = |by: &Credentials| {
        let parameters = [
            ("RoleArn", "acs:ram::111122223333:role/deploy"),
            ("OIDCProviderArn", "acs:ram::111122223333:oidc-provider/ci"),
            ("OIDCToken", &*setup.token(json!({}))),
            ("RoleSessionName", "job"),
        ];
        setup.world.sts(by, "AssumeRoleWithOIDC", &parameters).map_err(|error| error.code_text())
    };
    for by in [&unprivileged, &setup.world.root()] {
        let session = Credentials::of(&send(by).unwrap());
        setup.world.kms(&session, "ListKeys", &[]).unwrap();
    }
    let wrong = Credentials { secret: "wrong".into(), ..unprivileged.clone() };
    assert_eq!(send(&wrong), Err("SignatureDoesNotMatch".into()));
    setup.world.set_access_key(&unprivileged, false);
    assert_eq!(send(&unprivileged), Err("Forbidden.AccessKey".into()));
}

#[test]
fn sessions_end_with_their_provider() {
    let setup = Setup::new();
    let kms = setup.world.kms_ref();
    let session = Credentials::of(&setup.assume(&setup.token(json!({})), &[]).unwrap());
    setup.world.kms(&session, "ListKeys", &[]).unwrap();
    kms.set_oidc_providers(vec![provider("https://new.example")]);
    assert_eq!(setup.world.kms_code(&session, "ListKeys", &[]), "InvalidSecurityToken.Expired");
    kms.set_oidc_providers(vec![]);
    assert_eq!(setup.world.kms_code(&session, "ListKeys", &[]), "InvalidSecurityToken.Expired");
    let token = setup.token(json!({}));
    assert_eq!(setup.assume(&token, &[]), Err("AuthenticationFail.OIDCToken.Invalid".into()));
    kms.set_oidc_providers(vec![provider("https://ci.example")]);
    assert_eq!(
        setup.assume(&token, &[]),
        Err("ServiceUnavailableTemporary".into()),
        "its keys are not known"
    );
}

#[test]
fn forgotten_keys_verify_nothing() {
    let setup = Setup::new();
    let token = setup.token(json!({}));
    setup.assume(&token, &[]).unwrap();
    setup.world.kms_ref().forget_oidc_keys("another");
    setup.assume(&token, &[]).unwrap();
    setup.world.kms_ref().forget_oidc_keys("ci");
    assert_eq!(setup.assume(&token, &[]), Err("ServiceUnavailableTemporary".into()));
}
