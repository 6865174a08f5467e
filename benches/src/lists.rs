//! Lists of many keys: the time of Encrypt while other clients read pages, which must not depend on the page; and many
//! concurrent changes of one key.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bulla_wire::kms::{CreateKey, Encrypt, ListKeys, UpdateKeyDescription};
use bulla_wire::{MaybeEmpty, SecretText};

use crate::Result;
use crate::load::{Load, flat_out, paced};
use crate::process::timed;
use crate::programs::{self, Folder};
use crate::report::{Goal, figure, heading, judge, median};
use crate::requests::signed;
use crate::server::{Scheme, Server};

pub(crate) fn run() -> Result<()> {
    let folder = Folder::new(&programs::scratch()?, "lists")?;
    let data = folder.path().join("data");
    let server = Server::bulla(&data, Scheme::Http)?;
    heading(&format!("lists: {KEYS} keys over HTTP"));
    let creates = flat_out(&server, CREATING, &signed(&CreateKey::default(), server.address, KEYS))?;
    figure("made with CreateKey", creates.per_second, "/s");
    figure("resident after making them", server.memory()?.resident, "MiB");
    let key = server.create_key(ALIAS)?;
    whole(&server)?;
    beside_readers(&server)?;
    one_row(&server, &key)?;
    server.stop()?;
    let list = median((0..ROUNDS).map(|_| key_list(&data)).collect::<Result<Vec<_>>>()?);
    judge("bulla key list, embedded", list, "s", Goal::at_most(2.0, 1.0));
    Ok(())
}

/// Measures every page of the list, in sequence over one connection.
fn whole(server: &Server) -> Result<()> {
    for (name, filters) in [("the whole list", None), ("the whole list of enabled keys", Some(ENABLED))] {
        let pages: Vec<_> =
            (1..=PAGES).flat_map(|number| signed(&page(number, filters), server.address, 1)).collect();
        let mut connection = server.connect()?;
        let started = Instant::now();
        for page in &pages {
            connection.call(page)?;
        }
        judge(name, started.elapsed().as_secs_f64(), "s", Goal::at_most(2.0, 1.0));
    }
    Ok(())
}

/// Measures Encrypt while other clients read pages of the beginning and of the end: as fast as possible, and at a fixed rate.
fn beside_readers(server: &Server) -> Result<()> {
    let alone = encrypt(server)?;
    figure("Encrypt alone, half of the answers within", alone.within(0.5), "ms");
    figure("Encrypt alone, 99 % of the answers within", alone.within(0.99), "ms");
    for (name, filters) in [("", None), (" of enabled keys", Some(ENABLED))] {
        let mut first = Vec::new();
        let mut last = Vec::new();
        for _ in 0..ROUNDS {
            first.push(beside(server, &page(1, filters), None)?.within(0.5));
            last.push(beside(server, &page(PAGES, filters), None)?.within(0.5));
        }
        let first = median(first);
        let last = median(last);
        figure(
            &format!("Encrypt beside {READERS} readers of the first page{name}, half within"),
            first,
            "ms",
        );
        figure(&format!("Encrypt beside {READERS} readers of the last page{name}, half within"), last, "ms");
        judge("last against first", last / first, "x", Goal::at_most(1.2, 1.1));
        let slow = beside(server, &page(PAGES, filters), Some(PACE))?.within(0.99);
        let what = format!(
            "Encrypt beside {READERS} readers of {} such pages/s, 99 % within",
            1.0 / PACE.as_secs_f64()
        );
        judge(&what, slow, "ms", Goal::at_most(10.0, 5.0));
    }
    Ok(())
}

/// Measures Encrypt while readers request one page repeatedly, each once every `pace`.
fn beside(server: &Server, page: &ListKeys, pace: Option<Duration>) -> Result<Load> {
    let sign = || signed(page, server.address, SIGNED);
    // Signing occupies the cores too, so it is done before.
    let ready = (0..READERS).map(|_| Ok((server.connect()?, sign()))).collect::<Result<Vec<_>>>()?;
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for (mut connection, mut requests) in ready {
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let started = Instant::now();
                    let request = requests.pop().unwrap_or_else(|| {
                        requests = sign();
                        requests.pop().expect("some were signed")
                    });
                    connection.call(&request).expect("the server answers ListKeys");
                    let rest = pace.map(|pace| pace.saturating_sub(started.elapsed()));
                    rest.into_iter().for_each(thread::sleep);
                }
            });
        }
        let load = encrypt(server);
        stop.store(true, Ordering::Relaxed);
        load
    })
}

fn encrypt(server: &Server) -> Result<Load> {
    let plaintext = SecretText::from(String::from("cGxhaW50ZXh0"));
    let request = Encrypt { key_id: ALIAS.into(), plaintext, encryption_context: None, dry_run: None };
    paced(server, 1, &signed(&request, server.address, ENCRYPTS + 1), ENCRYPTS_PER_SECOND)
}

/// Measures many concurrent changes of one key. The time of each must not grow with their number.
fn one_row(server: &Server, key_id: &str) -> Result<()> {
    let describe = UpdateKeyDescription { key_id: key_id.into(), description: MaybeEmpty("x".into()) };
    let other = UpdateKeyDescription { description: MaybeEmpty("y".into()), ..describe.clone() };
    let mut each = Vec::new();
    for at_once in [400, 1_600] {
        let changes = signed(&describe, server.address, at_once).into_iter();
        let changes =
            changes.zip(signed(&other, server.address, at_once)).flat_map(|(one, other)| [one, other]);
        let load = flat_out(server, at_once, &changes.collect::<Vec<_>>())?;
        figure(&format!("one key changed over {at_once} connections"), load.per_second, "/s");
        each.push(1.0 / load.per_second);
    }
    judge("time of each, four times as many against fewer", each[1] / each[0], "x", Goal::at_most(1.5, 1.0));
    Ok(())
}

fn key_list(data: &Path) -> Result<f64> {
    timed(
        Command::new(programs::bulla()).args(["key", "list"]).env("BULLA_DATA", data).env_remove("BULLA_KMS"),
    )
}

fn page(number: u32, filters: Option<&str>) -> ListKeys {
    ListKeys { page_number: Some(number), page_size: Some(100), filters: filters.map(str::to_owned) }
}

const KEYS: usize = 100_000;
const PAGES: u32 = 1_000;
const ENABLED: &str = r#"[{"Key":"KeyState","Values":["Enabled"]}]"#;
const ALIAS: &str = "alias/bench";
const CREATING: usize = 256;
const READERS: usize = 4;
/// Time between two pages of one reader.
const PACE: Duration = Duration::from_millis(10);
/// How many requests a reader signs at once.
const SIGNED: usize = 5_000;
const ENCRYPTS: usize = 1_000;
const ENCRYPTS_PER_SECOND: f64 = 400.0;
const ROUNDS: usize = 3;
