//! A flood of sign-ins with wrong passwords from many addresses: how long users with the right password wait, and how fast the
//! API remains.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::nice;

use super::idle::{PASSWORD, USER, create_user};
use super::visitor::{BUSY, ENTERED, REFUSED, Visitor};
use crate::Result;
use crate::kms::{ALIAS, generate_data_key};
use crate::load::{Load, paced};
use crate::report::{Goal, figure, heading, judge, median};
use crate::requests::signed;
use crate::server::{Scheme, Server};

pub(super) fn run(data: &Path) -> Result<()> {
    heading(&format!(
        "console: GenerateDataKey, {RATE}/s, beside wrong passwords over {CLIENTS} connections from {ADDRESSES} addresses, {ROUNDS} rounds"
    ));
    let server = Server::bulla(data, Scheme::Http)?;
    server.create_key(ALIAS)?;
    create_user(&server)?;
    let mut quiet = Vec::new();
    let mut flooded = Vec::new();
    for _ in 0..ROUNDS {
        quiet.push(load(&server)?);
        flooded.push(flood(&server)?);
    }
    report_load(&quiet, &flooded);
    report_sign_ins(&flooded);
    server.stop()
}

fn report_load(quiet: &[Load], flooded: &[Flooded]) {
    for (name, part) in [("half of the answers", 0.5), ("99 % of the answers", 0.99)] {
        let alone = || quiet.iter().map(|load| load.within(part));
        let beside = || flooded.iter().map(|flooded| flooded.load.within(part));
        figure(&format!("{name} within, alone"), median(alone()), "ms");
        figure(&format!("{name} within, beside the flood"), median(beside()), "ms");
        let ratio = median(beside().zip(alone()).map(|(beside, alone)| beside / alone));
        judge(&format!("{name}, beside against alone"), ratio, "x", Goal::at_most(1.25, 1.1));
    }
}

fn report_sign_ins(flooded: &[Flooded]) {
    let rate = |count: fn(&Answers) -> &AtomicU64| {
        let rates = flooded.iter().map(|flooded| {
            count(&flooded.answers).load(Ordering::Relaxed) as f64 / flooded.lasted.as_secs_f64()
        });
        median(rates)
    };
    figure("wrong passwords that were checked", rate(|answers| &answers.refused), "/s");
    figure("passwords that were sent away", rate(|answers| &answers.busy), "/s");
    for (at, (place, ..)) in PLACES.iter().enumerate() {
        let seconds: Vec<_> = flooded.iter().flat_map(|flooded| flooded.entered[at].clone()).collect();
        let name = format!("a right password from {place}");
        figure(&format!("{name}, sign-ins"), seconds.len() as f64, "");
        if !seconds.is_empty() {
            figure(&format!("{name}, half within"), median(seconds.iter().copied()), "s");
            judge(
                &format!("{name}, all within"),
                seconds.into_iter().fold(0.0, f64::max),
                "s",
                Goal::at_most(10.0, 2.0),
            );
        }
    }
}

/// The measurements of a flood.
struct Flooded {
    load: Load,
    lasted: Duration,
    answers: Answers,
    /// Seconds of each sign-in with the right password, by the address of the user.
    entered: [Vec<f64>; PLACES.len()],
}

/// The number of wrong passwords by kind of response.
#[derive(Default)]
struct Answers {
    refused: AtomicU64,
    busy: AtomicU64,
}

fn flood(server: &Server) -> Result<Flooded> {
    let clients = (0..CLIENTS).map(|client| Visitor::new(server, address(client)));
    let clients = clients.collect::<Result<Vec<_>>>()?;
    let answers = Answers::default();
    let stop = AtomicBool::new(false);
    let begun = Instant::now();
    let (load, lasted, entered) = thread::scope(|scope| {
        for client in clients {
            scope.spawn(|| guess(client, &answers, &stop));
        }
        let stop = &stop;
        let people = PLACES.map(|(_, address, is_known)| {
            scope
                .spawn(move || sign_in(server, address, is_known, stop).expect("the server answers sign-ins"))
        });
        thread::sleep(BEGIN);
        let load = load(server);
        stop.store(true, Ordering::Relaxed);
        let lasted = begun.elapsed();
        (load, lasted, people.map(|person| person.join().expect("the server answers sign-ins")))
    });
    Ok(Flooded { load: load?, lasted, answers, entered })
}

/// Sends wrong passwords, each as soon as the previous one is answered. Real attackers use their own machines, so this thread
/// leaves the cores to the server and the loader.
fn guess(mut client: Visitor, answers: &Answers, stop: &AtomicBool) {
    let _ = nice(LOW_PRIORITY); // of this thread only; if it is refused, the figures are those of a busier machine
    while !stop.load(Ordering::Relaxed) {
        let count = match client.try_password(USER, "Wrong-Horse-7").expect("the server answers sign-ins") {
            REFUSED => &answers.refused,
            BUSY => &answers.busy,
            status => panic!("a wrong password was answered with {status}"),
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Signs in repeatedly as people do, who retry a second after a refusal. Returns the seconds of each sign-in. A known browser has
/// signed in before the flood began; an unknown one is new for each sign-in.
fn sign_in(server: &Server, address: Ipv4Addr, is_known: bool, stop: &AtomicBool) -> Result<Vec<f64>> {
    let mut entered = Vec::new();
    let mut visitor = Visitor::new(server, address)?;
    if is_known {
        enter(&mut visitor)?;
    }
    thread::sleep(BEGIN);
    while !stop.load(Ordering::Relaxed) {
        if is_known {
            visitor.get("/console/sign-in")?;
        } else {
            visitor = Visitor::new(server, address)?;
        }
        let begun = Instant::now();
        enter(&mut visitor)?;
        entered.push(begun.elapsed().as_secs_f64());
        thread::sleep(AGAIN);
    }
    Ok(entered)
}

fn enter(visitor: &mut Visitor) -> Result<()> {
    while visitor.try_password(USER, PASSWORD)? != ENTERED {
        thread::sleep(AGAIN);
    }
    Ok(())
}

fn load(server: &Server) -> Result<Load> {
    let requests = signed(&generate_data_key(), server.address, REQUESTS + CONNECTIONS);
    paced(server, CONNECTIONS, &requests, RATE)
}

/// The address of a client of the flood.
const fn address(client: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, 2 + client % ADDRESSES)
}

/// Where people sign in: a name, the address, and whether their browser has signed in before.
const PLACES: [(&str, Ipv4Addr, bool); 3] = [
    ("elsewhere", Ipv4Addr::LOCALHOST, false),
    ("an address of the flood", address(0), false),
    ("an address of the flood in a known browser", address(0), true),
];
const CLIENTS: u8 = 64;
const ADDRESSES: u8 = 19;
const ROUNDS: usize = 3;
/// Requests for GenerateDataKey per second, few enough to leave the cores idle time.
const RATE: f64 = 1_000.0;
const REQUESTS: usize = 20_000;
const CONNECTIONS: usize = 8;
/// Time until the flood has its full rate.
const BEGIN: Duration = Duration::from_secs(1);
/// Time between two sign-ins of a user.
const AGAIN: Duration = Duration::from_secs(1);
const LOW_PRIORITY: i32 = 19;
