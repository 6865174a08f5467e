//! Searches of ListKeys and ListSecrets. They use the indexes of the snapshot, so that the cost depends on the page and not
//! on the number of keys and secrets. Only a search by several labels scans, on another thread.

use std::collections::BTreeSet;
use std::sync::Arc;

use bulla_keys::{Key, Secret, SecretName};
use bulla_wire::Error;

use super::filters::{Filters, KeyFilter, Lookup, SecretFilter, Value};
use super::paging::Page;
use crate::authorize::Listing;
use crate::session::Session;
use crate::state::{Age, Group, Index, Label};

/// Returns the keys on a page, and the number of matches on all pages.
pub(super) async fn keys<A>(
    session: &Session<'_, A>,
    page: Page,
    filters: Filters<KeyFilter>,
) -> Result<(Vec<Age>, u64), Error> {
    let now = session.now();
    let listing = session.listed_keys()?;
    let plan = plan_for_keys(&listing, &filters);
    let matches = move |keys: &Listing<Key>, (_, id): &Age| {
        let is = |key: &Key| filters.match_all(|name, value| name.matches(value, key, keys, now));
        keys.key(*id).is_some_and(|row| is(&row.record))
    };
    run(session, page, listing, plan, |keys| keys.lists().by_group(), matches).await
}

/// Returns the secrets on a page, and the number of matches on all pages.
pub(super) async fn secrets<A>(
    session: &Session<'_, A>,
    page: Page,
    filters: Filters<SecretFilter>,
) -> Result<(Vec<Arc<Secret>>, u64), Error> {
    let account = session.account().to_owned();
    let listing = session.listed_secrets()?;
    let plan = plan_for_secrets(&listing, &filters, &account);
    let matches = move |secrets: &Listing<Secret>, name: &SecretName| {
        let row = secrets.secret(name);
        row.is_some_and(|row| filters.match_all(|name, value| name.matches(value, &row.record, &account)))
    };
    let searched = listing.clone();
    let (names, total) =
        run(session, page, searched, plan, |secrets| secrets.lists().by_label(), matches).await?;
    let secrets = names.iter().filter_map(|name| Some(Arc::clone(&listing.secret(name)?.record)));
    Ok((secrets.collect(), total))
}

/// Where the matches are found.
enum Plan<P, K> {
    /// Exactly the entries of these parts of an index.
    Listed(Vec<P>),
    /// Some of these few.
    Named(BTreeSet<K>),
    /// Some of the entries of these parts, which must be scanned.
    Among(Vec<P>),
}

async fn run<R, P, K, A>(
    session: &Session<'_, A>,
    page: Page,
    listing: Listing<R>,
    plan: Plan<P, K>,
    index: fn(&Listing<R>) -> &Index<P, K>,
    matches: impl Fn(&Listing<R>, &K) -> bool + Send + 'static,
) -> Result<(Vec<K>, u64), Error>
where
    R: 'static,
    P: Ord + Clone + Send + 'static,
    K: Ord + Clone + Send + 'static,
{
    match plan {
        Plan::Listed(parts) => {
            let (keys, total) = page.of(index(&listing), &parts);
            Ok((keys.into_iter().cloned().collect(), total))
        }
        Plan::Named(keys) => Ok(page.counted(keys.into_iter().filter(|key| matches(&listing, key)))),
        // May take long in a large store, so it runs on another thread, and other requests do not wait.
        Plan::Among(parts) => {
            let search = move || {
                let index = index(&listing);
                let all = parts.iter().flat_map(|part| index.keys(index.part(part)));
                let mut found: Vec<_> = all.filter(|key| matches(&listing, key)).collect();
                found.sort_unstable();
                found.dedup();
                page.counted(found.into_iter().cloned())
            };
            session.search(search).await
        }
    }
}

fn plan_for_keys(keys: &Listing<Key>, filters: &Filters<KeyFilter>) -> Plan<Group, Age> {
    let lists = keys.lists();
    if filters.is_empty() {
        return Plan::Listed(vec![(Label::ALL, None)]);
    }
    if let Some((name, values)) = filters.of(Lookup::Name).next() {
        let named = values.iter().filter_map(|value| name.key(value, keys));
        return Plan::Named(named.map(|row| (row.record.created, row.record.id)).collect());
    }
    let mut classes: Vec<_> = lists.classes().collect();
    for (name, values) in filters.of(Lookup::Class) {
        classes.retain(|(_, class)| values.iter().any(|value| name.matches_class(value, class)));
    }
    let label_all =
        |(name, values): (KeyFilter, &[Value])| values.iter().map(|value| name.label(value)).collect();
    let labels = filters.of(Lookup::Label).map(label_all).collect();
    let groups = |label| classes.iter().map(|(class, _)| (label, Some(*class))).collect();
    plan_by_labels(lists.by_group(), labels, groups)
}

fn plan_for_secrets(
    secrets: &Listing<Secret>,
    filters: &Filters<SecretFilter>,
    account: &str,
) -> Plan<Label, SecretName> {
    if let Some((name, values)) = filters.of(Lookup::Name).next() {
        return Plan::Named(values.iter().filter_map(|value| name.secret(value)).collect());
    }
    let mut classes = filters.of(Lookup::Class);
    if !classes.all(|(name, values)| values.iter().any(|value| name.matches_every_secret(value, account))) {
        return Plan::Listed(vec![]);
    }
    let label_all =
        |(name, values): (SecretFilter, &[Value])| values.iter().map(|value| name.label(value)).collect();
    let labels = filters.of(Lookup::Label).map(label_all).collect();
    plan_by_labels(secrets.lists().by_label(), labels, |label| vec![label])
}

/// Plans a search for records that have one label of each set. `parts` returns the disjoint parts of the index for one label.
fn plan_by_labels<P: Ord + Clone, K: Ord + Clone>(
    index: &Index<P, K>,
    labels: Vec<BTreeSet<Label>>,
    parts: impl Fn(Label) -> Vec<P>,
) -> Plan<P, K> {
    let parts_of =
        |labels: &BTreeSet<Label>| labels.iter().flat_map(|label| parts(*label)).collect::<Vec<P>>();
    match &labels[..] {
        [] => Plan::Listed(parts(Label::ALL)),
        [only] if only.len() <= 1 => Plan::Listed(parts_of(only)),
        _ => {
            let size = |parts: &Vec<P>| parts.iter().map(|part| index.part(part).len()).sum::<usize>();
            Plan::Among(labels.iter().map(parts_of).min_by_key(size).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::future::Future;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::sync::mpsc;
    use std::task::{Context, Waker};
    use std::time::{Duration, UNIX_EPOCH};

    use bulla_keys::{
        Alias, Description, KeyId, KeyOrigin, KeySpec, KeyUsage, KeyVersionId, Material, NewKey, Random,
        SecretDataType, SecretValueId, SecretVersion, SystemRandom,
    };
    use bulla_wire::kms::{
        ListAliases, ListAliasesByKeyId, ListKeys, ListSecrets, ListTagResources, ListTagResourcesReply,
    };
    use bulla_wire::{Action, JsonList, NumberedTags, Request, ram};

    use super::*;
    use crate::state::{Changes, Write};
    use crate::{Kms, Options, Role};

    struct Store {
        _data: tempfile::TempDir,
        kms: Kms,
        now: Arc<AtomicI64>,
        ids: Vec<KeyId>,
    }

    fn random(below: usize) -> usize {
        let mut bytes = [0; 8];
        SystemRandom.fill(&mut bytes);
        (u64::from_be_bytes(bytes) % below as u64) as usize
    }

    fn pick<T: Copy>(from: &[T]) -> T {
        from[random(from.len())]
    }

    const NAMES: [&str; 3] = ["env", "team", "x"];
    /// Few distinct values, so that names and values coincide.
    const VALUES: [&str; 4] = ["prod", "test", "x", ""];
    const START: i64 = 1_000_000;

    fn tags() -> bulla_keys::Tags {
        let mut tags = bulla_keys::Tags::default();
        for name in NAMES {
            if random(3) == 0 {
                tags.set(name, pick(&VALUES)).unwrap();
            }
        }
        tags
    }

    /// A key in any state; its imported material may expire while the test advances its clock.
    fn random_key(id: KeyId, created: i64) -> Key {
        let spec = pick(&[KeySpec::Aes256, KeySpec::Aes256, KeySpec::Sm4, KeySpec::EcP256]);
        let usage = if spec == KeySpec::EcP256 { KeyUsage::SignVerify } else { KeyUsage::EncryptDecrypt };
        let origin = if spec == KeySpec::Aes256 {
            pick(&[KeyOrigin::Kms, KeyOrigin::External])
        } else {
            KeyOrigin::Kms
        };
        let creator = pick(&["111122223333", "111122223333", "4", Key::SECRETS_SERVICE]);
        let primary = KeyVersionId::random(&SystemRandom);
        let mut key = Key::new(NewKey { id, primary, created, creator, spec, usage, origin });
        key.tags = tags();
        if origin == KeyOrigin::External && creator != Key::SECRETS_SERVICE && random(4) > 0 {
            let expires = (random(3) > 0).then(|| START + random(100) as i64);
            let imported = key.with_imported(&Material::random(32, &SystemRandom), expires, 0);
            key = imported.unwrap().unwrap();
        }
        let changed = match random(4) {
            0 => key.with_enabled(false, 0),
            1 => key.with_deletion(START + 1_000_000, 0),
            _ => return key,
        };
        changed.unwrap_or(key)
    }

    fn random_secret(name: &str) -> Secret {
        let version = SecretVersion {
            id: "1".parse().unwrap(),
            created: START,
            data_type: SecretDataType::Text,
            value: SecretValueId::random(&SystemRandom),
        };
        let mut secret = Secret::new(name.parse().unwrap(), KeyId::from_bytes([7; 16]), version);
        secret.tags = tags();
        secret.description = Description::new(pick(&VALUES)).unwrap();
        secret
    }

    impl Store {
        fn new() -> Self {
            let (data, now) = (tempfile::tempdir().unwrap(), Arc::new(AtomicI64::new(START)));
            let shown = Arc::clone(&now);
            let clock =
                move || UNIX_EPOCH + Duration::from_secs(shown.load(Ordering::Relaxed).unsigned_abs());
            let kms = Kms::open(&Options::new(data.path(), Role::Command), clock).unwrap();
            let ids = (0..300).map(|_| KeyId::random(&SystemRandom)).collect();
            let store = Self { _data: data, kms, now, ids };
            for number in 0..store.ids.len() {
                store.change(number);
            }
            store
        }

        fn write(&self, writes: impl IntoIterator<Item = Write>) {
            let writes: Vec<_> = writes.into_iter().collect();
            let staged = self.kms.state.commit(self.kms.now(), |snapshot| {
                let revision = |write: &Write| match write {
                    Write::Key(key) => snapshot.key(key.id).map_or(0, |row| row.revision),
                    Write::NoKey(id) => snapshot.key(*id).map_or(0, |row| row.revision),
                    Write::Secret(secret) => snapshot.secret(&secret.name).map_or(0, |row| row.revision),
                    Write::NoSecret(name) => snapshot.secret(name).map_or(0, |row| row.revision),
                    Write::Alias(alias) => snapshot.alias(alias.name.as_str()).map_or(0, |row| row.revision),
                    Write::NoAlias(name) => snapshot.alias(name.as_str()).map_or(0, |row| row.revision),
                    _ => unreachable!(),
                };
                let changes = writes.iter().map(|write| (write.clone(), revision(write)));
                Ok(Changes::for_test(changes).answering(()))
            });
            pollster::block_on(staged).unwrap();
        }

        /// Creates, changes or removes the key, the alias and the secret with a number.
        fn change(&self, number: usize) {
            let id = self.ids[number];
            let snapshot = Arc::clone(&*self.kms.state.snapshot().unwrap());
            let name = format!("s{number}").parse().unwrap();
            match snapshot.key(id) {
                Some(_) if random(5) == 0 => self.write([Write::NoKey(id), Write::NoSecret(name)]),
                row => {
                    let created = row.map_or(START + random(20) as i64, |row| row.record.created);
                    let secret = random_secret(&format!("s{number}"));
                    self.write([Write::Key(random_key(id, created)), Write::Secret(secret)]);
                }
            }
            let alias = format!("alias/{}", random(60)).parse().unwrap();
            match snapshot.alias(bulla_keys::AliasName::as_str(&alias)) {
                Some(_) if random(2) == 0 => self.write([Write::NoAlias(alias)]),
                _ => self.write([Write::Alias(Alias {
                    name: alias,
                    key: pick(&self.ids[..20]),
                    made_by: None,
                })]),
            }
        }

        fn ask<A: Action>(&self, request: A) -> A::Reply {
            let reply = pollster::block_on(self.kms.call(request.into(), &self.kms.owner())).unwrap();
            A::reply(reply).unwrap()
        }

        /// Returns all keys in the order of ListKeys.
        fn all_keys(&self) -> Vec<Arc<Key>> {
            let snapshot = self.kms.state.snapshot().unwrap();
            let mut keys: Vec<_> =
                self.ids.iter().filter_map(|id| Some(snapshot.key(*id)?.record.clone())).collect();
            keys.sort_by_key(|key| (key.created, key.id));
            keys
        }

        fn all_secrets(&self) -> Vec<Arc<Secret>> {
            let snapshot = self.kms.state.snapshot().unwrap();
            let name = |number: usize| format!("s{number}").parse().unwrap();
            let mut secrets: Vec<_> = (0..self.ids.len())
                .filter_map(|number| Some(snapshot.secret(&name(number))?.record.clone()))
                .collect();
            secrets.sort_by_key(|secret| secret.name.clone());
            secrets
        }
    }

    fn random_filters(names: &[(&str, &[&str])]) -> String {
        let quoted =
            |texts: Vec<&str>| texts.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(",");
        let filters = (0..random(4)).map(|_| {
            let (name, values) = pick(names);
            let values = quoted((0..pick(&[0, 1, 1, 1, 2, 3])).map(|_| pick(values)).collect());
            format!(r#"{{"Key":"{name}","Values":[{values}]}}"#)
        });
        format!("[{}]", filters.collect::<Vec<_>>().join(","))
    }

    fn random_page() -> (Page, Option<u32>, Option<u32>) {
        let (number, size) = (1 + random(4) as u32, 1 + random(60) as u32);
        (Page { number, size }, Some(number), Some(size))
    }

    fn assert_same<T: Clone + PartialEq + Debug>(found: (&[T], u64), naive: (Vec<T>, u64), what: &str) {
        assert_eq!((found.0.to_vec(), found.1), naive, "{what}");
    }

    #[test]
    fn lists_match_a_scan_of_all_records() {
        let store = Store::new();
        for round in 0..1_500 {
            if round % 10 == 0 {
                store.change(random(store.ids.len()));
            }
            if round % 50 == 0 {
                store.now.fetch_add(3, Ordering::Relaxed); // material expires without a write
            }
            keys_are_the_same(&store);
            secrets_are_the_same(&store);
            aliases_are_the_same(&store);
        }
    }

    fn keys_are_the_same(store: &Store) {
        let (one, other) = (pick(&store.ids).to_string(), pick(&store.ids).to_string());
        let aliases: Vec<_> = (0..3).map(|_| format!("alias/{}", random(60))).collect();
        let text = random_filters(&[
            ("KeyState", &["Enabled", "Disabled", "PendingDeletion", "PendingImport", "x"]),
            ("KeySpec", &["Aliyun_AES_256", "Aliyun_SM4", "EC_P256"]),
            ("KeyUsage", &["ENCRYPT/DECRYPT", "SIGN/VERIFY"]),
            ("ProtectionLevel", &["SOFTWARE", "HSM"]),
            ("CreatorType", &["User", "Service"]),
            ("Creator", &["111122223333", "4", "x"]),
            ("KeyId", &[&one, &other, "x"]),
            ("AliasName", &[&aliases[0], &aliases[1], &aliases[2]]),
            ("TagKey", &NAMES),
            ("TagValue", &VALUES),
            ("TagKey", &NAMES),
            ("DKMSInstanceId", &["kst-1"]),
        ]);
        let (page, page_number, page_size) = random_page();
        let filters = Filters::<KeyFilter>::parse(Some(&text)).unwrap();
        let listing = Listing::for_test(Arc::clone(&*store.kms.state.snapshot().unwrap()));
        let now = store.kms.now();
        let all = store.all_keys();
        let matching =
            all.iter().filter(|key| filters.match_all(|name, value| name.matches(value, key, &listing, now)));
        let naive = page.counted(matching.map(|key| key.id.to_string()));
        let found = store.ask(ListKeys { page_number, page_size, filters: Some(text.clone()) });
        let ids: Vec<_> = found.keys.key.into_iter().map(|entry| entry.key_id).collect();
        assert_same((&ids, found.total_count), naive, &text);
    }

    fn secrets_are_the_same(store: &Store) {
        let names: Vec<_> = (0..3).map(|_| format!("s{}", random(store.ids.len()))).collect();
        let text = random_filters(&[
            ("SecretName", &[&names[0], &names[1], &names[2], "acs/x", ""]),
            ("Description", &VALUES),
            ("SecretType", &["Generic", "Generic", "Rds"]),
            ("Creator", &["111122223333", "111122223333", "4"]),
            ("TagKey", &NAMES),
            ("TagValue", &VALUES),
            ("DKMSInstanceId", &["kst-1"]),
        ]);
        let (page, page_number, page_size) = random_page();
        let filters = Filters::<SecretFilter>::parse(Some(&text)).unwrap();
        let all = store.all_secrets();
        let matching = all
            .iter()
            .filter(|secret| filters.match_all(|name, value| name.matches(value, secret, "111122223333")));
        let naive = page.counted(matching.map(|secret| secret.name.to_string()));
        let request = ListSecrets { page_number, page_size, filters: Some(text.clone()), fetch_tags: None };
        let found = store.ask(request);
        let names: Vec<_> = found.secret_list.secret.into_iter().map(|entry| entry.secret_name).collect();
        assert_same((&names, found.total_count), naive, &text);
    }

    fn aliases_are_the_same(store: &Store) {
        let snapshot = Arc::clone(&*store.kms.state.snapshot().unwrap());
        let mut names: Vec<_> = (0..60).map(|number| format!("alias/{number}")).collect();
        names.sort();
        let all = || names.iter().filter_map(|name| snapshot.alias(name));
        let (page, page_number, page_size) = random_page();
        let found = store.ask(ListAliases { page_number, page_size });
        let entries = |list: bulla_wire::kms::AliasList| -> Vec<_> {
            list.alias.into_iter().map(|entry| (entry.alias_name, entry.key_id)).collect()
        };
        let entry =
            |row: &crate::state::Row<Alias>| (row.record.name.to_string(), row.record.key.to_string());
        assert_same((&entries(found.aliases), found.total_count), page.counted(all().map(entry)), "all");
        let key = pick(&store.ids[..20]);
        if snapshot.key(key).is_some() {
            let request = ListAliasesByKeyId { key_id: key.to_string(), page_number, page_size };
            let found = store.ask(request);
            let naive = page.counted(all().filter(|row| row.record.key == key).map(entry));
            assert_same((&entries(found.aliases), found.total_count), naive, "of a key");
        }
    }

    #[test]
    fn tagged_resources_match_a_scan_of_all_records() {
        let store = Store::new();
        for _ in 0..300 {
            store.change(random(store.ids.len()));
            let kind = pick(&["key", "secret"]);
            let mut everything: Vec<(String, bulla_keys::Tags)> = match kind {
                "key" => store.all_keys().iter().map(|key| (key.id.to_string(), key.tags.clone())).collect(),
                _ => store
                    .all_secrets()
                    .iter()
                    .map(|secret| (secret.name.to_string(), secret.tags.clone()))
                    .collect(),
            };
            everything.sort_by(|(one, _), (other, _)| one.cmp(other));
            let only: Option<Vec<String>> = (random(4) == 0 && !everything.is_empty()).then(|| {
                (0..10)
                    .map(|_| everything[random(everything.len())].0.clone())
                    .chain(["x y".into()])
                    .collect()
            });
            let required_tags: Vec<(String, String)> =
                (0..pick(&[0, 0, 1, 2, 3])).map(|_| (pick(&NAMES).into(), pick(&VALUES).into())).collect();
            let is_wanted = |(id, tags): &&(String, bulla_keys::Tags)| {
                only.as_ref().is_none_or(|only| only.contains(id))
                    && required_tags.iter().all(|(name, value)| {
                        tags.get(name).is_some_and(|found| value.is_empty() || found == value)
                    })
            };
            let naive: Vec<_> = everything
                .iter()
                .filter(is_wanted)
                .flat_map(|(id, tags)| {
                    tags.iter().map(move |(name, value)| (id.clone(), name.to_owned(), value.to_owned()))
                })
                .collect();
            let mut request = ListTagResources {
                region_id: "cn-hangzhou".into(),
                resource_type: kind.into(),
                resource_id: only.clone().map(bulla_wire::Numbered),
                tag: (!required_tags.is_empty()).then(|| NumberedTags(required_tags.clone())),
                next_token: None,
            };
            let mut found = Vec::new();
            loop {
                let ListTagResourcesReply { next_token, tag_resources } = store.ask(request.clone());
                let count = tag_resources.tag_resource.len();
                let entries = tag_resources.tag_resource.into_iter();
                found.extend(entries.map(|entry| (entry.resource_id, entry.tag_key, entry.tag_value)));
                if next_token.is_empty() {
                    break;
                }
                assert_eq!(count, 200);
                request.next_token = Some(next_token);
            }
            assert_eq!(found, naive, "{kind} {only:?} {required_tags:?}");
        }
    }

    /// Each of several tags may have few matches in common with the others, so another thread searches.
    #[test]
    fn a_search_that_may_take_long_delays_no_other_request() {
        let store = Store::new();
        let (kms, origin) = (&store.kms, store.kms.owner());
        let (open, gate) = mpsc::channel();
        let mut busy = Box::pin(kms.searcher.run(0, move || gate.recv().unwrap()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(busy.as_mut().poll(&mut context).is_pending());
        let list = |filters: &str| {
            let filters = Some(filters.to_owned());
            ListKeys { page_number: None, page_size: None, filters }.into()
        };
        let list_tags = |tags: &[&str]| {
            let tags = tags.iter().map(|name| ((*name).to_owned(), String::new())).collect();
            ListTagResources {
                region_id: "cn-hangzhou".into(),
                resource_type: "key".into(),
                resource_id: None,
                tag: Some(NumberedTags(tags)),
                next_token: None,
            }
            .into()
        };
        let tag = || Some(JsonList(vec![ram::Tag { key: "env".into(), value: None }]));
        let list_roles = |tag| ram::ListRoles { marker: None, max_items: None, tag }.into();
        let list_policies =
            |tag| ram::ListPolicies { policy_type: None, marker: None, max_items: None, tag }.into();
        let list_ram_tags = |resource_type, names: Option<&str>| {
            let resource_names = names.map(|name| JsonList(vec![name.to_owned()]));
            let (tag, next_token, page_size) = (None, None, None);
            ram::ListTagResources { resource_type, resource_names, tag, next_token, page_size }.into()
        };
        let attached = ram::ListEntitiesForPolicy {
            policy_type: ram::PolicyType::System,
            policy_name: "AdministratorAccess".into(),
        };
        let cases: [(bool, Request); 17] = [
            (false, list_roles(None)),
            (false, list_policies(None)),
            (false, list_ram_tags(ram::ResourceType::Policy, Some("p"))),
            (true, list_roles(tag())),
            (true, list_policies(tag())),
            (true, list_ram_tags(ram::ResourceType::Role, None)),
            (true, list_ram_tags(ram::ResourceType::Policy, None)),
            (true, ram::ListVirtualMFADevices {}.into()),
            (true, attached.into()),
            (false, list("[]")),
            (false, list(r#"[{"Key":"TagKey","Values":["env","env"]}]"#)),
            (
                false,
                list(
                    r#"[{"Key":"KeyState","Values":["Enabled","Disabled"]},{"Key":"TagValue","Values":["x"]}]"#,
                ),
            ),
            (
                false,
                list(
                    r#"[{"Key":"TagKey","Values":["x"]},{"Key":"TagValue","Values":["x"]},{"Key":"KeyId","Values":["x"]}]"#,
                ),
            ),
            (false, list_tags(&["env"])),
            (true, list(r#"[{"Key":"TagKey","Values":["env"]},{"Key":"TagValue","Values":["x"]}]"#)),
            (true, list(r#"[{"Key":"TagValue","Values":["x","prod"]}]"#)),
            (true, list_tags(&["env", "team"])),
        ];
        let mut calls: Vec<_> =
            cases.into_iter().map(|(waits, request)| (waits, Box::pin(kms.call(request, &origin)))).collect();
        for (number, (waits, call)) in calls.iter_mut().enumerate() {
            assert_eq!(call.as_mut().poll(&mut context).is_pending(), *waits, "{number}");
        }
        open.send(()).unwrap();
        for (_, call) in calls.into_iter().filter(|(waits, _)| *waits) {
            pollster::block_on(call).unwrap();
        }
    }
}
