//! Servers of the tests under names of the cloud: which certificates are trusted there.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::{env, fs};

use bulla_client::{Client, ClientOptions, CredentialOptions, CredentialProvider, Endpoint};
use bulla_wire::kms::DescribeRegions;
use support::authority::Authority;
use support::fake::Fake;
use support::namespace::in_namespace;
use support::sources::{FAR, REGIONS, assumed};

const INSTANCE: &str = "kst-hzz1.cryptoservice.kms.aliyuncs.com";

/// A KMS instance with a private authority, and the cloud's STS, whose authority the system trusts.
#[test]
fn a_kms_instance_with_its_own_authority_and_the_sts_of_the_cloud() {
    in_namespace("a_kms_instance_with_its_own_authority_and_the_sts_of_the_cloud", || {
        let of_instance = Authority::new();
        let of_cloud = Authority::new();
        // The system's certificates are found by environment variables, which a test must not change in its own process.
        let status = Command::new(env::current_exe().unwrap())
            .args(["--exact", "calls_of_the_child", "--ignored", "--nocapture"])
            .env("SSL_CERT_FILE", of_cloud.file.path())
            .env("INSTANCE_CA", of_instance.file.path())
            .spawn();
        let sts = Fake::listen_tls("127.0.0.2:443", of_cloud.server(&["sts.aliyuncs.com"], |_| ()), |_| {
            (200, assumed("STS.x", FAR))
        });
        let kms = Fake::listen_tls("127.0.0.3:443", of_instance.server(&[INSTANCE], |_| ()), |_| {
            (200, REGIONS.to_owned())
        });
        assert!(status.unwrap().wait().unwrap().success());
        let received = sts.received();
        assert_eq!((received.len(), received[0].header("host")), (1, Some("sts.aliyuncs.com")));
        assert_eq!(received[0].signed_by("s"), "i");
        let received = kms.received();
        assert_eq!((received.len(), received[0].header("host")), (1, Some(INSTANCE)));
        assert_eq!(received[0].signed_by("secret-of-STS.x"), "STS.x");
    });
}

#[test]
#[ignore = "runs inside the test above"]
fn calls_of_the_child() {
    let ca = env::var("INSTANCE_CA").unwrap();
    let kms = Endpoint::parse(&format!("https://{INSTANCE}")).unwrap();
    let connection = ClientOptions::new().ca(&ca);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials");
    let text = "[default]\ntype = ram_role_arn\naccess_key_id = i\naccess_key_secret = s\nrole_arn = r\n";
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let path = file.display().to_string();
    let environment = |name: &str| (name == "ALIBABA_CLOUD_CREDENTIALS_FILE").then(|| path.clone());
    let options = CredentialOptions::new(kms.clone(), connection.clone());
    let provider = CredentialProvider::find(environment, None, &options).unwrap();
    Client::new(kms, provider, connection).unwrap().call(&DescribeRegions::default()).unwrap();

    // The user's certificates are trusted at an STS that the user named, and the system's are not.
    let named = options.sts(Endpoint::parse_sts("sts.aliyuncs.com").unwrap());
    let provider = CredentialProvider::find(environment, None, &named).unwrap();
    let error = provider.access_key_id().unwrap_err();
    assert!(error.to_string().ends_with("https://sts.aliyuncs.com cannot be reached"), "{error}");
}
