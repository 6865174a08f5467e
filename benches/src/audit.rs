//! What the audit trail costs: GenerateDataKey with and without it, from one build, in turns.

use std::fs;

use crate::Result;
use crate::kms::{ALIAS, generate_data_key};
use crate::load::{Load, flat_out, paced};
use crate::programs::{self, Folder};
use crate::report::{Goal, figure, heading, judge, median};
use crate::requests::signed;
use crate::server::{Scheme, Server};

pub(crate) fn run() -> Result<()> {
    let folder = Folder::new(&programs::scratch()?, "audit")?;
    let off = folder.path().join("off.toml");
    fs::write(&off, "audit = []\n")?;
    let start = |name: &str, flags: &[&str]| -> Result<Server> {
        let server = Server::bulla_with(&folder.path().join(name), Scheme::Http, flags)?;
        server.create_key(ALIAS)?;
        Ok(server)
    };
    let with = start("with", &[])?;
    let without = start("without", &["--config", off.to_str().ok_or("the path is not text")?])?;
    let rate = at_full_load(&with, &without)? / 2.0;
    at_half_load(&with, &without, rate)
}

/// Returns the requests per second with the trail.
fn at_full_load(with: &Server, without: &Server) -> Result<f64> {
    heading(&format!("audit: GenerateDataKey over HTTP, {CONNECTIONS} connections, {ROUNDS} rounds"));
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let load = |server: &Server| {
            let requests = signed(&generate_data_key(), server.address, REQUESTS + CONNECTIONS);
            flat_out(server, CONNECTIONS, &requests)
        };
        rounds.push((load(without)?, load(with)?));
    }
    let of = |side: &dyn Fn(&(Load, Load)) -> f64| median(rounds.iter().map(side));
    let rate = of(&|(_, with)| with.per_second);
    figure("without a trail", of(&|(without, _)| without.per_second), "/s");
    figure("with a trail", rate, "/s");
    let cost = of(&|(without, with)| 100.0 * (1.0 - with.per_second / without.per_second));
    judge("cost of the trail", cost, "%", Goal::at_most(15.0, None));
    Ok(rate)
}

fn at_half_load(with: &Server, without: &Server, rate: f64) -> Result<()> {
    heading(&format!("audit: GenerateDataKey over HTTP at half of that, {rate:.0}/s"));
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let load = |server: &Server| {
            let requests = signed(&generate_data_key(), server.address, REQUESTS + HALF_LOAD_CONNECTIONS);
            paced(server, HALF_LOAD_CONNECTIONS, &requests, rate)
        };
        rounds.push((load(without)?, load(with)?));
    }
    for (name, part) in [("half of the answers", 0.5), ("99 % of the answers", 0.99)] {
        figure(
            &format!("{name} within, without"),
            median(rounds.iter().map(|(without, _)| without.within(part))),
            "ms",
        );
        figure(
            &format!("{name} within, with"),
            median(rounds.iter().map(|(_, with)| with.within(part))),
            "ms",
        );
    }
    let longer = rounds.iter().map(|(without, with)| with.within(0.5) - without.within(0.5));
    judge("half of the answers later by", median(longer), "ms", Goal::at_most(1.0, None));
    Ok(())
}

const CONNECTIONS: usize = 32;
const HALF_LOAD_CONNECTIONS: usize = 64;
const REQUESTS: usize = 60_000;
const ROUNDS: usize = 11;
