//! Measures the cost of queries with 100,000 keys, and prints it without assertions.
//!
//!     cargo test --release -p bulla-kms --lib queries::load -- --ignored --nocapture

use std::fs;
use std::time::Instant;

use bulla_keys::record::Revision;
use bulla_keys::{
    Alias, Description, Key, KeyId, KeyOrigin, KeySpec, KeyState, KeyUsage, KeyVersionId, NewKey,
    RotationInterval, SystemRandom, Tags,
};
use bulla_wire::{Error, Product};
use rustix::time::{ClockId, clock_gettime};

use super::*;
use crate::origin::{Caller, Connection, Proof};
use crate::people::{AttachmentLimits, ManagedPolicy, NameKey, PolicyRef, Profile, User};
use crate::state::{Changes, Write};
use crate::{Options, Role as ProcessRole, SystemClock};

const KEYS: usize = 100_000;
const USERS: usize = 10_000;

fn write(kms: &Kms, writes: Vec<(Write, Revision)>) {
    let change = Changes::for_test(writes).answering(());
    let (_, answered) = kms.state.stage(kms.now(), |_| Ok::<_, Error>(change)).unwrap();
    pollster::block_on(answered).unwrap().unwrap();
}

/// Like a large account: most keys have an alias, a description and a tag.
fn fill(kms: &Kms) {
    let mut writes = Vec::new();
    for number in 0..KEYS {
        let id = KeyId::random(&SystemRandom);
        let spec = if number % 10 == 0 { KeySpec::Sm4 } else { KeySpec::Aes256 };
        let mut key = Key::new(NewKey {
            id,
            primary: KeyVersionId::random(&SystemRandom),
            created: (number * 7919 % KEYS) as i64,
            creator: "111122223333",
            spec,
            usage: KeyUsage::EncryptDecrypt,
            origin: KeyOrigin::Kms,
        });
        key.description = Description::new(&format!("Data keys of service {number} in the north")).unwrap();
        let mut tags = Tags::default();
        tags.set("team", &format!("t{}", number % 50)).unwrap();
        key.tags = tags;
        key.rotation_interval = (number % 3 == 0).then(|| RotationInterval::parse("365d").unwrap());
        let key = match number % 20 {
            0 => key.with_enabled(false, 0).unwrap(),
            1 => key.with_deletion(4_000_000_000, 0).unwrap(),
            _ => key,
        };
        writes.push((Write::Key(key), 0));
        if number % 10 > 0 {
            let name = format!("alias/team-{}/service-{number}", number % 50).parse().unwrap();
            writes.push((Write::Alias(Alias { name, key: id, made_by: None }), 0));
        }
    }
    write(kms, writes);
    let user = |number: usize| {
        let profile = Profile { display_name: format!("User {number}").into(), ..Profile::default() };
        Write::User(User::new(format!("user-{number}").parse().unwrap(), profile, 1))
    };
    write(kms, (0..USERS).map(|number| (user(number), 0)).collect());
}

/// Creates a user with policies.
fn caller(kms: &Kms, name: &str, documents: &[&str]) -> Origin {
    let mut user = User::new(name.parse().unwrap(), Profile::default(), 1);
    let mut writes = Vec::new();
    for (number, document) in documents.iter().enumerate() {
        let policy = format!("{name}-{number}");
        writes.push((Write::Policy(ManagedPolicy::new(policy.parse().unwrap(), document, 1).unwrap()), 0));
        let limits = AttachmentLimits { system: 9, custom: 9 };
        user.policies.attach(PolicyRef::Custom(NameKey::of(&policy)), 1, limits).unwrap();
    }
    let caller = Caller::User { id: user.id, proof: Proof::AccessKey("BULLAtest".into()) };
    writes.push((Write::User(user), 0));
    write(kms, writes);
    Origin {
        caller,
        connection: Connection { source: None, tls: true, request_id: "r".into(), user_agent: None },
    }
}

fn allowing(actions: &str, condition: &str) -> String {
    format!(
        r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":{actions},"Resource":"*"{condition}}}]}}"#
    )
}

fn queries() -> Vec<(&'static str, FindKeys)> {
    let find = |page_number, edit: &dyn Fn(&mut FindKeys)| {
        let mut query =
            FindKeys { page_number: Some(page_number), page_size: Some(100), ..FindKeys::default() };
        edit(&mut query);
        query
    };
    vec![
        ("created, first page", find(1, &|_| {})),
        ("created, last page", find(1000, &|_| {})),
        ("newest first", find(1, &|query| query.descending = true)),
        ("one state", find(1, &|query| query.state = Some(KeyState::Disabled))),
        ("by state, middle", find(500, &|query| query.order = KeyOrder::State)),
        ("by alias, first page", find(1, &|query| query.order = KeyOrder::Alias)),
        ("by alias, middle", find(500, &|query| query.order = KeyOrder::Alias)),
        ("by alias, last page", find(1000, &|query| query.order = KeyOrder::Alias)),
        ("by id, middle", find(500, &|query| query.order = KeyOrder::Id)),
        ("rare text", find(1, &|query| query.text = Some("service-77777".into()))),
        ("common text", find(1, &|query| query.text = Some("NORTH".into()))),
        ("common text, last page", find(1000, &|query| query.text = Some("NORTH".into()))),
        ("no such text", find(1, &|query| query.text = Some("zebra".into()))),
        ("part of an alias", find(1, &|query| query.alias_part = Some("TEAM-7/".into()))),
        (
            "tag",
            find(1, &|query| {
                query.tag = Some(WantedTag { key: "team".into(), value: Some("t7".into()) });
            }),
        ),
        ("origin", find(1, &|query| query.origin = Some(KeyOrigin::External))),
    ]
}

/// The median times of some calls, in ms: elapsed time, and processor time, which other programs hardly affect.
fn time(mut call: impl FnMut()) -> (f64, f64) {
    let processor = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
    };
    let measured = |_| {
        let begun = processor();
        let start = Instant::now();
        call();
        (start.elapsed().as_secs_f64() * 1e3, processor() - begun)
    };
    let (mut passed, mut used): (Vec<_>, Vec<_>) = (0..15).map(measured).unzip();
    passed.sort_by(f64::total_cmp);
    used.sort_by(f64::total_cmp);
    (passed[7], used[7])
}

/// Resident memory in MiB.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

#[test]
#[ignore = "a measurement"]
fn what_queries_cost_with_a_hundred_thousand_keys() {
    let data = tempfile::tempdir().unwrap();
    let kms = Kms::open(&Options::new(data.path(), ProcessRole::Command), SystemClock).unwrap();
    fill(&kms);
    let list = allowing(r#"["kms:ListKeys","kms:ListAliases"]"#, "");
    let tagged = allowing(
        r#"["kms:DescribeKey","kms:ListResourceTags"]"#,
        r#","Condition":{"StringEquals":{"kms:tag/team":["t7","t8"]}}"#,
    );
    let callers = [
        ("root", kms.owner()),
        ("a user who may see all", caller(&kms, "all", &[&allowing(r#""kms:*""#, "")])),
        ("a user who may see some by tag", caller(&kms, "tagged", &[&list, &tagged])),
        ("a user who may only list", caller(&kms, "lister", &[&list])),
    ];
    let before = resident();
    for (label, origin) in &callers {
        println!("{label}:");
        for (name, query) in queries() {
            let found = pollster::block_on(kms.query(query.clone(), origin)).unwrap();
            let (median, used) = time(|| drop(pollster::block_on(kms.query(query.clone(), origin)).unwrap()));
            println!("  {name:24} {median:7.2} ms, processor {used:7.2} ms, {} keys", found.total);
        }
        let (median, used) = time(|| drop(pollster::block_on(kms.query(Overview {}, origin)).unwrap()));
        println!("  {:24} {median:7.2} ms, processor {used:7.2} ms", "overview");
        let key = pollster::block_on(kms.query(FindKeys::default(), origin)).unwrap().keys.remove(0).key_id;
        let (median, used) = time(|| {
            let may = |_: &usize| kms.may(Product::Kms, "DisableKey", On::Key(&key), origin);
            std::hint::black_box((0..30).filter(may).count());
        });
        println!("  {:24} {median:7.3} ms, processor {used:7.3} ms", "thirty times: may");
    }
    let find = || FindUsers { text: Some("r 99".into()), ..FindUsers::default() };
    let (median, used) = time(|| drop(pollster::block_on(kms.query(find(), &callers[0].1)).unwrap()));
    println!("{USERS} users by name: {median:.2} ms, processor {used:.2} ms");
    println!("resident: {before:.1} MiB before the queries, {:.1} MiB after them", resident());
}
