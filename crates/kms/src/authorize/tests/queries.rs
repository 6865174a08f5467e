//! Queries reveal to each caller only what actions reveal, and neither filter nor sort by anything else.

use std::fmt::Debug;
use std::iter;

use bulla_keys::{
    Alias, Description, Key, KeyOrigin, KeySpec, KeyState, KeyUsage, KeyVersionId, NewKey, Random,
    SystemRandom, Tags,
};
use bulla_wire::kms::{
    DescribeKey, KeyMetadata, ListAliases, ListAliasesByKeyId, ListKeys, ListResourceTags,
};

mod expected;

use self::expected::naive;
use super::people::{ACCOUNT, Account, EVERYTHING, allowing, by, by_session, of_resource};
use super::*;
use crate::queries::{self, Answer, FindKeys, FoundKeys, KeyEntry, KeyOrder, Overview, WantedTag};
use crate::state::Write;

fn random(below: usize) -> usize {
    let mut bytes = [0; 8];
    SystemRandom.fill(&mut bytes);
    (u64::from_be_bytes(bytes) % below as u64) as usize
}

fn pick<T: Copy>(from: &[T]) -> T {
    from[random(from.len())]
}

fn maybe<T>(value: impl FnOnce() -> T) -> Option<T> {
    (random(3) == 0).then(value)
}

const TEXTS: [&str; 6] = ["", "payroll", "Payroll of the north", "apollo", "日志", "x"];
const ALIASES: [&str; 5] = ["Apollo/WorkKey", "apollo/other", "zeus", "payroll-1", "x"];
const STATES: [KeyState; 4] =
    [KeyState::Enabled, KeyState::Disabled, KeyState::PendingDeletion, KeyState::PendingImport];

/// A random key. Few keys are equal in everything that they are sorted by.
fn random_key(id: KeyId, created: i64) -> Key {
    let spec = pick(&[KeySpec::Aes256, KeySpec::Aes256, KeySpec::Sm4, KeySpec::EcP256]);
    let usage = if spec == KeySpec::EcP256 { KeyUsage::SignVerify } else { KeyUsage::EncryptDecrypt };
    let origin = pick(&[KeyOrigin::Kms, KeyOrigin::Kms, KeyOrigin::External]);
    let primary = KeyVersionId::random(&SystemRandom);
    let mut key = Key::new(NewKey { id, primary, created, creator: ACCOUNT, spec, usage, origin });
    key.description = Description::new(pick(&TEXTS)).unwrap();
    let mut tags = Tags::default();
    tags.set("team", pick(&["x", "y", ""])).unwrap();
    key.tags = if random(2) == 0 { tags } else { Tags::default() };
    let changed = match random(3) {
        0 => key.with_enabled(false, 0),
        1 => key.with_deletion(4_000_000_000 + random(9) as i64, 0),
        _ => return key,
    };
    changed.unwrap_or(key)
}

/// An account with keys, aliases, and callers who may see different details of them.
struct World {
    account: Account,
    ids: Vec<KeyId>,
    callers: Vec<(&'static str, Origin)>,
}

/// Keys that one caller may describe, and that policies of keys deny to another.
const NAMED: usize = 4;

impl World {
    fn new(ids: Vec<KeyId>, mut key: impl FnMut(usize) -> Key) -> Self {
        let account = Account::new();
        account.write(ids.iter().enumerate().map(|(number, _)| (Write::Key(key(number)), 0)));
        let mut world = Self { account, ids, callers: vec![] };
        world.add_callers();
        world
    }

    fn name(&self, number: usize, alias: &str) {
        let alias =
            Alias { name: format!("alias/{alias}").parse().unwrap(), key: self.ids[number], made_by: None };
        self.account.write([(Write::Alias(alias), 0)]);
    }

    fn caller(&self, label: &str) -> &Origin {
        &self.callers.iter().find(|(of, _)| *of == label).unwrap().1
    }

    fn add_callers(&mut self) {
        let resources = |numbers: std::ops::Range<usize>| {
            let arns = self.ids[numbers].iter().map(|id| format!("\"acs:kms:*:*:key/{id}\""));
            format!("[{}]", arns.collect::<Vec<_>>().join(","))
        };
        let list = allowing(r#""kms:ListKeys""#, r#""*""#, "");
        let tagged = allowing(
            r#"["kms:DescribeKey","kms:ListResourceTags"]"#,
            r#""*""#,
            r#","Condition":{"StringEquals":{"kms:tag/team":"x"}}"#,
        );
        let aliases = allowing(r#""kms:ListAliases""#, r#""*""#, "");
        let some = allowing(r#"["kms:DescribeKey","kms:ListResourceTags"]"#, &resources(0..NAMED), "");
        let some_aliases = allowing(r#""kms:ListAliasesByKeyId""#, &resources(2..2 * NAMED), "");
        let users: [(_, &[&str]); 7] = [
            ("all", &[EVERYTHING]),
            ("fenced", &[EVERYTHING]),
            ("lister", &[&list]),
            ("tagged", &[&list, &tagged, &aliases]),
            ("some", &[&list, &some, &some_aliases]),
            ("aliases", &[&list, &aliases]),
            ("nothing", &[&some, &aliases]),
        ];
        let mut callers = vec![("owner", self.account.kms.owner())];
        for (name, policies) in users {
            callers.push((name, by(self.account.user(name))));
            policies.iter().for_each(|policy| drop(self.account.allow(name, policy)));
        }
        let role = self.account.role("worker", Some(EVERYTHING));
        let session = allowing(r#"["kms:List*","kms:DescribeKey"]"#, r#""acs:kms:*:*:key*""#, "");
        callers.push(("session", by_session(role, Some(&session))));
        for id in &self.ids[..NAMED] {
            let deny = of_resource("Deny", "user/fenced", r#"["kms:DescribeKey","kms:ListResourceTags"]"#);
            self.account.do_it("SetKeyPolicy", &[("KeyId", &id.to_string()), ("Policy", &deny)]);
        }
        self.callers = callers;
    }

    fn ask<A: Action>(&self, by: &Origin, request: A) -> Option<A::Reply> {
        match pollster::block_on(self.account.kms.call(request.into(), by)) {
            Ok(reply) => Some(A::reply(reply).unwrap()),
            Err(error) if error.code() == ErrorCode::ForbiddenNoPermission => None,
            Err(error) => panic!("{error}"),
        }
    }

    fn find(&self, by: &Origin, query: &FindKeys) -> Result<FoundKeys, Error> {
        pollster::block_on(self.account.kms.query(query.clone(), by))
    }

    /// Returns everything that a caller may see, from actions alone, in the order of ListKeys; none without the permission to
    /// list.
    fn seen(&self, by: &Origin) -> Option<Vec<KeyEntry>> {
        let size = Some(100);
        let listed = self.ask(by, ListKeys { page_size: size, ..ListKeys::default() })?;
        assert_eq!(listed.total_count, listed.keys.key.len() as u64, "one page has them all");
        let all_aliases = self.ask(by, ListAliases { page_number: None, page_size: size });
        let entry = |key: &bulla_wire::kms::KeyEntry| {
            let id = || key.key_id.clone();
            let of_key = |reply: bulla_wire::kms::ListAliasesReply| {
                let aliases = reply.aliases.alias.into_iter();
                aliases.filter(|alias| alias.key_id == key.key_id).map(|alias| alias.alias_name).collect()
            };
            let by_key =
                || self.ask(by, ListAliasesByKeyId { key_id: id(), page_number: None, page_size: size });
            let tags = self.ask(by, ListResourceTags { key_id: id() });
            KeyEntry {
                key_id: id(),
                arn: key.key_arn.clone(),
                metadata: self.ask(by, DescribeKey { key_id: id() }).map(|reply| reply.key_metadata),
                aliases: all_aliases.clone().or_else(by_key).map(of_key),
                tags: tags.map(|reply| {
                    let tags = reply.tags.tag.into_iter();
                    tags.map(|tag| (tag.tag_key, tag.tag_value)).collect()
                }),
            }
        };
        Some(listed.keys.key.iter().map(entry).collect())
    }
}

fn random_query() -> FindKeys {
    FindKeys {
        text: maybe(|| pick(&["pay", "PAYROLL", "apollo", "alias/a", "日", "0", "a", "of the"]).into()),
        state: maybe(|| pick(&STATES)),
        spec: maybe(|| pick(&[KeySpec::Aes256, KeySpec::Sm4, KeySpec::EcP256])),
        usage: maybe(|| pick(&[KeyUsage::EncryptDecrypt, KeyUsage::SignVerify])),
        origin: maybe(|| pick(&[KeyOrigin::Kms, KeyOrigin::External])),
        alias_part: maybe(|| pick(&["apollo/", "POLLO", "alias/apollo", "as/a", "z", ""]).into()),
        tag: maybe(|| WantedTag { key: "team".into(), value: maybe(|| pick(&["x", ""]).into()) }),
        order: pick(&[KeyOrder::Created, KeyOrder::Alias, KeyOrder::State, KeyOrder::Id]),
        descending: random(2) == 0,
        page_number: Some(1 + random(3) as u32),
        page_size: Some(pick(&[1, 7, 20, 100])),
    }
}

/// A query with only one criterion.
fn random_single_query() -> FindKeys {
    let query = random_query();
    let mut single = FindKeys { order: query.order, descending: query.descending, ..FindKeys::default() };
    match random(8) {
        0 => single.text = query.text,
        1 => single.state = query.state,
        2 => single.spec = query.spec,
        3 => single.usage = query.usage,
        4 => single.origin = query.origin,
        5 => single.alias_part = query.alias_part,
        6 => single.tag = query.tag,
        _ => {}
    }
    FindKeys { page_number: query.page_number, page_size: query.page_size, ..single }
}

#[test]
fn keys_are_found_by_what_the_caller_may_read_and_in_its_order() {
    let ids: Vec<_> = (0..60).map(|_| KeyId::random(&SystemRandom)).collect();
    let world = World::new(ids.clone(), |number| random_key(ids[number], random(20) as i64));
    for number in 0..40 {
        let alias = format!("{}{number}", pick(&ALIASES));
        world.name(random(ids.len()), &alias);
    }
    for (label, origin) in &world.callers {
        let Some(seen) = world.seen(origin) else {
            let refused = world.find(origin, &FindKeys::default()).unwrap_err();
            assert_eq!((*label, refused.code()), ("nothing", ErrorCode::ForbiddenNoPermission));
            continue;
        };
        for round in 0..400 {
            let query = if round % 2 == 0 { random_single_query() } else { random_query() };
            let found = world.find(origin, &query).unwrap();
            assert_eq!(found, naive(&seen, &query), "{label}: {query:?}");
        }
    }
}

#[test]
fn pages_follow_each_other_without_a_gap_in_every_order() {
    let ids: Vec<_> = (0..57).map(|_| KeyId::random(&SystemRandom)).collect();
    let world = World::new(ids.clone(), |number| random_key(ids[number], random(5) as i64));
    for number in 0..20 {
        world.name(random(ids.len()), &format!("a{number}"));
    }
    for (label, origin) in world.callers.iter().filter(|(label, _)| *label != "nothing") {
        for order in [KeyOrder::Created, KeyOrder::Alias, KeyOrder::State, KeyOrder::Id] {
            for descending in [false, true] {
                let find = |page_number, page_size| {
                    let query = FindKeys {
                        order,
                        descending,
                        page_number: Some(page_number),
                        page_size: Some(page_size),
                        ..FindKeys::default()
                    };
                    let found = world.find(origin, &query).unwrap();
                    assert_eq!(found.total, 57, "{label} {order:?}");
                    found.keys
                };
                let pages: Vec<_> = (1..=12).flat_map(|number| find(number, 5)).collect();
                assert_eq!(pages, find(1, 100), "{label} {order:?} {descending}");
                let unique: BTreeSet<_> = pages.iter().map(|key| &key.key_id).collect();
                assert_eq!(unique.len(), 57, "{label} {order:?} {descending}");
            }
        }
    }
}

#[test]
fn a_page_that_no_query_has_is_refused() {
    let ids: Vec<_> = (0..9).map(|_| KeyId::random(&SystemRandom)).collect();
    let world = World::new(ids.clone(), |number| random_key(ids[number], 1));
    for (page_number, page_size, named) in [(0, 10, "PageNumber"), (1, 0, "PageSize"), (1, 101, "PageSize")] {
        let page =
            FindKeys { page_number: Some(page_number), page_size: Some(page_size), ..FindKeys::default() };
        let refused = world.find(&world.account.kms.owner(), &page).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::InvalidParameter);
        assert!(refused.message().contains(named), "{}", refused.message());
    }
}

/// Two accounts whose keys have the same ids and ages, and are otherwise equal only if they are visible. Of the invisible
/// ones, one has a scheduled deletion in the second account alone.
fn accounts_alike_in(is_shown: fn(usize) -> bool) -> [World; 2] {
    let ids: Vec<_> = (0..40).map(|_| KeyId::random(&SystemRandom)).collect();
    let new = |number: usize| random_key(ids[number], number as i64);
    let shown: Vec<_> = (0..ids.len()).map(new).collect();
    let is_ending = |key: &Key| key.state(0) == KeyState::PendingDeletion;
    let hidden = (0..ids.len()).find(|number| !is_shown(*number)).unwrap();
    [false, true].map(|is_second| {
        let key = |number| match number {
            _ if is_shown(number) => shown[number].clone(),
            _ if number == hidden => {
                iter::repeat_with(|| new(number)).find(|key| is_ending(key) == is_second).unwrap()
            }
            _ => new(number),
        };
        let world = World::new(ids.clone(), key);
        ALIASES.iter().enumerate().for_each(|(number, alias)| world.name(number, alias));
        world
    })
}

/// Checks that callers get the same answers in two accounts, although root does not.
fn assert_same_answers(worlds: &[World; 2], callers: &[&str]) {
    let mut differs = false;
    for round in 0..1_000 {
        let query = if round % 2 == 0 { random_single_query() } else { random_query() };
        let find =
            |label: &str| worlds.each_ref().map(|world| rendered(&world.find(world.caller(label), &query)));
        for label in callers {
            let [one, other] = find(label);
            assert_eq!(one, other, "{label}: {query:?}");
        }
        let [one, other] = find("owner");
        differs |= one != other;
    }
    assert!(differs);
    let ahead = |label: &str| {
        worlds.each_ref().map(|world| {
            let kms = &world.account.kms;
            let overview = pollster::block_on(kms.query(Overview {}, world.caller(label))).unwrap();
            format!("{:?} {:?}", overview.keys.map(|keys| keys.total), overview.scheduled)
        })
    };
    for label in callers {
        let [one, other] = ahead(label);
        assert_eq!(one, other, "{label}");
    }
    let [one, other] = ahead("owner");
    assert_ne!(one, other);
}

#[test]
fn what_a_caller_may_not_see_changes_no_byte_of_an_answer() {
    let worlds = accounts_alike_in(|number| number < 2 * NAMED);
    for number in 0..30 {
        for (world, alias) in worlds.iter().zip(["payroll-h", "apollo-h"]) {
            world.name(2 * NAMED + random(20), &format!("{alias}{number}"));
        }
    }
    assert_same_answers(&worlds, &["lister", "some"]);
}

#[test]
fn what_the_policy_of_a_key_hides_changes_no_byte_of_an_answer() {
    assert_same_answers(&accounts_alike_in(|number| number >= NAMED), &["lister", "fenced"]);
}

/// The bytes of an answer, without the id of the caller in the account.
fn rendered<T: Debug>(answer: &Result<T, Error>) -> String {
    match answer {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => error.code_text(),
    }
}

#[test]
fn an_overview_needs_the_permission_to_list_each_kind_and_for_events_that_to_describe() {
    let ids: Vec<_> = (0..60).map(|_| KeyId::random(&SystemRandom)).collect();
    let world = World::new(ids.clone(), |number| random_key(ids[number], number as i64));
    world.account.do_it("CreateSecret", &[("SecretName", "s"), ("VersionId", "1"), ("SecretData", "x")]);
    world.account.do_it("DeleteSecret", &[("SecretName", "s"), ("RecoveryWindowInDays", "7")]);
    let snapshot = world.account.kms.state.published().clone();
    for (label, origin) in &world.callers {
        let seen = pollster::block_on(world.account.kms.query(Overview {}, origin)).unwrap();
        let keys = world.seen(origin);
        let has_secrets = ["owner", "all", "fenced"].contains(label);
        assert_eq!(seen.secrets, has_secrets.then_some(1), "{label}");
        let Some(keys) = keys else {
            assert_eq!((seen.keys, seen.scheduled), (None, vec![]), "{label}");
            continue;
        };
        let counts = seen.keys.unwrap();
        assert_eq!(counts.total, snapshot.count::<Key>() as u64);
        for state in STATES {
            let is_in = |id: &KeyId| snapshot.key(*id).unwrap().record.state(2_000_000_000) == state;
            // The key of the service is enabled.
            let count = ids.iter().filter(|id| is_in(id)).count() + usize::from(state == KeyState::Enabled);
            let found = counts.by_state.iter().find(|(of, _)| *of == state).map_or(0, |(_, count)| *count);
            assert_eq!(found, count as u64, "{label} {state}");
        }
        assert_eq!(counts.by_spec.iter().map(|(_, count)| count).sum::<u64>(), counts.total);
        let deletions = |key: &KeyEntry| {
            let date = key.metadata.as_ref()?.delete_date.clone();
            (!date.is_empty()).then(|| (date, key.key_id.clone()))
        };
        let mut expected: Vec<_> = keys.iter().filter_map(deletions).collect();
        expected.sort();
        expected.truncate(20 - usize::from(has_secrets));
        let mut found = Vec::new();
        for event in &seen.scheduled {
            match &event.of {
                queries::ScheduledOf::Key { key_id, .. } => {
                    found.push((event.at.to_string(), key_id.clone()))
                }
                queries::ScheduledOf::Secret { name } => assert_eq!(name, "s"),
            }
        }
        assert_eq!(found, expected, "{label}");
        assert_eq!(seen.scheduled.len() - found.len(), usize::from(has_secrets), "{label}");
    }
}

/// Asks whether a user may list keys.
pub(super) fn explain_reader() -> queries::Explain {
    let [who, action] = ["user/reader", "kms:ListKeys"].map(str::to_owned);
    queries::Explain { who, action, ..queries::Explain::default() }
}

/// One query of each kind.
pub(super) fn all_queries() -> Vec<queries::Query> {
    let all = vec![
        FindKeys::default().into(),
        Overview {}.into(),
        queries::FindSecrets::default().into(),
        queries::FindUsers::default().into(),
        queries::FindGroups::default().into(),
        queries::FindRoles::default().into(),
        queries::FindPolicies::default().into(),
        explain_reader().into(),
        queries::SearchTrail::default().into(),
        queries::DescribeLimits {}.into(),
        queries::DescribeBackups {}.into(),
    ];
    let names: Vec<_> = all.iter().map(queries::Query::name).collect();
    assert_eq!(names, queries::Query::NAMES, "each query of the table is here");
    all
}

/// A server answers on any free thread.
#[test]
fn a_query_may_move_between_threads_while_it_is_answered() {
    fn is_send(future: impl Future + Send) {
        drop(future);
    }
    let account = Account::new();
    let owner = account.kms.owner();
    is_send(account.kms.query(FindKeys::default(), &owner));
    is_send(account.kms.query(Overview {}, &owner));
    is_send(account.kms.query(queries::FindPolicies::default(), &owner));
}

/// The first permission that each query checks. Without it, the query checks nothing else of the kind.
const FIRST_QUESTIONS: [&str; 11] = [
    "ListKeys key",
    "ListKeys key",
    "ListSecrets secret",
    "ListUsers user/*",
    "ListGroups group/*",
    "ListRoles role/*",
    "ListPolicies policy/*",
    "ListPoliciesForUser user/reader",
    "LookupEvents *",
    "GetKmsInstanceQuotaInfos *",
    "DescribeBackups *",
];

#[test]
fn each_query_checks_its_list_before_anything_is_revealed() {
    let bench = Bench::new();
    subjects::existing(&bench, "", &[]);
    Account::of(&bench).user("reader");
    bench.field("CreateKey", &[], "/KeyMetadata/KeyId");
    assert_eq!(FIRST_QUESTIONS.len(), all_queries().len());
    for (query, first) in all_queries().iter().zip(FIRST_QUESTIONS) {
        for denied in [None, Some(first.to_owned())] {
            let is_denied = denied.is_some();
            *bench.recorded.lock().unwrap() = RecordedQueries { queries: vec![], denied };
            let origin = bench.kms.owner();
            let inquiry = Inquiry::new(&bench.kms, &origin, Requested::default());
            let answer = pollster::block_on(queries::answer(&bench.kms, query, &inquiry));
            let RecordedQueries { queries: recorded, .. } =
                std::mem::take(&mut *bench.recorded.lock().unwrap());
            assert_eq!(recorded[0], first, "{}", query.name());
            assert_eq!(inquiry.questions()[0].is_allowed, !is_denied);
            match answer {
                Ok(Answer::Overview(overview)) => {
                    assert_eq!(overview.keys.is_some(), !is_denied);
                    assert!(
                        !is_denied || recorded.iter().all(|query| !query.contains("key/")),
                        "{recorded:?}"
                    );
                }
                Ok(_) => assert!(!is_denied, "{}", query.name()),
                Err(error) => {
                    assert!(is_denied && error.code_text().contains("NoPermission"), "{error}");
                    assert_eq!(recorded.len(), 1, "{recorded:?}");
                }
            }
        }
    }
}

/// A caller without permissions gets no information.
#[test]
fn a_caller_without_permissions_gets_no_information() {
    let account = Account::new();
    account.key();
    account.do_it("CreateSecret", &[("SecretName", "s"), ("VersionId", "1"), ("SecretData", "x")]);
    let unprivileged = by(account.user("nobody"));
    for query in all_queries() {
        let inquiry = Inquiry::new(&account.kms, &unprivileged, Requested::default());
        match pollster::block_on(queries::answer(&account.kms, &query, &inquiry)) {
            Ok(Answer::Overview(overview)) => {
                let queries::Ahead { keys, secrets, scheduled } = overview;
                assert_eq!((keys, secrets, scheduled), (None, None, vec![]));
            }
            Ok(answer) => panic!("{answer:?}"),
            Err(error) => assert!(error.code_text().contains("NoPermission"), "{error}"),
        }
        assert!(inquiry.questions().iter().all(|question| !question.is_allowed));
    }
}

#[test]
fn people_policies_and_secrets_are_found_by_parts_of_their_names() {
    let account = Account::new();
    let owner = account.kms.owner();
    for name in ["Alice", "bob", "malice"] {
        account.user(name);
    }
    account.change_user("bob", |user| user.profile.display_name = "Bob Alison".into());
    account.group("Ops", "bob", EVERYTHING);
    account.role("worker", None);
    account.allow_by("Team-Keys", EVERYTHING, "Alice");
    for name in ["db-password", "DB-user", "other"] {
        account.do_it("CreateSecret", &[("SecretName", name), ("VersionId", "1"), ("SecretData", "x")]);
    }
    let text = |text: &str| Some(text.to_owned());
    macro_rules! names {
        ($Query:ident, $field:ident, $text:expr) => {{
            let query = queries::$Query { text: text($text), page_size: Some(2), ..Default::default() };
            let found = pollster::block_on(account.kms.query(query, &owner)).unwrap();
            let names: Vec<_> = found.entries.iter().map(|entry| &*entry.$field).map(str::to_owned).collect();
            (found.total, names)
        }};
    }
    let named = |total: u64, names: &[&str]| (total, names.iter().map(|name| (*name).to_owned()).collect());
    assert_eq!(names!(FindUsers, user_name, "ALI"), named(3, &["Alice", "bob"]));
    assert_eq!(names!(FindUsers, user_name, "mal"), named(1, &["malice"]));
    assert_eq!(names!(FindGroups, group_name, "op"), named(1, &["Ops"]));
    assert_eq!(names!(FindRoles, role_name, "z"), named(0, &[]));
    assert_eq!(names!(FindRoles, role_name, ""), named(1, &["worker"]));
    assert_eq!(names!(FindPolicies, policy_name, "team"), named(1, &["Team-Keys"]));
    assert_eq!(names!(FindPolicies, policy_name, "administrator"), named(1, &["AdministratorAccess"]));
    assert_eq!(names!(FindSecrets, secret_name, "db"), named(2, &["DB-user", "db-password"]));
    let second = queries::FindUsers { page_number: Some(2), page_size: Some(2), ..Default::default() };
    let second = pollster::block_on(account.kms.query(second, &owner)).unwrap();
    assert_eq!((second.total, &*second.entries[0].user_name), (3, "malice"));
}
