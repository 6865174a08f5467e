//! The time of every page in a large account, for the account's root and for a user who sees a tenth of the keys: from the
//! request to the last byte of the response, over one kept-alive connection.

use std::path::Path;
use std::time::Instant;

use bulla_wire::kms::ListKeys;

use super::fill::{self, Account, KEYS, POLICIES, SECRETS, USERS};
use super::visitor::Visitor;
use crate::Result;
use crate::report::{Goal, figure, heading, judge, median};
use crate::requests::{Signer, signed};
use crate::server::{Scheme, Server};

pub(super) fn run(data: &Path) -> Result<()> {
    heading(&format!("console: {KEYS} keys, {USERS} users, {ROUNDS} requests for each page"));
    let server = Server::bulla(data, Scheme::Http)?;
    let started = Instant::now();
    let account = fill::account(&server)?;
    figure("made through the API within", started.elapsed().as_secs_f64(), "s");
    let paths = paths(&account);
    let list = list_keys(&server)?;
    figure("ListKeys of the API, first 20 keys", list, "ms");
    let goal = Goal::at_most(50.0, 20.0);
    let callers = [("root", &Signer::root()), ("a user who sees a tenth of the keys", &account.viewer)];
    for (name, signer) in callers {
        let mut times = times(&server, signer, &paths)?;
        let first = times.iter().find(|page| page.path == LIST).map_or(0.0, |page| page.median);
        times.sort_by(|one, other| other.median.total_cmp(&one.median));
        heading(&format!("console: {} pages as {name}; the slowest:", times.len()));
        for page in &times[..SHOWN] {
            let Times { longest, processor, .. } = page;
            figure(page.path, page.median, &format!("ms, at most {longest:.1}, processor {processor:.1}"));
        }
        figure("the first page of keys against ListKeys", first / list, "x");
        figure("the fastest page", times[times.len() - 1].median, "ms");
        judge("the slowest page, median", times[0].median, "ms", goal);
        let slowest = times.iter().max_by(|one, other| one.longest.total_cmp(&other.longest));
        let slowest = slowest.ok_or("there are no pages")?;
        judge(&format!("the slowest request: {}", slowest.path), slowest.longest, "ms", goal);
        let processor = times.iter().map(|page| page.processor).fold(0.0, f64::max);
        judge("the most processor time of a page, median", processor, "ms", goal);
        let most = times.iter().map(|page| page.most_processor).fold(0.0, f64::max);
        judge("the most processor time of all requests", most, "ms", goal);
    }
    server.stop()
}

/// The times of a page in milliseconds.
struct Times<'p> {
    path: &'p str,
    median: f64,
    longest: f64,
    /// The median of the server's processor time, which depends little on other programs of the machine.
    processor: f64,
    most_processor: f64,
}

/// Requests each page once a round, so that other work of the machine affects all of them equally.
fn times<'p>(server: &Server, signer: &Signer, paths: &'p [String]) -> Result<Vec<Times<'p>>> {
    let mut visitor = Visitor::signed_in(server, signer)?;
    let mut rounds = vec![Vec::with_capacity(ROUNDS); paths.len()];
    for _ in 0..ROUNDS {
        for (path, times) in paths.iter().zip(&mut rounds) {
            let before = server.processor_time()?;
            let passed = milliseconds(|| visitor.get(path))?;
            times.push([passed, server.processor_time()? - before]);
        }
    }
    let pages = paths.iter().zip(rounds);
    Ok(pages
        .map(|(path, times)| {
            let [passed, used] = [0, 1].map(|at| times.iter().map(move |time| time[at]));
            let longest = passed.clone().fold(0.0, f64::max);
            let most_processor = used.clone().fold(0.0, f64::max);
            Times { path, median: median(passed), longest, processor: median(used), most_processor }
        })
        .collect())
}

/// Measures the baseline: the same number of keys as JSON.
fn list_keys(server: &Server) -> Result<f64> {
    let page = ListKeys { page_number: Some(1), page_size: Some(20), filters: None };
    let mut connection = server.connect()?;
    let requests = signed(&page, server.address, ROUNDS);
    let times = requests.iter().map(|request| milliseconds(|| connection.call(request).map(drop)));
    Ok(median(times.collect::<Result<Vec<_>>>()?))
}

fn milliseconds(request: impl FnOnce() -> Result<()>) -> Result<f64> {
    let started = Instant::now();
    request()?;
    Ok(started.elapsed().as_secs_f64() * 1e3)
}

/// Returns the pages of the navigation, lists in every order and with every filter at their beginning, middle and end, a page of
/// each kind of resource, and forms that read a key.
fn paths(account: &Account) -> Vec<String> {
    let mut paths: Vec<_> = FIXED.map(str::to_owned).into();
    paths.extend(lists());
    let key = &account.key;
    let user = fill::user(USERS / 2);
    paths.push(format!("keys/{key}"));
    paths.push(format!("users/{user}"));
    paths.extend(
        ["ScheduleKeyDeletion", "DisableKey", "UpdateKeyDescription", "TagResource"]
            .map(|action| format!("do/kms/{action}?KeyId={key}")),
    );
    paths.push(format!("do/ram/CreateAccessKey?UserName={user}"));
    paths.into_iter().map(|path| format!("/console/{path}")).collect()
}

/// Returns several pages of each list.
fn lists() -> impl Iterator<Item = String> {
    let orders = ["created", "alias", "state"];
    let ordered = orders.into_iter().flat_map(|order| {
        let directions = ["ascending", "descending"].into_iter();
        directions.map(move |direction| (format!("keys?order={order}&direction={direction}"), KEYS))
    });
    let searched = ["text=north", "tag=team", "origin=Aliyun_KMS", "usage=ENCRYPT/DECRYPT", "state=Enabled"];
    let searched = searched.into_iter().flat_map(move |filter| {
        let ordered = orders.into_iter().map(move |order| format!("keys?{filter}&order={order}"));
        ordered.map(|list| (list, KEYS * 9 / 10))
    });
    let others =
        [("aliases?", KEYS * 9 / 10), ("users?", USERS), ("secrets?", SECRETS), ("policies?", POLICIES)];
    let others = others.into_iter().map(|(list, count)| (list.to_owned(), count));
    ordered.chain(searched).chain(others).flat_map(|(list, count)| {
        let last = count.div_ceil(20);
        [1, last / 2, last].map(|page| format!("{list}&page={page}"))
    })
}

/// The pages that need no name, below the prefix.
const FIXED: [&str; 37] = [
    "",
    "keys",
    "aliases",
    "secrets",
    "users",
    "groups",
    "roles",
    "policies",
    "account",
    "audit",
    "limits",
    "may",
    "try",
    "files",
    "keys?text=zebra",
    "keys?text=zebra&order=alias",
    "keys?text=service-77777",
    "keys?text=service+77777",
    "keys?text=00",
    "keys?tag=team%3Dt7",
    "keys?tag=team%3Dt3&order=alias",
    "keys?tag=absent",
    "keys?state=PendingImport",
    "keys?state=PendingDeletion&order=alias",
    "keys?spec=Aliyun_SM4&order=alias&direction=descending",
    "keys?origin=EXTERNAL",
    "keys?text=north&state=Disabled&spec=Aliyun_AES_256&usage=ENCRYPT/DECRYPT&origin=Aliyun_KMS&tag=team%3Dt3&order=state",
    "aliases?prefix=team-7/",
    "aliases?prefix=zebra",
    "secrets?text=zebra",
    "users?text=zebra",
    "users?text=r+99",
    "policies?text=zebra",
    "policies/Custom/policy-500",
    "policies/System/AdministratorAccess",
    "groups/group-25",
    "roles/role-50",
];
const LIST: &str = "/console/keys";

const ROUNDS: usize = 11;
/// How many of the slowest pages are shown.
const SHOWN: usize = 8;
