//! The answer of DescribeLimits, and which callers get it.

use std::num::NonZeroU32;

use super::people::{Account, EVERYTHING, allowing, by};
use super::*;
use crate::queries::{Creator, DescribeLimits, LimitsInForce, MadeCounts, RecordCounts};
use crate::{Quotas, RequestLimit, RequestLimits, ThrottledRequests};

fn limits(account: &Account, by: &Origin) -> Result<LimitsInForce, Error> {
    pollster::block_on(account.kms.query(DescribeLimits {}, by)).map(|limits| *limits)
}

fn made(keys: usize, aliases: usize, secrets: usize) -> MadeCounts {
    MadeCounts { keys, aliases, secrets }
}

#[test]
fn the_usage_of_quotas_includes_the_makers_of_most_records() {
    let account = Account::new();
    let [ann, bob, cid] = ["ann", "bob", "cid"].map(|name| {
        let user = by(account.user(name));
        account.allow(name, EVERYTHING);
        user
    });
    account.group("ops", "ann", EVERYTHING);
    account.role("worker", None);
    for (user, keys) in [(&ann, 1), (&bob, 3), (&cid, 1)] {
        for _ in 0..keys {
            account.call(user, "CreateKey", &[]).unwrap();
        }
    }
    let key = account.key(); // made by the owner, whom quotas for makers do not count
    account.call(&ann, "CreateAlias", &[("KeyId", &key), ("AliasName", "alias/a")]).unwrap();
    let secret = [("SecretName", "s"), ("VersionId", "1"), ("SecretData", "x")];
    account.call(&cid, "CreateSecret", &secret).unwrap();
    account.delete_user("cid");
    let quotas = Quotas { keys: Some(9), ..Quotas::default() };
    account.kms.set_quotas(quotas);

    let answer = limits(&account, &account.kms.owner()).unwrap();
    assert_eq!(answer.quotas, quotas);
    let policies = answer.used.policies;
    let used = RecordCounts { users: 2, groups: 1, roles: 1, mfa_devices: 0, policies, made: made(6, 1, 1) };
    assert_eq!(answer.used, used, "neither the key of the service nor its alias");
    assert!(policies >= 3);
    assert_eq!(answer.most_by_one, made(3, 1, 1));
    let creators = answer.creators.unwrap();
    let [first, second, third] = &creators[..] else { panic!("{creators:?}") };
    assert_eq!(*first, Creator { name: "user/bob".into(), made: made(3, 0, 0) });
    assert_eq!(*second, Creator { name: "user/ann".into(), made: made(1, 1, 0) });
    let id = cid.caller().user_id().unwrap();
    assert_eq!(
        *third,
        Creator { name: format!("user/{id}"), made: made(1, 0, 1) },
        "the name no longer exists"
    );
}

#[test]
fn names_of_creators_take_the_permission_to_list_users() {
    let account = Account::new();
    let reader = by(account.user("reader"));
    account.allow("reader", &allowing(r#""kms:GetKmsInstanceQuotaInfos""#, r#""*""#, ""));
    let unprivileged = by(account.user("nobody"));
    account.allow("nobody", &allowing(r#"["kms:List*","kms:Describe*"]"#, r#""*""#, ""));
    assert!(limits(&account, &reader).unwrap().creators.is_none());
    assert_eq!(limits(&account, &unprivileged).unwrap_err().code(), ErrorCode::ForbiddenNoPermission);
    account.allow("reader", &allowing(r#""ram:ListUsers""#, r#""*""#, ""));
    assert_eq!(limits(&account, &reader).unwrap().creators, Some(vec![]));
}

#[test]
fn refused_requests_are_counted_by_the_limit_that_refuses_them() {
    let account = Account::new();
    let ann = by(account.user("ann"));
    let two = Some(RequestLimit { requests_per_second: NonZeroU32::MIN, burst: NonZeroU32::new(2) });
    let one = Some(RequestLimit { requests_per_second: NonZeroU32::MIN, burst: None });
    let send = |times: usize| {
        (0..times).filter(|_| account.call(&ann, "DescribeRegions", &[]).is_err()).count() as u64
    };
    let requests = RequestLimits { user: two, ..RequestLimits::default() };
    account.kms.set_request_limits(requests);
    let of_user = send(10);
    account.kms.set_request_limits(RequestLimits { access_key: one, source: one, user: None });
    let of_access_key = send(10);
    let source = Some([192, 0, 2, 7].into());
    let of_source = (0..10).filter(|_| account.kms.admit(source).is_err()).count() as u64;
    let answer = limits(&account, &account.kms.owner()).unwrap();
    assert!(of_user > 0 && of_source > 0);
    assert_eq!(
        answer.throttled,
        ThrottledRequests { access_key: of_access_key, user: of_user, source: of_source }
    );
    assert_eq!(answer.requests.source, one);
}
