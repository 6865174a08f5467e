//! Every source of credentials with servers, programs and files of the tests. The tests of the instance role are in
//! `metadata.rs`, because its address needs a network namespace.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicUsize, Ordering};

use bulla_client::Endpoint;
use bulla_wire::kms::DescribeRegions;
use bulla_wire::{Request, sts};
use serde_json::{Value, json};
use support::fake::{Fake, Received};
use support::sources::{FAR, REGIONS, Setup, assumed, code, coded};

const ROLE: &str = "acs:ram::1111222233334444:role/backup";
const KEY: &str = "ALIBABA_CLOUD_ACCESS_KEY_ID";
const SECRET: &str = "ALIBABA_CLOUD_ACCESS_KEY_SECRET";

fn access_key(name: &str, id: &str) -> Value {
    json!({ "name": name, "mode": "AK", "access_key_id": id, "access_key_secret": format!("secret-of-{id}") })
}

/// Checks that the KMS was called with the credentials `id`, and with their token if they are temporary.
fn check(received: &Received, id: &str, temporary: bool) {
    assert_eq!(received.signed_by(&format!("secret-of-{id}")), id);
    let token = temporary.then(|| format!("token-of-{id}"));
    assert_eq!(received.header("x-acs-security-token"), token.as_deref());
}

/// Returns a setup in which roles are assumed at a separate server, which issues `STS.1`, `STS.2`, ….
fn with_sts() -> (Setup, Fake) {
    let count = AtomicUsize::new(0);
    let sts = Fake::start(move |_| {
        (200, assumed(&format!("STS.{}", count.fetch_add(1, Ordering::Relaxed) + 1), FAR))
    });
    let mut setup = Setup::new();
    setup.sts = Some(Endpoint::parse(&sts.url).unwrap());
    (setup, sts)
}

// The environment

#[test]
fn variables_come_first() {
    let mut setup = Setup::new();
    setup.profiles(&[access_key("p", "profile")]);
    setup.set(KEY, "env");
    setup.set(SECRET, "secret-of-env");
    let (received, place) = setup.call().unwrap();
    check(&received, "env", false);
    assert_eq!(place, KEY);
    setup.set("ALIBABA_CLOUD_SECURITY_TOKEN", "token-of-env");
    check(&setup.call().unwrap().0, "env", true);
}

#[test]
fn a_role_by_openid_connect_from_variables() {
    let (mut setup, sts) = with_sts();
    setup.profiles(&[access_key("p", "profile")]);
    let token = setup.write("token", "eyJ.e30.c2ln\n");
    setup.set("ALIBABA_CLOUD_ROLE_ARN", ROLE);
    setup.set("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "acs:ram::1111222233334444:oidc-provider/ack");
    setup.set("ALIBABA_CLOUD_OIDC_TOKEN_FILE", token.display().to_string());
    setup.set("ALIBABA_CLOUD_ROLE_SESSION_NAME", "pod-1");
    let (received, place) = setup.call().unwrap();
    check(&received, "STS.1", true);
    assert_eq!(place, "ALIBABA_CLOUD_OIDC_TOKEN_FILE");

    let received = sts.received().remove(0);
    assert_eq!(received.method, "POST");
    let query = received.path.strip_prefix("/?Action=AssumeRoleWithOIDC&Format=JSON&Timestamp=").unwrap();
    assert!(query.ends_with("Z&Version=2015-04-01"), "no token in the URL: {query}");
    assert_eq!(
        received.body,
        "DurationSeconds=3600&OIDCProviderArn=acs%3Aram%3A%3A1111222233334444%3Aoidc-provider%2Fack\
         &OIDCToken=eyJ.e30.c2ln&RoleArn=acs%3Aram%3A%3A1111222233334444%3Arole%2Fbackup&RoleSessionName=pod-1",
        "the same as the official clients send"
    );
    assert!(received.header("authorization").is_none(), "it is not signed");
    let request = received.call().request().unwrap();
    assert!(matches!(request, Request::Sts(sts::Request::AssumeRoleWithOIDC(_))), "{request:?}");
    assert_eq!(received.header("content-type"), Some("application/x-www-form-urlencoded"));
}

#[test]
fn half_of_a_role_by_openid_connect_stops() {
    let mut setup = Setup::new();
    setup.profiles(&[access_key("p", "profile")]);
    setup.set("ALIBABA_CLOUD_ROLE_ARN", ROLE);
    check(&setup.call().unwrap().0, "profile", false); // other tools use this variable alone
    setup.set("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "/token");
    let expected = "ALIBABA_CLOUD_OIDC_TOKEN_FILE is set, but ALIBABA_CLOUD_OIDC_PROVIDER_ARN is not";
    assert_eq!(setup.error(), expected);
    setup.set("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "p");
    assert!(setup.error().starts_with("/token cannot be read"), "and nothing else is tried");
    let empty = setup.write("empty", "\n");
    setup.set("ALIBABA_CLOUD_OIDC_TOKEN_FILE", empty.display().to_string());
    assert_eq!(setup.error(), "~/empty cannot be read: it is empty");
}

// Profiles of the aliyun command line

#[test]
fn the_current_profile_unless_another_is_named() {
    let mut setup = Setup::new();
    let guest = json!({ "name": "guest", "mode": "ststoken", "access_key_id": "g", "access_key_secret": "secret-of-g",
                        "sts_token": "token-of-g" });
    let mut work = access_key("work", "w");
    work["sts_token"] = "stale".into();
    work["retry_count"] = 3.into();
    setup.profiles(&[work, guest]);
    let (received, place) = setup.call().unwrap();
    check(&received, "w", false);
    assert_eq!(place, r#"~/.aliyun/config.json: profile "work""#);
    for variable in ["ALIBABA_CLOUD_PROFILE", "ALIBABACLOUD_PROFILE", "ALICLOUD_PROFILE"] {
        setup.set(variable, "guest");
        check(&setup.call().unwrap().0, "g", true);
        setup.set(variable, "");
    }
    let other = setup.write("other.json", &fs::read_to_string(setup.path(".aliyun/config.json")).unwrap());
    setup.set("ALIBABA_CLOUD_CONFIG_FILE", other.display().to_string());
    assert_eq!(setup.call().unwrap().1, r#"~/other.json: profile "work""#);
}

#[test]
fn profiles_that_cannot_be_used_are_named() {
    let mut setup = Setup::new();
    setup.write(
        ".alibabacloud/credentials",
        "[default]\ntype=access_key\naccess_key_id=i\naccess_key_secret=s",
    );
    setup.set("ALIBABA_CLOUD_CREDENTIALS_URI", "http://127.0.0.1:1/never");
    let key = |mode: &str| json!({ "name": "p", "mode": mode, "access_key_id": "i", "access_key_secret": "hunter2" });
    let with = |mut profile: Value, field: &str, value: Value| {
        profile[field] = value;
        profile
    };
    let role = |mode: &str| with(key(mode), "ram_role_arn", ROLE.into());
    let oidc = json!({ "name": "p", "mode": "OIDC", "ram_role_arn": ROLE });
    let sso = json!({ "name": "p", "mode": "CloudSSO", "cloud_sso_account_id": "a", "cloud_sso_access_config": "c",
                      "access_token": "hunter2" });
    for (profile, message) in [
        (json!({ "name": "p", "mode": "AK" }), "has no access_key_id"),
        (json!({ "name": "p" }), "has no access_key_id"),
        (json!({ "name": "p", "mode": "AK", "access_key_id": "i" }), "has no access_key_secret"),
        (key("StsToken"), "has no sts_token"),
        (key("RamRoleArn"), "has no ram_role_arn"),
        (
            with(role("RamRoleArn"), "expired_seconds", 899.into()),
            ": expired_seconds is not a number of seconds from 900 on",
        ),
        (
            with(role("RamRoleArn"), "sts_endpoint", "http://sts.example".into()),
            ": the STS endpoint is not HOST, https://HOST:PORT or http://LOOPBACK:PORT",
        ),
        (
            with(role("RamRoleArn"), "sts_region", "a/b".into()),
            ": the region of the STS is not a region such as cn-hangzhou",
        ),
        (role("ChainableRamRoleArn"), "has no source_profile"),
        (with(role("ChainableRamRoleArn"), "source_profile", "p".into()), "is among its own source profiles"),
        (oidc.clone(), "has no oidc_provider_arn"),
        (with(oidc, "oidc_provider_arn", "p".into()), "has no oidc_token_file"),
        (json!({ "name": "p", "mode": "External" }), "has no process_command"),
        (
            json!({ "name": "p", "mode": "CredentialsURI", "credentials_uri": "http://h.example/" }),
            ": credentials_uri is not https://HOST/PATH, or http:// to this machine or the metadata service",
        ),
        (sso.clone(), ": cloud_sso_sign_in_url is not https://HOST/PATH"),
        (
            with(sso, "cloud_sso_sign_in_url", "http://h.example/x".into()),
            ": cloud_sso_sign_in_url is not https://HOST/PATH",
        ),
        (json!({ "name": "p", "mode": "OAuth" }), ": the login has expired"),
        (key("RsaKeyPair"), r#"has the mode "RsaKeyPair", which is not supported"#),
        (key("BearerToken"), r#"has the mode "BearerToken", which is not supported"#),
        (with(key("AK"), "access_key_id", "i\n".into()), "has invalid characters"),
    ] {
        setup.profiles(&[profile]);
        let error = setup.error();
        assert!(error.ends_with(message), "{error} / {message}");
        assert!(error.contains(r#"~/.aliyun/config.json: profile "p""#), "{error}");
    }
    setup.profiles(&[key("AK")]);
    setup.set("ALIBABA_CLOUD_PROFILE", "none");
    let error = setup.error();
    assert_eq!(error, r#"~/.aliyun/config.json, ~/.alibabacloud/credentials: no profile "none""#);
}

#[test]
fn a_damaged_file_stops() {
    let mut setup = Setup::new();
    setup.set("ALIBABA_CLOUD_CREDENTIALS_URI", "http://127.0.0.1:1/never");
    setup.write(".aliyun/config.json", "{\n\"profiles\": hunter2");
    assert_eq!(setup.error(), "~/.aliyun/config.json: line 2 cannot be understood");
    setup.write(".aliyun/config.json", r#"{"current":"x","profiles":[{"name":"y"}]}"#);
    assert_eq!(setup.error(), r#"~/.aliyun/config.json: no profile "x""#);
    fs::remove_file(setup.path(".aliyun/config.json")).unwrap();
    fs::create_dir(setup.path(".aliyun/config.json")).unwrap();
    assert!(setup.error().starts_with("~/.aliyun/config.json cannot be read"));
    setup.set("ALIBABA_CLOUD_CONFIG_FILE", "/nonexistent/config.json");
    assert!(setup.error().starts_with("/nonexistent/config.json cannot be read"), "it was named");
}

#[test]
fn a_file_that_others_may_write_is_refused() {
    let mut setup = Setup::new();
    let path = setup.profiles(&[access_key("p", "i")]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o620)).unwrap();
    assert_eq!(setup.error(), "~/.aliyun/config.json may be written by its group");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o757)).unwrap();
    assert_eq!(setup.error(), "~/.aliyun may be written by every user");
    setup.set("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "true");
    let path = setup.write(".alibabacloud/credentials.ini", "[default]");
    fs::set_permissions(path, fs::Permissions::from_mode(0o606)).unwrap();
    assert_eq!(setup.error(), "~/.alibabacloud/credentials.ini may be written by every user");
}

#[test]
fn a_role_with_an_access_key() {
    let (setup, sts) = with_sts();
    let mut profile = access_key("p", "i");
    profile["mode"] = "ramrolearn".into();
    profile["ram_role_arn"] = ROLE.into();
    setup.profiles(&[profile.clone()]);
    let (received, place) = setup.call().unwrap();
    check(&received, "STS.1", true);
    assert_eq!(place, r#"~/.aliyun/config.json: profile "p""#);
    let received = sts.received().remove(0);
    check(&received, "i", false);
    assert_eq!(received.header("x-acs-action"), Some("AssumeRole"));
    assert_eq!(received.header("x-acs-version"), Some("2015-04-01"));
    let request = received.call().request().unwrap();
    assert!(matches!(request, Request::Sts(sts::Request::AssumeRole(_))), "{request:?}");
    let parameters = received.parameters();
    let sent: Vec<_> = parameters.iter().collect();
    assert_eq!(sent, [("DurationSeconds", "3600"), ("RoleArn", ROLE), ("RoleSessionName", "bulla")]);

    for (field, value) in [("ram_session_name", "alice@host-1"), ("policy", "{ }"), ("external_id", "ext:1")]
    {
        profile[field] = value.into();
    }
    profile["expired_seconds"] = 900.into();
    profile["sts_token"] = "token-of-i".into();
    setup.profiles(&[profile]);
    setup.call().unwrap();
    let received = sts.received().remove(0);
    check(&received, "i", true);
    for (name, value) in [
        ("DurationSeconds", "900"),
        ("ExternalId", "ext:1"),
        ("Policy", "{ }"),
        ("RoleSessionName", "alice@host-1"),
    ] {
        assert_eq!(received.parameter(name), value);
    }
}

#[test]
fn a_chain_of_roles() {
    let (setup, sts) = with_sts();
    let role = |name: &str, source: &str| {
        json!({ "name": name, "mode": "ChainableRamRoleArn", "source_profile": source,
                "ram_role_arn": format!("{ROLE}-{name}"), "ram_session_name": name })
    };
    setup.profiles(&[role("c", "b"), role("b", "a"), access_key("a", "i")]);
    check(&setup.call().unwrap().0, "STS.2", true);
    let received = sts.received();
    check(&received[0], "i", false);
    check(&received[1], "STS.1", true);
    assert_eq!(received[0].parameter("RoleArn"), format!("{ROLE}-b"));
    assert_eq!(received[1].parameter("RoleArn"), format!("{ROLE}-c"));

    setup.profiles(&[role("c", "b"), role("b", "c")]);
    assert_eq!(setup.error(), r#"~/.aliyun/config.json: profile "c" is among its own source profiles"#);
    setup.profiles(&[role("c", "b")]);
    assert_eq!(setup.error(), r#"~/.aliyun/config.json: no profile "b""#);
}

#[test]
fn a_failure_below_a_role_names_both_profiles() {
    let (setup, sts) = with_sts();
    let role =
        json!({ "name": "c", "mode": "ChainableRamRoleArn", "source_profile": "b", "ram_role_arn": ROLE });
    let below = json!({ "name": "b", "mode": "External", "process_command": "false" });
    setup.profiles(&[role, below]);
    assert_eq!(
        setup.error(),
        r#"~/.aliyun/config.json: profile "c": ~/.aliyun/config.json: profile "b": the external program failed with exit code 1"#
    );
    assert!(sts.received().is_empty());
}

#[test]
fn openid_connect_from_a_profile_reads_its_token_each_time() {
    let (setup, sts) = with_sts();
    let token = setup.write("token", "first");
    setup.profiles(&[json!({ "name": "p", "mode": "OIDC", "oidc_provider_arn": "provider",
        "oidc_token_file": token.display().to_string(), "ram_role_arn": ROLE, "expired_seconds": 1800 })]);
    check(&setup.call().unwrap().0, "STS.1", true);
    setup.write("token", "second");
    check(&setup.call().unwrap().0, "STS.2", true);
    let received = sts.received();
    assert_eq!(
        (received[0].parameter("OIDCToken"), received[1].parameter("OIDCToken")),
        ("first".into(), "second".into())
    );
    assert_eq!(received[0].parameter("DurationSeconds"), "1800");
}

#[test]
fn an_external_program() {
    let mut setup = Setup::new();
    let output = r#"{"mode":"StsToken","access_key_id":"x","access_key_secret":"secret-of-x","sts_token":"token-of-x"}"#;
    let file = setup.write("with blank", output);
    let command = format!("cat '{}'", file.display());
    let profile = json!({ "name": "p", "mode": "External", "process_command": command, "unknown": "kept" });
    let config = setup.profiles(&[profile]);
    let before = fs::read(&config).unwrap();
    check(&setup.call().unwrap().0, "x", true);
    assert_eq!(fs::read(&config).unwrap(), before, "no file of another tool is written");
    for value in ["1", "TRUE"] {
        setup.set("ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS", value);
        let message = "the external program is switched off by ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS";
        assert_eq!(setup.error(), format!(r#"~/.aliyun/config.json: profile "p": {message}"#));
    }
}

#[test]
fn a_credentials_uri_of_a_profile() {
    let mut setup = Setup::new();
    let server = Fake::start(|_| (200, coded("u", FAR)));
    let uri = format!("{}/credentials?x=1", server.url);
    setup.profiles(&[json!({ "name": "p", "mode": "CredentialsURI", "credentials_uri": uri })]);
    let (received, place) = setup.call().unwrap();
    check(&received, "u", true);
    assert_eq!(place, r#"~/.aliyun/config.json: profile "p""#);
    let received = server.received().remove(0);
    assert_eq!((received.method.as_str(), received.path.as_str()), ("GET", "/credentials?x=1"));
    assert!(received.header("host").unwrap().contains(':'), "the port is part of the host");
    setup.profiles(&[json!({ "name": "p", "mode": "CredentialsURI" })]);
    setup.set("ALIBABA_CLOUD_CREDENTIALS_URI", uri);
    check(&setup.call().unwrap().0, "u", true);
}

#[test]
fn a_login_of_cloud_sso() {
    let setup = Setup::new();
    let server = Fake::start(|_| {
        let answer = coded("sso", FAR).replace(r#""Code":"Success","#, "");
        (200, format!(r#"{{"CloudCredential":{answer}}}"#))
    });
    let profile = |expires: i64| {
        json!({ "name": "p", "mode": "CloudSSO", "cloud_sso_sign_in_url": format!("{}/device/login", server.url),
                "cloud_sso_account_id": "account", "cloud_sso_access_config": "ac-1", "access_token": "hunter2",
                "cloud_sso_access_token_expire": expires })
    };
    setup.profiles(&[profile(32_000_000_000)]);
    check(&setup.call().unwrap().0, "sso", true);
    let received = server.received().remove(0);
    assert_eq!((received.method.as_str(), received.path.as_str()), ("POST", "/cloud-credentials"));
    assert_eq!(received.header("authorization"), Some("Bearer hunter2"));
    let body: Value = serde_json::from_str(&received.body).unwrap();
    assert_eq!(body, json!({ "AccountId": "account", "AccessConfigurationId": "ac-1" }));
    setup.profiles(&[profile(1_700_000_000)]);
    assert_eq!(setup.error(), r#"~/.aliyun/config.json: profile "p": the login has expired"#);
    assert!(server.received().is_empty());
}

#[test]
fn a_login_of_oauth_is_used_while_it_lasts() {
    let setup = Setup::new();
    let profile = |expires: i64| {
        json!({ "name": "p", "mode": "OAuth", "oauth_site_type": "CN", "oauth_refresh_token": "hunter2",
                "access_key_id": "o", "access_key_secret": "secret-of-o", "sts_token": "token-of-o",
                "sts_expiration": expires })
    };
    setup.profiles(&[profile(32_000_000_000)]);
    check(&setup.call().unwrap().0, "o", true);
    setup.profiles(&[profile(1_700_000_000)]);
    assert_eq!(setup.error(), r#"~/.aliyun/config.json: profile "p": the login has expired"#);
}

#[test]
fn a_missing_mode_is_derived_from_the_fields() {
    let (setup, sts) = with_sts();
    let mut profile = access_key("p", "i");
    profile["mode"] = "".into();
    setup.profiles(&[profile.clone()]);
    check(&setup.call().unwrap().0, "i", false);
    profile["ram_role_arn"] = ROLE.into();
    setup.profiles(&[profile.clone()]);
    check(&setup.call().unwrap().0, "STS.1", true);
    assert_eq!(sts.received().len(), 1);
    profile["sts_token"] = "token-of-i".into();
    setup.profiles(&[profile]);
    check(&setup.call().unwrap().0, "i", true);
    setup.profiles(&[json!({ "name": "p", "process_command": "false" })]);
    assert!(setup.error().ends_with("the external program failed with exit code 1"));
}

#[test]
fn profiles_are_switched_off() {
    let mut setup = Setup::new();
    setup.profiles(&[access_key("p", "i")]);
    for switch in ["ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "ALIBABA_CLOUD_IGNORE_PROFILE"] {
        setup.set(switch, "0");
        check(&setup.call().unwrap().0, "i", false);
        setup.set(switch, "TRUE");
        let error = setup.error();
        assert!(error.contains("profiles of the aliyun command line are switched off"), "{error}");
        setup.unset(switch);
    }
}

// The credentials file

#[test]
fn sections_of_the_credentials_file() {
    let (mut setup, sts) = with_sts();
    let token = setup.write("token", "jwt");
    let text = format!(
        "[default]\nenable = true\ntype = access_key # comment\naccess_key_id = i\naccess_key_secret = secret-of-i\n\
         [role]\ntype = ram_role_arn\naccess_key_id = i\naccess_key_secret = secret-of-i\nrole_arn = {ROLE}\n\
         role_session_name = alice\npolicy = {{}}\n\
         [pod]\ntype = oidc_role_arn\nrole_arn = {ROLE}\noidc_provider_arn = provider\noidc_token_file_path = {}\n\
         [off]\nenable = false\ntype = access_key\n[rsa]\ntype = rsa_key_pair\n[half]\ntype = access_key\n",
        token.display()
    );
    setup.write(".alibabacloud/credentials", &text);
    let (received, place) = setup.call().unwrap();
    check(&received, "i", false);
    assert_eq!(place, "~/.alibabacloud/credentials: section [default]");
    setup.set("ALIBABA_CLOUD_PROFILE", "role");
    check(&setup.call().unwrap().0, "STS.1", true);
    let received = sts.received().remove(0);
    check(&received, "i", false);
    let sent = ["RoleArn", "RoleSessionName", "Policy"].map(|name| received.parameter(name));
    assert_eq!(sent, [ROLE, "alice", "{}"]);
    setup.set("ALIBABA_CLOUD_PROFILE", "pod");
    check(&setup.call().unwrap().0, "STS.2", true);
    assert_eq!(sts.received().remove(0).parameter("OIDCToken"), "jwt");
    for (section, message) in [
        ("off", r#"~/.aliyun/config.json, ~/.alibabacloud/credentials: no profile "off""#),
        (
            "rsa",
            r#"~/.alibabacloud/credentials: section [rsa] has the mode "rsa_key_pair", which is not supported"#,
        ),
        ("half", "~/.alibabacloud/credentials: section [half] has no access_key_id"),
    ] {
        setup.set("ALIBABA_CLOUD_PROFILE", section);
        assert_eq!(setup.error(), message);
    }
}

#[test]
fn which_credentials_file() {
    let mut setup = Setup::new();
    let text = |id: &str| {
        format!("[default]\ntype=access_key\naccess_key_id={id}\naccess_key_secret=secret-of-{id}")
    };
    setup.write(".alibabacloud/credentials", &text("without"));
    check(&setup.call().unwrap().0, "without", false);
    setup.write(".alibabacloud/credentials.ini", &text("ini"));
    check(&setup.call().unwrap().0, "ini", false);
    let other = setup.write("other", &text("other"));
    setup.set("ALIBABA_CLOUD_CREDENTIALS_FILE", other.display().to_string());
    check(&setup.call().unwrap().0, "other", false);
    setup.profiles(&[access_key("p", "profile")]);
    check(&setup.call().unwrap().0, "profile", false);
    fs::remove_file(setup.path(".aliyun/config.json")).unwrap();
    setup.set("ALIBABA_CLOUD_CREDENTIALS_FILE", "/nonexistent/file");
    assert!(setup.error().starts_with("/nonexistent/file cannot be read"), "it was named");
    let broken = setup.write("broken", "[default]\nhunter2");
    setup.set("ALIBABA_CLOUD_CREDENTIALS_FILE", broken.display().to_string());
    assert_eq!(setup.error(), "~/broken: line 2 cannot be understood");
}

// The credentials URI

#[test]
fn the_credentials_uri_is_last() {
    let mut setup = Setup::new();
    let server = Fake::start(|_| (200, coded("u", FAR)));
    setup.set("ALIBABA_CLOUD_CREDENTIALS_URI", format!("{}/x", server.url));
    let (received, place) = setup.call().unwrap();
    check(&received, "u", true);
    assert_eq!(place, "ALIBABA_CLOUD_CREDENTIALS_URI");
    setup.profiles(&[access_key("p", "profile")]);
    check(&setup.call().unwrap().0, "profile", false);
    setup.profiles(&[json!({ "name": "p", "mode": "Nonsense" })]);
    assert!(setup.error().contains("Nonsense"), "nothing is passed over");
    assert_eq!(server.received().len(), 1);
}

#[test]
fn a_credentials_uri_that_cannot_be_used_stops() {
    let mut setup = Setup::new();
    setup.set("ALIBABA_CLOUD_CREDENTIALS_URI", "http://credentials.example/");
    assert!(setup.error().starts_with("ALIBABA_CLOUD_CREDENTIALS_URI: its value is not https://HOST/PATH"));
    for (status, body, message) in [
        (404, "hunter2".to_owned(), "answered 404"),
        (200, "hunter2".to_owned(), "answered something that is not JSON"),
        (200, coded("u", FAR).replace("Success", "hunter2"), "returned a code other than Success"),
        (200, coded("u", FAR).replace("Expiration", "X"), "answered without a usable Expiration"),
        (302, String::new(), "answered 302"),
    ] {
        let server = Fake::start(move |_| (status, body.clone()));
        setup.set("ALIBABA_CLOUD_CREDENTIALS_URI", server.url.as_str());
        assert_eq!(setup.error(), format!("ALIBABA_CLOUD_CREDENTIALS_URI: {} {message}", server.url));
    }
    let broken = coded("u", FAR).replace("secret-of-u", "two words");
    let server = Fake::start(move |_| (200, broken.clone()));
    setup.set("ALIBABA_CLOUD_CREDENTIALS_URI", server.url.as_str());
    assert_eq!(setup.error(), "the access key in ALIBABA_CLOUD_CREDENTIALS_URI has invalid characters");
    setup.set("ALIBABA_CLOUD_CREDENTIALS_URI", "http://127.0.0.1:1/");
    assert!(setup.error().starts_with("ALIBABA_CLOUD_CREDENTIALS_URI: http://127.0.0.1:1 cannot be reached"));
}

#[test]
fn nothing_found_names_every_place() {
    let setup = Setup::new();
    assert_eq!(
        setup.error(),
        "no credentials: not in the environment; not in ~/.aliyun/config.json; the metadata service is switched off"
    );
}

// The STS

#[test]
fn a_refusal_of_the_sts_names_the_source() {
    let mut setup = Setup::new();
    let refusal = r#"{"RequestId":"R","Code":"NoPermission","Message":"You are not authorized."}"#;
    let sts = Fake::start(move |_| (403, refusal.to_owned()));
    setup.sts = Some(Endpoint::parse(&sts.url).unwrap());
    let mut profile = access_key("p", "i");
    profile["mode"] = "RamRoleArn".into();
    profile["ram_role_arn"] = ROLE.into();
    setup.profiles(&[profile]);
    assert_eq!(
        setup.error(),
        format!(
            "~/.aliyun/config.json: profile \"p\": {} refused with 403 NoPermission: You are not authorized. (request R)",
            sts.url
        )
    );
    assert_eq!(sts.received().len(), 1, "a refusal is final");
}

#[test]
fn a_busy_sts_is_retried_with_another_nonce() {
    let mut setup = Setup::new();
    let count = AtomicUsize::new(0);
    let sts = Fake::start(move |_| match count.fetch_add(1, Ordering::Relaxed) {
        0 => (503, "busy".to_owned()),
        1 => (400, r#"{"Code":"Throttling.User","Message":"m"}"#.to_owned()),
        _ => (200, assumed("STS.x", FAR)),
    });
    setup.sts = Some(Endpoint::parse(&sts.url).unwrap());
    let mut profile = access_key("p", "i");
    profile["ram_role_arn"] = ROLE.into();
    profile["mode"] = "RamRoleArn".into();
    setup.profiles(&[profile]);
    check(&setup.call().unwrap().0, "STS.x", true);
    let received = sts.received();
    let mut nonces: Vec<_> =
        received.iter().map(|received| received.header("x-acs-signature-nonce").unwrap()).collect();
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), 3);
}

#[test]
fn roles_are_assumed_at_the_kms_unless_an_sts_is_named() {
    let kms = Fake::start(|received| match received.header("x-acs-action") {
        Some("AssumeRole") => (200, assumed("STS.kms", FAR)),
        _ => (200, REGIONS.to_owned()),
    });
    let mut setup = Setup::with_kms(kms);
    let mut profile = access_key("p", "i");
    profile["ram_role_arn"] = ROLE.into();
    profile["mode"] = "RamRoleArn".into();
    setup.profiles(&[profile.clone()]);
    let provider = setup.find().unwrap();
    assert_eq!(provider.sts().unwrap().endpoint().to_string(), setup.kms.url);
    setup.client(&provider).call(&DescribeRegions::default()).unwrap();
    check(&setup.kms.received()[1], "STS.kms", true);

    let [of_variable, of_profile, of_flag] =
        ["v", "p", "f"].map(|id| Fake::start(move |_| (200, assumed(&format!("STS.{id}"), FAR))));
    setup.set("ALIBABA_CLOUD_STS_ENDPOINT", of_variable.url.as_str());
    check(&setup.call().unwrap().0, "STS.v", true);
    profile["sts_endpoint"] = of_profile.url.as_str().into();
    setup.profiles(&[profile]);
    check(&setup.call().unwrap().0, "STS.p", true);
    setup.sts = Some(Endpoint::parse(&of_flag.url).unwrap());
    check(&setup.call().unwrap().0, "STS.f", true);
}

// Renewal

#[test]
fn one_session_serves_many_calls() {
    let (setup, sts) = with_sts();
    let mut profile = access_key("p", "i");
    profile["ram_role_arn"] = ROLE.into();
    profile["mode"] = "RamRoleArn".into();
    setup.profiles(&[profile]);
    let client = setup.client(&setup.find().unwrap());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| client.call(&DescribeRegions::default()).unwrap());
        }
    });
    assert_eq!(sts.received().len(), 1);
    let kms = setup.kms.received();
    assert_eq!(kms.len(), 8);
    kms.iter().for_each(|received| check(received, "STS.1", true));
}

#[test]
fn a_session_that_the_kms_calls_expired_is_renewed() {
    let expired = r#"{"Code":"InvalidSecurityToken.Expired","Message":"m","RequestId":"r"}"#;
    let kms = Fake::start(move |received| match received.header("x-acs-security-token") {
        Some("token-of-STS.1") => (400, expired.to_owned()),
        _ => (200, REGIONS.to_owned()),
    });
    let (sts_setup, sts) = with_sts();
    let mut setup = Setup::with_kms(kms);
    setup.sts = sts_setup.sts;
    let mut profile = access_key("p", "i");
    profile["ram_role_arn"] = ROLE.into();
    profile["mode"] = "RamRoleArn".into();
    setup.profiles(&[profile]);
    setup.client(&setup.find().unwrap()).call(&DescribeRegions::default()).unwrap();
    let received = setup.kms.received();
    check(&received[0], "STS.1", true);
    check(&received[1], "STS.2", true);
    assert_eq!((received.len(), sts.received().len()), (2, 2));

    let mut fixed = Setup::with_kms(Fake::start(move |_| (400, expired.to_owned())));
    fixed.set(KEY, "env");
    fixed.set(SECRET, "s");
    fixed.set("ALIBABA_CLOUD_SECURITY_TOKEN", "t");
    let error = fixed.client(&fixed.find().unwrap()).call(&DescribeRegions::default()).unwrap_err();
    assert_eq!(code(&error), "InvalidSecurityToken.Expired");
    assert_eq!(fixed.kms.received().len(), 1, "there are no others");
}

#[test]
fn credentials_that_soon_expire_are_renewed_for_the_next_call() {
    let count = AtomicUsize::new(0);
    let server = Fake::start(move |_| {
        (200, coded(&format!("u{}", count.fetch_add(1, Ordering::Relaxed)), "2020-01-01T00:00:00Z"))
    });
    let mut setup = Setup::new();
    setup.set("ALIBABA_CLOUD_CREDENTIALS_URI", server.url.as_str());
    let client = setup.client(&setup.find().unwrap());
    for _ in 0..2 {
        client.call(&DescribeRegions::default()).unwrap();
    }
    assert!(server.received().len() >= 2);
}
