//! GenerateDataKey with two servers in turns, to measure the cost of a feature that only one of them has.

use crate::Result;
use crate::kms::{ALIAS, generate_data_key};
use crate::load::flat_out;
use crate::report::{Goal, figure, heading, judge, median};
use crate::requests::signed;
use crate::server::Server;

/// Compares the server `on`, which has `what`, with the server `off`. Both have no keys yet.
pub(crate) fn data_keys(what: &str, off: &Server, on: &Server) -> Result<()> {
    heading(&format!("{what}: GenerateDataKey over HTTP, {CONNECTIONS} connections, {ROUNDS} rounds"));
    let sides = [off, on];
    sides.iter().try_for_each(|server| server.create_key(ALIAS).map(drop))?;
    let mut rounds = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        for turn in 0..sides.len() {
            let side = (round + turn) % sides.len(); // neither is always first
            let requests = signed(&generate_data_key(), sides[side].address, REQUESTS + CONNECTIONS);
            rounds[side].push(flat_out(sides[side], CONNECTIONS, &requests)?.per_second);
        }
    }
    let [without, with] = &rounds;
    figure("without it", median(without.iter().copied()), "/s");
    figure("with it", median(with.iter().copied()), "/s");
    let ratio = median(with.iter().zip(without).map(|(with, without)| with / without));
    judge("speed with it against without it", ratio, "x", Goal::at_least(0.98, 1.0));
    Ok(())
}

const ROUNDS: usize = 11;
const CONNECTIONS: usize = 32;
const REQUESTS: usize = 20_000;
