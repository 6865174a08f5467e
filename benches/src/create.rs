//! CreateKey on a disk, whose response means that the key is durable, compared with the number of small durable writes that
//! the same disk can do. A higher rate of CreateKey is the effect of group commit.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use bulla_wire::kms::CreateKey;
use rustix::fs::fdatasync;

use crate::Result;
use crate::load::flat_out;
use crate::programs::{self, Folder};
use crate::report::{Goal, figure, heading, judge, median};
use crate::requests::signed;
use crate::server::{Scheme, Server};

pub(crate) fn run() -> Result<()> {
    let folder = Folder::new(&programs::scratch()?, "create")?;
    heading(&format!("create: CreateKey over HTTP, {CONNECTIONS} connections, {}", folder.path().display()));
    let server = Server::bulla(&folder.path().join("data"), Scheme::Http)?;
    let mut syncs = Vec::new();
    let mut creates = Vec::new();
    for _ in 0..ROUNDS {
        syncs.push(syncs_per_second(&folder.path().join("synced"))?);
        let requests = signed(&CreateKey::default(), server.address, REQUESTS + CONNECTIONS);
        creates.push(flat_out(&server, CONNECTIONS, &requests)?);
    }
    figure("4 KiB written and fdatasync, one after the other", median(syncs), "/s");
    let goal = Goal::at_least(2_000.0, 5_000.0);
    judge("CreateKey, durable", median(creates.iter().map(|load| load.per_second)), "/s", goal);
    figure("99 % of the answers within", median(creates.iter().map(|load| load.within(0.99))), "ms");
    server.stop()
}

fn syncs_per_second(path: &Path) -> Result<f64> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    let block = [7; BLOCK];
    file.write_all_at(&[0; BLOCK * BLOCKS], 0)?; // so that no write extends the file
    file.sync_all()?;
    let started = Instant::now();
    let mut syncs = 0_u32;
    while started.elapsed() < Duration::from_secs(1) {
        file.write_all_at(&block, u64::from(syncs) % BLOCKS as u64 * BLOCK as u64)?;
        fdatasync(&file)?;
        syncs += 1;
    }
    Ok(f64::from(syncs) / started.elapsed().as_secs_f64())
}

const CONNECTIONS: usize = 64;
const REQUESTS: usize = 10_000;
const ROUNDS: usize = 3;
const BLOCK: usize = 4096;
const BLOCKS: usize = 256;
