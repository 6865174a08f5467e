//! Compares this build of bulla with another one, which `BULLA_BEFORE` names, in turns, to measure a change of the code. Figures
//! of different days are not comparable, because hosts differ by more than most changes.

use std::path::PathBuf;

use crate::Result;
use crate::files;
use crate::kms::{ALIAS, generate_data_key};
use crate::load::{Load, flat_out, paced};
use crate::programs::{self, Folder};
use crate::report::{Goal, figure, heading, judge, median};
use crate::requests::signed;
use crate::rounds::{Times, Way, take_turns};
use crate::server::{Scheme, Server};
use crate::sides::{self, BEFORE, BULLA, CP, Sync};
use crate::trees::{DIRECTORIES, FILES, SIZE, plant};

/// Measures GenerateDataKey with a server of each build, with the defaults of `bulla serve`, and the bare "hello".
pub(crate) fn kms() -> Result<()> {
    let folder = Folder::new(&programs::scratch()?, "before")?;
    let start = |name: &str, program: PathBuf| -> Result<Server> {
        let server = Server::of_build(&program, &folder.path().join(name), Scheme::Http, &[])?;
        server.create_key(ALIAS)?;
        Ok(server)
    };
    let before = start("before", programs::before()?)?;
    let now = start("now", programs::bulla())?;
    for (name, server) in [("before", &before), ("now", &now)] {
        figure(&format!("memory of the empty server, {name}"), server.memory()?.resident, "MiB");
    }
    let rate = at_full_load(&before, &now, &Server::hello()?)? / 2.0;
    at_half_load(&before, &now, rate)
}

/// Returns the requests per second of the other build.
fn at_full_load(before: &Server, now: &Server, hello: &Server) -> Result<f64> {
    heading(&format!("before: GenerateDataKey over HTTP, {CONNECTIONS} connections, {ROUNDS} rounds"));
    let mut rounds = Vec::new();
    for number in 0..ROUNDS {
        let sides = if number % 2 == 0 { [before, now, hello] } else { [hello, now, before] };
        let [first, second, third] = sides;
        let mut round = [full_load(first)?, full_load(second)?, full_load(third)?];
        if !std::ptr::eq(first, before) {
            round.reverse();
        }
        rounds.push(round);
    }
    let of = |side: usize| median(rounds.iter().map(|round| round[side].0));
    for (side, name) in ["before", "now", "hello"].into_iter().enumerate() {
        figure(name, of(side), "/s");
        figure("  time of a processor for a request", median(rounds.iter().map(|round| round[side].1)), "us");
    }
    figure("before, against hello", median(rounds.iter().map(|round| round[0].0 / round[2].0)), "x");
    figure("now, against hello", median(rounds.iter().map(|round| round[1].0 / round[2].0)), "x");
    let gain = median(rounds.iter().map(|round| round[1].0 / round[0].0));
    judge("now, against before", gain, "x", Goal::at_least(1.4, 1.8));
    Ok(of(0))
}

/// Returns the requests per second, and the processor time of the server per request in microseconds.
fn full_load(server: &Server) -> Result<(f64, f64)> {
    let requests = signed(&generate_data_key(), server.address, REQUESTS + CONNECTIONS);
    let before = server.processor_time()?;
    let load = flat_out(server, CONNECTIONS, &requests)?;
    let time = (server.processor_time()? - before) * 1e3 / requests.len() as f64;
    Ok((load.per_second, time))
}

fn at_half_load(before: &Server, now: &Server, rate: f64) -> Result<()> {
    heading(&format!(
        "before: GenerateDataKey over HTTP at {rate:.0}/s, half of what the build before reaches"
    ));
    let mut rounds: Vec<[Load; 2]> = Vec::new();
    for _ in 0..ROUNDS {
        let load = |server: &Server| {
            let requests = signed(&generate_data_key(), server.address, REQUESTS + HALF_LOAD_CONNECTIONS);
            paced(server, HALF_LOAD_CONNECTIONS, &requests, rate)
        };
        rounds.push([load(before)?, load(now)?]);
    }
    for (side, name) in ["before", "now"].into_iter().enumerate() {
        for (part, what) in [(0.5, "half"), (0.99, "99 %")] {
            let within = median(rounds.iter().map(|round| round[side].within(part)));
            figure(&format!("{what} of the answers within, {name}"), within, "ms");
        }
    }
    let longer = median(rounds.iter().map(|[before, now]| now.within(0.99) / before.within(0.99)));
    judge("99 % of the answers, against before", longer, "x", Goal::at_most(1.0, None));
    Ok(())
}

/// Measures a tree in memory with both builds and `cp -r`.
pub(crate) fn trees() -> Result<()> {
    let parent = programs::memory();
    heading(&format!("before: {FILES} files of {SIZE} bytes in memory, below {}", parent.display()));
    let folder = Folder::new(&parent, "before")?;
    plant(&folder, FILES, DIRECTORIES, SIZE)?;
    report(&in_turns(&folder)?, Goal::at_most(0.75, 0.6));
    Ok(())
}

/// Measures a large file in the page cache of the disk with both builds and `cp`.
pub(crate) fn disk() -> Result<()> {
    let folder = files::start("in the page cache of the disk", &programs::scratch()?)?;
    report(&in_turns(&folder)?, Goal::at_most(0.85, None));
    Ok(())
}

fn in_turns(folder: &Folder) -> Result<Times> {
    let sides =
        [sides::cp(Sync::No), sides::before(folder.path(), Sync::No)?, sides::bulla(folder.path(), Sync::No)];
    take_turns(folder.path(), &sides)
}

fn report(times: &Times, goal: Goal) {
    for way in Way::BOTH {
        for side in times.sides() {
            figure(&format!("{side}, {}", way.name()), times.seconds(way, side) * 1e3, "ms");
        }
        figure(&format!("{}: time against cp", way.name()), times.ratio(way, BULLA, CP), "x");
        judge(&format!("{}: time against before", way.name()), times.ratio(way, BULLA, BEFORE), "x", goal);
    }
}

const CONNECTIONS: usize = 32;
const HALF_LOAD_CONNECTIONS: usize = 64;
const REQUESTS: usize = 60_000;
const ROUNDS: usize = 11;
