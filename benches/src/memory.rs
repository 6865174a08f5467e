//! The memory and the start of `bulla serve`, with an empty store and with many keys.
//!
//! On a used store, a server does not listen before the next whole second, so that requests of the previous run cannot be
//! replayed. Starts are therefore measured from shortly before a whole second, to exclude that wait.

use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bulla_wire::kms::CreateKey;

use crate::Result;
use crate::kms::{ALIAS, generate_data_key};
use crate::load::flat_out;
use crate::programs::{self, Folder};
use crate::report::{Goal, figure, heading, judge, median};
use crate::requests::signed;
use crate::server::{Scheme, Server};

pub(crate) fn run() -> Result<()> {
    let folder = Folder::new(&programs::scratch()?, "memory")?;
    empty(&folder.path().join("empty"))?;
    full(&folder.path().join("full"))
}

fn empty(data: &Path) -> Result<()> {
    heading("memory: bulla serve over HTTPS with an empty store");
    let server = Server::bulla(data, Scheme::Https)?;
    figure("first start", milliseconds(server.start), "ms");
    server.stop()?;
    let server = start_before_a_second(data, Scheme::Https)?;
    figure("start", milliseconds(server.start), "ms");
    let goal = Goal::at_most(40.0, 30.0);
    judge("resident after the start", server.memory()?.resident, "MiB", goal);
    server.create_key(ALIAS)?;
    flat_out(&server, CONNECTIONS, &signed(&generate_data_key(), server.address, 1_000))?;
    judge("resident after 1,000 requests", server.memory()?.resident, "MiB", goal);
    judge("peak until then", server.memory()?.peak, "MiB", goal);
    server.stop()
}

fn full(data: &Path) -> Result<()> {
    heading(&format!("memory: bulla serve over HTTP with {KEYS} keys"));
    let server = Server::bulla(data, Scheme::Http)?;
    let creates = flat_out(&server, CREATING, &signed(&CreateKey::default(), server.address, KEYS))?;
    figure("made with CreateKey", creates.per_second, "/s");
    figure("resident after making them", server.memory()?.resident, "MiB");
    server.stop()?;
    let mut starts = Vec::new();
    let mut resident = Vec::new();
    let mut peak = Vec::new();
    for _ in 0..STARTS {
        let server = start_before_a_second(data, Scheme::Http)?;
        starts.push(server.start.as_secs_f64());
        resident.push(server.memory()?.resident);
        peak.push(server.memory()?.peak);
        server.stop()?;
    }
    judge("start", median(starts), "s", Goal::at_most(1.0, 0.3));
    let goal = Goal::at_most(150.0, 100.0);
    judge("resident after the start", median(resident), "MiB", goal);
    judge("peak until then", median(peak), "MiB", goal);
    drop(Server::bulla(data, Scheme::Http)?);
    figure("start after kill -9", start_before_a_second(data, Scheme::Http)?.start.as_secs_f64(), "s");
    Ok(())
}

fn start_before_a_second(data: &Path, scheme: Scheme) -> Result<Server> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos();
    let wait = Duration::from_secs(2).saturating_sub(BEFORE + Duration::from_nanos(now.into()));
    thread::sleep(wait);
    Server::bulla(data, scheme)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

const KEYS: usize = 100_000;
const CREATING: usize = 256;
const CONNECTIONS: usize = 8;
const STARTS: usize = 5;
/// Time before the whole second. It is less than the fastest start, so the wait does not show in the result.
const BEFORE: Duration = Duration::from_millis(20);
