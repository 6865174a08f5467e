//! Draws the two plots of docs/performance.md from new measurements: throughput compared with the peers, and latency against
//! load. They are written to the folder that `BULLA_PLOTS` names.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::files;
use crate::kms::{ALIAS, generate_data_key};
use crate::load::{flat_out, paced};
use crate::local_kms::{self, LocalKms};
use crate::programs::{self, Folder};
use crate::report::{figure, heading, median};
use crate::requests::{Request, signed};
use crate::rounds::{Way, take_turns};
use crate::server::{Scheme, Server};
use crate::sides::{self, BULLA, Sync};
use crate::svg::{self, Bars, Line, OURS, THEIRS};

pub(crate) fn run() -> Result<()> {
    let plots = PathBuf::from(env::var_os("BULLA_PLOTS").ok_or("BULLA_PLOTS=FOLDER has to name a folder")?);
    fs::create_dir_all(&plots)?;
    let folder = Folder::new(&programs::scratch()?, "plots")?;
    let sides = Sides::start(folder.path())?;
    let requests = throughput(&sides)?;
    let latency = latency(&sides, &requests)?;
    drop(sides);
    fs::write(plots.join("throughput.svg"), svg::bars(&[encrypting()?, requests]))?;
    fs::write(plots.join("latency.svg"), latency)?;
    figure("plots drawn", 2.0, &format!("below {}", plots.display()));
    Ok(())
}

/// The servers; that of bulla has a key.
struct Sides {
    hello: Server,
    bulla: Server,
    local_kms: Option<LocalKms>,
}

impl Sides {
    fn start(folder: &Path) -> Result<Self> {
        let bulla = Server::bulla(&folder.join("bulla"), Scheme::Http)?;
        bulla.create_key(ALIAS)?;
        let local_kms = LocalKms::start(&folder.join(local_kms::NAME))?;
        Ok(Self { hello: Server::hello()?, bulla, local_kms })
    }

    fn requests(&self, count: usize) -> Vec<Request> {
        signed(&generate_data_key(), self.bulla.address, count)
    }
}

/// Measures requests per second over many connections, in turns.
fn throughput(sides: &Sides) -> Result<Bars> {
    heading(&format!("plots: GenerateDataKey over HTTP, {CONNECTIONS} connections, {ROUNDS} rounds"));
    let mut rates = vec![vec![]; 3];
    for _ in 0..ROUNDS {
        let ours = sides.requests(REQUESTS + CONNECTIONS);
        rates[0].push(flat_out(&sides.bulla, CONNECTIONS, &ours)?.per_second);
        if let Some(peer) = &sides.local_kms {
            let theirs = peer.requests(REQUESTS / 3 + CONNECTIONS);
            rates[1].push(flat_out(&peer.server, CONNECTIONS, &theirs)?.per_second);
        }
        rates[2].push(flat_out(&sides.hello, CONNECTIONS, &ours)?.per_second);
    }
    let names = [BULLA, local_kms::NAME, HELLO];
    let measured = names.into_iter().zip(rates).filter(|(_, rates)| !rates.is_empty());
    let bars: Vec<_> =
        measured.map(|(name, rates)| (name.to_owned(), median(rates), name == BULLA)).collect();
    for (name, rate, _) in &bars {
        figure(name, *rate, "/s");
    }
    let title = format!("GenerateDataKey over HTTP, {CONNECTIONS} connections, requests a second");
    Ok(Bars { title, bars })
}

/// Measures the median and the 99th percentile of the latency, at fractions of the peak of each server.
fn latency(sides: &Sides, peaks: &Bars) -> Result<String> {
    let peak =
        |name: &str| peaks.bars.iter().find(|(known, ..)| known == name).map_or(0.0, |(_, rate, _)| *rate);
    let ours = points(BULLA, &sides.bulla, peak(BULLA), &|count| sides.requests(count))?;
    let mut lines = Vec::from(both(BULLA, ours, OURS));
    if let Some(peer) = &sides.local_kms {
        let name = local_kms::NAME;
        let theirs = points(name, &peer.server, peak(name), &|count| peer.requests(count))?;
        lines.extend(both(name, theirs, THEIRS));
    }
    let title = "GenerateDataKey over HTTP: how long answers take at a steady rate";
    Ok(svg::lines(title, "requests a second", "ms", &lines))
}

/// Rate, median latency and its 99th percentile.
type Point = (f64, f64, f64);

fn points(
    name: &str,
    server: &Server,
    peak: f64,
    requests: &dyn Fn(usize) -> Vec<Request>,
) -> Result<Vec<Point>> {
    heading(&format!("plots: {name} at shares of {peak:.0}/s"));
    let mut points = Vec::new();
    for share in SHARES {
        let rate = peak * share;
        let count = (rate * SECONDS) as usize + PACED_CONNECTIONS;
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            rounds.push(paced(server, PACED_CONNECTIONS, &requests(count), rate)?);
        }
        let within = |part| median(rounds.iter().map(|round| round.within(part)));
        points.push((rate, within(0.5), within(0.99)));
        figure(&format!("{rate:.0}/s: half within {:.2} ms, 99 % within", within(0.5)), within(0.99), "ms");
    }
    Ok(points)
}

fn both(name: &str, points: Vec<Point>, color: &'static str) -> [Line; 2] {
    let half = points.iter().map(|(rate, half, _)| (*rate, *half)).collect();
    let most = points.iter().map(|(rate, _, most)| (*rate, *most)).collect();
    [
        Line { name: format!("{name}, half of the answers within"), points: half, color, is_dashed: false },
        Line { name: format!("{name}, 99 % of the answers within"), points: most, color, is_dashed: true },
    ]
}

/// Measures the programs that encrypt files, in MiB per second.
fn encrypting() -> Result<Bars> {
    let folder = files::start("in memory", &programs::memory())?;
    let mut sides = vec![sides::bulla(folder.path(), Sync::No), sides::cp(Sync::No)];
    sides.extend(sides::age(folder.path())?);
    sides.extend(sides::others(folder.path())?);
    let times = take_turns(folder.path(), &sides)?;
    let speed = |side| (files::SIZE >> 20) as f64 / times.seconds(Way::Encrypt, side);
    let bars: Vec<_> = times.sides().map(|side| (side.to_owned(), speed(side), side == BULLA)).collect();
    for (name, speed, _) in &bars {
        figure(name, *speed, "MiB/s");
    }
    Ok(Bars { title: "Encrypting a file of 1 GiB in memory, MiB a second".to_owned(), bars })
}

const HELLO: &str = "\"hello\", the HTTP server alone";
const CONNECTIONS: usize = 32;
const PACED_CONNECTIONS: usize = 64;
const REQUESTS: usize = 60_000;
const ROUNDS: usize = 5;
const SHARES: [f64; 6] = [0.1, 0.3, 0.5, 0.7, 0.8, 0.9];
/// Duration of each rate.
const SECONDS: f64 = 1.0;
