//! Uses of keys over HTTP: counted, and not in answers of the API.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use bulla_kms::{DescribeKeyUses, KeyUses};
use common::TestServer;

#[test]
fn requests_of_many_connections_are_counted_and_the_api_does_not_show_it() {
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
    let query = DescribeKeyUses { key_id: key.clone() };
    let origin = server.kms.owner();
    let uses: KeyUses = bulla_server::runtime().unwrap().block_on(server.kms.query(query, &origin)).unwrap();
    assert_eq!((uses.versions[0].encryptions, uses.versions[0].other_operations), (80, 0));
    assert!(uses.last_used().is_some());
    let after = server.call(&format!("Action=DescribeKey&KeyId={key}")).body;
    let metadata = |body: &str| {
        let (_, metadata) = body.split_once(r#""KeyMetadata":{"#).unwrap();
        metadata.split_once('}').unwrap().0.to_owned()
    };
    assert_eq!(metadata(&after), metadata(&before));
}
