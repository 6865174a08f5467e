//! `bulla whoami`, and the credentials of the command line, with an STS that the tests start.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::{fs, thread};

use crate::harness::World;

/// An STS with one user, which issues sessions of one role.
fn sts() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = answer(stream.unwrap()); // a client may disconnect
        }
    });
    url
}

fn answer(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while stream.read_line(&mut head)? > 2 {}
    let head = head.to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    let mut body = vec![0; length.unwrap_or("0").trim().parse().unwrap()];
    stream.read_exact(&mut body)?;
    let (status, body) = if head.contains("x-acs-action: assumerole\r\n") {
        (
            200,
            r#"{"AssumedRoleUser":{"Arn":"a","AssumedRoleId":"b"},"RequestId":"r","Credentials":{"AccessKeyId":"STS.s",
                "AccessKeySecret":"s","SecurityToken":"the-token","Expiration":"2999-01-01T00:00:00Z"}}"#,
        )
    } else if !head.contains("x-acs-action: getcalleridentity\r\n") {
        (403, r#"{"Code":"NoPermission","Message":"m","RequestId":"r"}"#)
    } else if head.contains("x-acs-security-token: the-token\r\n") {
        (
            200,
            r#"{"IdentityType":"AssumedRoleUser","AccountId":"1111222233334444","PrincipalId":"34:bulla","RoleId":"34",
                "Arn":"acs:ram::1111222233334444:assumed-role/backup/bulla","RequestId":"r"}"#,
        )
    } else {
        (
            200,
            r#"{"IdentityType":"RAMUser","AccountId":"1111222233334444","PrincipalId":"22","UserId":"22",
                "Arn":"acs:ram::1111222233334444:user/alice","RequestId":"r"}"#,
        )
    };
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.get_mut().write_all(answer.as_bytes())
}

fn profile(world: &World, fields: &str) {
    let folder = world.root().join("home/.aliyun");
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let config = format!(r#"{{"current":"work","profiles":[{{"name":"work",{fields}}}]}}"#);
    fs::write(folder.join("config.json"), config).unwrap();
    fs::set_permissions(folder.join("config.json"), fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn the_embedded_kms_has_an_owner() {
    let world = World::new();
    let outcome = world.bulla(["whoami"]).ok();
    assert!(
        outcome.text().starts_with("the owner of the embedded KMS, without credentials\n"),
        "{outcome:?}"
    );
    let json = world.bulla(["whoami", "--json"]).ok().json();
    assert_eq!(json["IdentityType"], "Owner");
    assert!(!world.store().exists(), "nothing is made");
}

#[test]
fn identity_and_source_of_a_user() {
    let world = World::new();
    let url = sts();
    profile(&world, r#""mode":"AK","access_key_id":"i","access_key_secret":"s""#);
    let config = world.root().join("home/.aliyun/config.json");
    let outcome = world.bulla(["whoami", "--kms", &url]).ok();
    let expected = format!(
        "acs:ram::1111222233334444:user/alice\ntype        RAMUser\naccount     1111222233334444\nprincipal   22\n\
         access key  i\nsource      {}: profile \"work\"\nanswered by {url}\n",
        config.display()
    );
    assert_eq!(outcome.text(), expected);
}

#[test]
fn identity_and_source_of_a_session() {
    let world = World::new();
    let url = sts();
    profile(&world, r#""mode":"RamRoleArn","access_key_id":"i","access_key_secret":"s","ram_role_arn":"r""#);
    let args = ["--kms", "https://kms.example", "--sts-endpoint", &url, "whoami", "--json"];
    let json = world.bulla(args).ok().json();
    assert_eq!(json["Arn"], "acs:ram::1111222233334444:assumed-role/backup/bulla");
    assert_eq!((&json["IdentityType"], &json["AccessKeyId"]), (&"AssumedRoleUser".into(), &"STS.s".into()));
    assert_eq!(json["Sts"], url);
    assert!(json["CredentialSource"].as_str().unwrap().ends_with("config.json: profile \"work\""));
    assert!(json.get("UserId").is_none());
}

/// The KMS is its own STS, over HTTPS with its own authority.
#[test]
fn root_at_a_server_of_bulla() {
    let world = World::new();
    let server = world.serve("kms", [""; 0]);
    let json = world.bulla(["whoami", "--json"]).envs(&server.environment()).ok().json();
    assert_eq!((&json["IdentityType"], &json["Sts"]), (&"Account".into(), &server.url.as_str().into()));
    assert_eq!(json["Arn"], format!("acs:ram::{}:root", json["AccountId"].as_str().unwrap()));
    assert_eq!(json["AccessKeyId"], server.access_key().0);
    assert_eq!(json["CredentialSource"], "ALIBABA_CLOUD_ACCESS_KEY_ID");

    let wrong =
        world.bulla(["whoami"]).envs(&server.environment()).env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "x");
    let refused =
        format!("ALIBABA_CLOUD_ACCESS_KEY_ID: {} refused with 400 SignatureDoesNotMatch", server.url);
    wrong.run().fails_with(3, &[&refused, "the secret does not belong to this access key"]);
    let nowhere = ["whoami", "--sts-endpoint", "http://127.0.0.1:1"];
    let outcome = world.bulla(nowhere).envs(&server.environment()).run();
    outcome.fails_with(
        3,
        &["ALIBABA_CLOUD_ACCESS_KEY_ID: http://127.0.0.1:1 cannot be reached: Connection refused"],
    );

    let (id, secret) = server.access_key();
    let arn = json["Arn"].as_str().unwrap().replace(":root", ":role/none");
    let key = format!(r#""access_key_id":"{id}","access_key_secret":"{secret}""#);
    profile(&world, &format!(r#""mode":"RamRoleArn",{key},"ram_role_arn":"{arn}""#));
    let kms = ["--kms", &server.url, "--ca", "kms/tls/ca.pem"];
    let outcome = world.bulla(["whoami"].iter().chain(&kms)).run();
    outcome.fails_with(3, &["profile \"work\"", &server.url, "refused with 403 NoPermission"]);
}

#[test]
fn a_configuration_that_others_may_write_is_refused() {
    let world = World::new();
    profile(&world, r#""mode":"AK","access_key_id":"i","access_key_secret":"s""#);
    let config = world.root().join("home/.aliyun/config.json");
    fs::set_permissions(&config, fs::Permissions::from_mode(0o664)).unwrap();
    let outcome = world.bulla(["whoami", "--kms", "http://127.0.0.1:1"]).run();
    let expected = format!(
        "bulla: {} may be written by its group\n       other users can choose your credentials: remove their permission with \
         `chmod go-w FILE`\n",
        config.display()
    );
    assert_eq!((outcome.code(), outcome.stderr), (Some(2), expected));
}

#[test]
fn a_role_that_is_not_granted_is_reported_in_two_lines() {
    let world = World::new();
    let url = sts();
    let token = world.write("token", "jwt");
    let fields = format!(
        r#""mode":"OIDC","ram_role_arn":"r","oidc_provider_arn":"p","oidc_token_file":"{}""#,
        token.display()
    );
    profile(&world, &fields);
    world.write("a", "content");
    for args in [&["whoami"][..], &["encrypt", "-k", "alias/work", "a"]] {
        let outcome = world.bulla(args.iter().chain(&["--kms", &url])).run();
        let stderr = &outcome.stderr;
        assert!(
            stderr.contains(&format!("{url} refused with 403 NoPermission: m (request r)\n       ask for")),
            "{stderr}"
        );
        assert_eq!(outcome.code(), Some(3));
    }
}

#[test]
fn an_sts_endpoint_that_is_none() {
    let world = World::new();
    let args = ["whoami", "--kms", "https://kms.example", "--sts-endpoint", "http://hunter2@sts.example"];
    let outcome = world.bulla(args).run();
    assert_eq!(
        outcome.stderr,
        "bulla: --sts-endpoint does not name a server\n       \
         --sts-endpoint is HOST, https://HOST:PORT or http://LOOPBACK:PORT\n"
    );
    assert_eq!(outcome.code(), Some(2));
}
