//! Uses of keys over HTTP: counted, answered to DescribeKeyUses, and not in answers of actions that the cloud has.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use bulla_wire::kms::{DescribeKeyBackupsReply, DescribeKeyUsesReply};
use common::{Signed, TestServer};

#[test]
fn requests_of_many_connections_are_counted_and_only_describe_key_uses_shows_it() {
    let server = TestServer::plain();
    let key = server.create_key();
    let before = server.call(&format!("Action=DescribeKey&KeyId={key}")).body;
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..10 {
                    server.call(&format!("Action=GenerateDataKey&KeyId={key}"));
                }
            });
        }
    });
    let answer = server.call(&format!("Action=DescribeKeyUses&KeyId={key}"));
    let uses: DescribeKeyUsesReply = serde_json::from_str(&answer.body).unwrap();
    let [version] = &*uses.key_version_uses.key_version_use else { panic!("{uses:?}") };
    assert_eq!((version.encryptions, version.other_operations), (80, 0));
    assert!(uses.last_use_date().is_some());
    let after = server.call(&format!("Action=DescribeKey&KeyId={key}")).body;
    let metadata = |body: &str| {
        let (_, metadata) = body.split_once(r#""KeyMetadata":{"#).unwrap();
        metadata.split_once('}').unwrap().0.to_owned()
    };
    assert_eq!(metadata(&after), metadata(&before));
}

#[test]
fn the_reply_states_whether_the_server_has_a_schedule_of_backups() {
    let server = TestServer::plain();
    let key = server.create_key();
    let answer = server.call(&format!("Action=DescribeKeyBackups&KeyId={key}"));
    let backups: DescribeKeyBackupsReply = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(backups, DescribeKeyBackupsReply::default());
    for action in ["DescribeKeyUses", "DescribeKeyBackups"] {
        let refused = |parameters: &str| {
            let request = Signed::new("POST", &format!("Action={action}{parameters}"));
            let answer = server.send(request.into_query());
            (answer.status, answer.field("Code"))
        };
        let missing = "&KeyId=11111111-2222-4333-8444-555555555555";
        assert_eq!(refused(missing), (404, "Forbidden.KeyNotFound".into()), "{action}");
        assert_eq!(refused(""), (400, "MissingKeyId".into()), "{action}");
    }
}
