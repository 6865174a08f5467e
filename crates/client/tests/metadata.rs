//! The role of a cloud instance, with a metadata service at its fixed address. Each test runs again in a network namespace whose
//! loopback device has that address.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use serde_json::json;
use support::fake::{Fake, Received};
use support::namespace::in_namespace;
use support::sources::{FAR, Setup, assumed, coded};

const ADDRESS: &str = "100.100.100.200:80";
const ROLES: &str = "/latest/meta-data/ram/security-credentials/";
/// Replies like the cloud's metadata service: each GET needs a token.
fn service(received: &Received) -> (u16, String) {
    let role = received.path.strip_prefix(ROLES);
    match (received.method.as_str(), received.path.as_str(), role) {
        ("PUT", "/latest/api/token", _) => {
            assert_eq!(received.header("x-aliyun-ecs-metadata-token-ttl-seconds"), Some("21600"));
            (200, "imds-token".to_owned())
        }
        _ if received.header("x-aliyun-ecs-metadata-token") != Some("imds-token") => (403, String::new()),
        ("GET", _, Some("")) => (200, "EcsRole\n".to_owned()),
        ("GET", _, Some("EcsRole" | "Other")) => (200, coded("STS.ecs", FAR)),
        _ => (404, "not found".to_owned()),
    }
}

/// Returns a setup that may call the metadata service.
fn setup() -> Setup {
    let mut setup = Setup::new();
    setup.unset("ALIBABA_CLOUD_ECS_METADATA_DISABLED");
    setup
}

fn check(setup: &Setup) -> String {
    let (received, place) = setup.call().unwrap();
    assert_eq!(received.signed_by("secret-of-STS.ecs"), "STS.ecs");
    assert_eq!(received.header("x-acs-security-token"), Some("token-of-STS.ecs"));
    place
}

fn lines(service: &Fake) -> Vec<String> {
    service.received().iter().map(|received| format!("{} {}", received.method, received.path)).collect()
}

#[test]
fn the_role_of_an_instance() {
    in_namespace("the_role_of_an_instance", || {
        let fake = Fake::listen(ADDRESS, service);
        let mut setup = setup();
        assert_eq!(check(&setup), "the metadata service");
        let all = ["PUT /latest/api/token".to_owned(), format!("GET {ROLES}"), format!("GET {ROLES}EcsRole")];
        assert_eq!(lines(&fake), all);

        setup.set("ALIBABA_CLOUD_ECS_METADATA", "Other");
        check(&setup);
        assert_eq!(lines(&fake), ["PUT /latest/api/token".to_owned(), format!("GET {ROLES}Other")]);

        setup.set("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true");
        assert!(setup.error().ends_with("the metadata service is switched off"));
        assert!(fake.received().is_empty());
    });
}

#[test]
fn instance_roles_of_files() {
    in_namespace("instance_roles_of_files", || {
        let fake = Fake::listen(ADDRESS, service);
        let mut setup = Setup::new(); // switched off, but the files name it
        for (role, requests) in [("", 3), ("Other", 2)] {
            setup.profiles(&[json!({ "name": "p", "mode": "EcsRamRole", "ram_role_name": role })]);
            assert_eq!(check(&setup), r#"~/.aliyun/config.json: profile "p""#);
            assert_eq!(fake.received().len(), requests);
        }
        let sts = Fake::start(|_| (200, assumed("STS.role", FAR)));
        setup.set("ALIBABA_CLOUD_STS_ENDPOINT", sts.url.as_str());
        setup.profiles(&[json!({ "name": "p", "mode": "RamRoleArnWithRoleName", "ram_role_name": "Other", "ram_role_arn": "r" })]);
        assert_eq!(setup.call().unwrap().0.signed_by("secret-of-STS.role"), "STS.role");
        assert_eq!(sts.received()[0].signed_by("secret-of-STS.ecs"), "STS.ecs");
        std::fs::remove_file(setup.path(".aliyun/config.json")).unwrap();
        setup.write(".alibabacloud/credentials", "[default]\ntype = ecs_ram_role\n");
        assert_eq!(check(&setup), "~/.alibabacloud/credentials: section [default]");
    });
}

#[test]
fn no_proxy_sees_a_request_to_the_metadata_service() {
    in_namespace("no_proxy_sees_a_request_to_the_metadata_service", || {
        let _fake = Fake::listen(ADDRESS, service);
        let proxy = Fake::start(|_| (502, String::new()));
        let mut setup = setup();
        let url = proxy.url.clone();
        setup.connection = bulla_client::ClientOptions::from_environment(|name| {
            ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "http_proxy"].contains(&name).then(|| url.clone())
        });
        check(&setup);
        setup.set("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true");
        setup.set("ALIBABA_CLOUD_CREDENTIALS_URI", format!("http://{}{ROLES}Other", &ADDRESS[..15]));
        assert!(setup.error().ends_with("answered 403"), "the address is reached, without a token");
        assert!(proxy.received().is_empty());
    });
}

#[test]
fn without_a_token_only_if_allowed() {
    in_namespace("without_a_token_only_if_allowed", || {
        let fake = Fake::listen(ADDRESS, |received| match received.path.strip_prefix(ROLES) {
            _ if received.method != "GET" => (405, String::new()),
            Some("") => (200, "EcsRole".to_owned()),
            _ => (200, coded("STS.ecs", FAR)),
        });
        let mut setup = setup();
        let message =
            "the metadata service: http://100.100.100.200 answered 405 to the request for a token (IMDSv2)";
        assert_eq!(setup.error(), message);
        assert_eq!(fake.received().len(), 1);
        setup.imds_v1 = true;
        check(&setup);
        assert!(
            fake.received().iter().all(|received| received.header("x-aliyun-ecs-metadata-token").is_none())
        );
    });
}

#[test]
fn errors_of_the_metadata_service_are_reported() {
    in_namespace("errors_of_the_metadata_service_are_reported", || {
        use std::sync::{Arc, Mutex};
        let answers: Arc<Mutex<(u16, String, u16, String)>> = Arc::default();
        let in_server = Arc::clone(&answers);
        let _fake = Fake::listen(ADDRESS, move |received| {
            let answers = in_server.lock().unwrap();
            match received.path.strip_prefix(ROLES) {
                None => (200, "imds-token".to_owned()),
                Some("") => (answers.0, answers.1.clone()),
                Some(_) => (answers.2, answers.3.clone()),
            }
        });
        let uri = Fake::start(|_| (200, coded("STS.ecs", FAR)));
        let mut setup = setup();
        setup.set("ALIBABA_CLOUD_CREDENTIALS_URI", uri.url.as_str());
        let whole = coded("STS.ecs", FAR);
        for (names, role, message) in [
            ((200, "../x"), (200, whole.clone()), "answered without a usable name of a role"),
            ((200, "a\nb"), (200, whole.clone()), "answered without a usable name of a role"),
            ((403, ""), (200, whole.clone()), "answered 403"),
            ((200, "r"), (404, String::new()), "answered 404"),
            ((200, "r"), (200, "hunter2".to_owned()), "answered something that is not JSON"),
            ((200, "r"), (200, whole.replace("Success", "Failed")), "returned a code other than Success"),
            ((200, "r"), (200, whole.replace("Expiration", "x")), "answered without a usable Expiration"),
        ] {
            *answers.lock().unwrap() = (names.0, names.1.to_owned(), role.0, role.1);
            assert_eq!(setup.error(), format!("the metadata service: http://100.100.100.200 {message}"));
        }
        assert!(uri.received().is_empty(), "a service that fails is not passed over");

        // No role: the machine is an instance, but not configured as a source.
        *answers.lock().unwrap() = (404, String::new(), 200, whole);
        assert_eq!(check(&setup), "ALIBABA_CLOUD_CREDENTIALS_URI");
        setup.unset("ALIBABA_CLOUD_CREDENTIALS_URI");
        assert!(setup.error().ends_with("; this machine has no instance role"));
        setup.profiles(&[json!({ "name": "p", "mode": "EcsRamRole" })]);
        assert!(setup.error().ends_with("says that this instance has no role"));
    });
}

#[test]
fn a_web_server_that_is_no_metadata_service() {
    in_namespace("a_web_server_that_is_no_metadata_service", || {
        let _fake = Fake::listen(ADDRESS, |_| (404, "not found".to_owned()));
        let mut setup = setup();
        let error = setup.error();
        assert!(error.starts_with("no credentials: not in the environment; "), "{error}");
        let token = "; the metadata service answered 404 to the request for a token (IMDSv2)";
        assert!(error.ends_with(token), "{error}");
        let uri = Fake::start(|_| (200, coded("STS.ecs", FAR)));
        setup.set("ALIBABA_CLOUD_CREDENTIALS_URI", uri.url.as_str());
        assert_eq!(check(&setup), "ALIBABA_CLOUD_CREDENTIALS_URI");
        // If the service is named in the configuration, it must reply.
        setup.set("ALIBABA_CLOUD_ECS_METADATA", "EcsRole");
        assert!(
            setup
                .error()
                .ends_with("http://100.100.100.200 answered 404 to the request for a token (IMDSv2)")
        );
    });
}

#[test]
fn a_metadata_service_that_does_not_answer() {
    in_namespace("a_metadata_service_that_does_not_answer", || {
        let listener = std::net::TcpListener::bind(ADDRESS).unwrap(); // accepts connections, and does not reply
        let mut setup = setup();
        setup.set("ALIBABA_CLOUD_ECS_METADATA", "EcsRole");
        let error = setup.error();
        assert!(
            error.ends_with("http://100.100.100.200 cannot be reached: the response timed out"),
            "{error}"
        );
        drop(listener);
    });
}

#[test]
fn a_machine_that_is_no_instance() {
    in_namespace("a_machine_that_is_no_instance", || {
        let uri = Fake::start(|_| (200, coded("STS.ecs", FAR)));
        let mut setup = setup();
        assert_eq!(
            setup.error(),
            "no credentials: not in the environment; not in ~/.aliyun/config.json; this machine has no instance role"
        );
        setup.set("ALIBABA_CLOUD_CREDENTIALS_URI", uri.url.as_str());
        assert_eq!(check(&setup), "ALIBABA_CLOUD_CREDENTIALS_URI");

        // The source that first returned credentials is kept for renewals.
        let expired = Fake::start(|_| (200, coded("STS.ecs", "2020-01-01T00:00:00Z")));
        setup.set("ALIBABA_CLOUD_CREDENTIALS_URI", expired.url.as_str());
        let client = setup.client(&setup.find().unwrap());
        let call = || client.call(&bulla_wire::kms::DescribeRegions::default()).unwrap();
        call();
        let service = Fake::listen(ADDRESS, service);
        call();
        assert!(service.received().is_empty());
        assert_eq!(setup.kms.received().len(), 2);

        // A role that was named is fetched without a fallback.
        drop(service);
        setup.set("ALIBABA_CLOUD_ECS_METADATA", "../x");
        let expected = "the name of the role is not 1 to 64 letters, digits, dots, hyphens and underscores";
        assert_eq!(setup.error(), format!("the metadata service: {expected}"));
        setup.set("ALIBABA_CLOUD_ECS_METADATA", "None");
        assert!(setup.error().ends_with("http://100.100.100.200 answered 404"));
    });
}
