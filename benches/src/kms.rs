//! GenerateDataKey over kept-alive connections, compared with the bare "hello" on the same HTTP stack. The loader runs on the
//! same cores, and both servers get the same requests. `bulla serve` logs each request to a file.

use bulla_wire::kms::GenerateDataKey;

use crate::Result;
use crate::load::{Load, flat_out, paced};
use crate::programs::{self, Folder};
use crate::report::{Goal, figure, heading, judge, median};
use crate::requests::{Request, signed};
use crate::server::{Scheme, Server};

pub(crate) fn run() -> Result<()> {
    let folder = Folder::new(&programs::scratch()?, "kms")?;
    let bulla = KmsServer::start(&folder, Scheme::Http)?;
    let hello = Server::hello()?;
    let mut best = Peak { per_second: 0.0, connections: 0, against_hello: 0.0 };
    for connections in CONNECTIONS {
        let peak = at_full_load(&bulla, &hello, connections)?;
        if peak.per_second > best.per_second {
            best = peak;
        }
    }
    heading(&format!("kms: the best of these, {} connections", best.connections));
    let rate = Goal::at_least(20_000.0, None);
    judge("GenerateDataKey", best.per_second, "/s", rate);
    let ratio = Goal::at_least(None, 0.7);
    judge("speed against hello", best.against_hello, "x", ratio);
    at_half_load(&bulla, &best)?;
    drop(bulla);
    over_https(&KmsServer::start(&folder, Scheme::Https)?, best.connections)
}

/// The highest rate, and the number of connections that reaches it.
struct Peak {
    per_second: f64,
    connections: usize,
    against_hello: f64,
}

fn at_full_load(bulla: &KmsServer, hello: &Server, connections: usize) -> Result<Peak> {
    heading(&format!("kms: GenerateDataKey over HTTP, {connections} connections, {ROUNDS} rounds"));
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let requests = bulla.requests(REQUESTS + connections);
        // "hello" ignores the content of requests, so both servers can get the same ones.
        let hello = flat_out(hello, connections, &requests)?;
        rounds.push((hello, flat_out(&bulla.server, connections, &requests)?));
    }
    let of = |side: &dyn Fn(&(Load, Load)) -> f64| median(rounds.iter().map(side));
    let per_second = of(&|(_, bulla)| bulla.per_second);
    let against_hello = of(&|(hello, bulla)| bulla.per_second / hello.per_second);
    figure("hello", of(&|(hello, _)| hello.per_second), "/s");
    figure("GenerateDataKey", per_second, "/s");
    figure("speed against hello", against_hello, "x");
    figure("half of the answers within", of(&|(_, bulla)| bulla.within(0.5)), "ms");
    figure("99 % of the answers within", of(&|(_, bulla)| bulla.within(0.99)), "ms");
    Ok(Peak { per_second, connections, against_hello })
}

fn at_half_load(bulla: &KmsServer, best: &Peak) -> Result<()> {
    let rate = best.per_second / 2.0;
    heading(&format!("kms: GenerateDataKey over HTTP at half of that, {rate:.0}/s"));
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let requests = bulla.requests(REQUESTS + HALF_LOAD_CONNECTIONS);
        rounds.push(paced(&bulla.server, HALF_LOAD_CONNECTIONS, &requests, rate)?);
    }
    let within = |part| median(rounds.iter().map(|round| round.within(part)));
    figure("half of the answers within", within(0.5), "ms");
    judge("99 % of the answers within", within(0.99), "ms", Goal::at_most(5.0, None));
    Ok(())
}

fn over_https(bulla: &KmsServer, connections: usize) -> Result<()> {
    heading(&format!("kms: GenerateDataKey over HTTPS, {connections} connections"));
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(flat_out(&bulla.server, connections, &bulla.requests(REQUESTS + connections))?);
    }
    figure("GenerateDataKey", median(rounds.iter().map(|round| round.per_second)), "/s");
    figure("99 % of the answers within", median(rounds.iter().map(|round| round.within(0.99))), "ms");
    Ok(())
}

/// A `bulla serve` with the key of the guide.
struct KmsServer {
    server: Server,
}

impl KmsServer {
    fn start(folder: &Folder, scheme: Scheme) -> Result<Self> {
        let data = folder.path().join(if scheme == Scheme::Http { "http" } else { "https" });
        let server = Server::bulla(&data, scheme)?;
        server.create_key(ALIAS)?;
        Ok(Self { server })
    }

    fn requests(&self, count: usize) -> Vec<Request> {
        signed(&generate_data_key(), self.server.address, count)
    }
}

/// Returns the request of the guide.
pub(crate) fn generate_data_key() -> GenerateDataKey {
    GenerateDataKey { key_id: ALIAS.into(), number_of_bytes: Some(32), ..GenerateDataKey::default() }
}

pub(crate) const ALIAS: &str = "alias/Apollo/WorkKey";
const CONNECTIONS: [usize; 4] = [8, 16, 32, 64];
/// At half load few requests overlap, but a burst may need more connections.
const HALF_LOAD_CONNECTIONS: usize = 64;
const REQUESTS: usize = 60_000;
const ROUNDS: usize = 5;
