//! Backups of a store with many keys: creating, verifying and restoring one, and GenerateDataKey while the server creates one.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use bulla_wire::kms::CreateKey;

use crate::Result;
use crate::kms::{ALIAS, generate_data_key};
use crate::load::{Load, flat_out, paced};
use crate::programs::{self, Folder};
use crate::report::{Goal, figure, heading, judge, median};
use crate::requests::signed;
use crate::server::{Scheme, Server};

pub(crate) fn run() -> Result<()> {
    let folder = Folder::new(&programs::scratch()?, "backup")?;
    let data = folder.path().join("data");
    heading(&format!("backup: a store with {KEYS} keys"));
    let server = Server::bulla(&data, Scheme::Http)?;
    server.create_key(ALIAS)?;
    flat_out(&server, CREATING, &signed(&CreateKey::default(), server.address, KEYS))?;
    server.stop()?;
    by_hand(folder.path(), &data)?;
    beside_requests(folder.path(), &data)
}

/// Measures the commands, on a store that no server has open.
fn by_hand(folder: &Path, data: &Path) -> Result<()> {
    let backup = folder.join("backup");
    let restored = folder.join("restored");
    let root_key = data.join("root-key");
    let mut times = [vec![], vec![], vec![], vec![]];
    for _ in 0..ROUNDS {
        let _ = fs::remove_dir_all(&restored); // does not exist in the first round
        let mut unverified = command("create");
        unverified.args(["--force", "--no-verify", "-o"]).arg(&backup).arg("--data").arg(data);
        let mut create = command("create");
        create.args(["--force", "-o"]).arg(&backup).arg("--data").arg(data);
        let mut verify = command("verify");
        verify.arg(&backup).arg("--data").arg(data);
        let mut restore = command("restore");
        restore.arg(&backup).arg("--data").arg(&restored).arg("--root-key").arg(&root_key);
        for (times, command) in times.iter_mut().zip([unverified, create, verify, restore]) {
            times.push(seconds(command)?);
        }
    }
    let [create, create_and_verify, verify, restore] = times.map(median);
    figure("the file", fs::metadata(&backup)?.len() as f64 / 1e6, "MB");
    judge("create, without verifying", create, "s", Goal::at_most(3.0, 1.0));
    figure("create", create_and_verify, "s");
    judge("verify", verify, "s", Goal::at_most(5.0, 2.0));
    figure("restore", restore, "s");
    Ok(())
}

fn command(name: &str) -> Command {
    let mut command = Command::new(programs::bulla());
    command.args(["backup", name]);
    command
}

fn seconds(mut command: Command) -> Result<f64> {
    let started = Instant::now();
    let output = command.output()?;
    let took = started.elapsed().as_secs_f64();
    if output.status.success() {
        Ok(took)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
    }
}

/// Measures requests during a backup. A server creates its first backup right after its start, so in each round one run has a
/// backup and the next has none.
fn beside_requests(folder: &Path, data: &Path) -> Result<()> {
    heading(&format!("backup: GenerateDataKey over HTTP at {RATE:.0}/s, {ROUNDS} rounds"));
    let config = folder.join("bulla.toml");
    fs::write(&config, "[backup]\nevery = \"1d\"\n")?;
    let config = config.to_str().ok_or("a path that is no text")?;
    let mut alone = Vec::new();
    let mut beside = Vec::new();
    for _ in 0..ROUNDS {
        let _ = fs::remove_dir_all(data.join("backups")); // does not exist in the first round
        let server = Server::bulla_with(data, Scheme::Http, &["--config", config])?;
        beside.push(load(&server)?);
        let files =
            fs::read_dir(data.join("backups"))?.filter_map(|file| file.ok()?.file_name().into_string().ok());
        if files.filter(|name| name != NOTES).count() != 1 {
            return Err("the server made no backup meanwhile".into());
        }
        alone.push(load(&server)?);
        server.stop()?;
    }
    let within = |loads: &[Load], part| median(loads.iter().map(|load| load.within(part)));
    for (part, name) in [(0.5, "half"), (0.99, "99 %")] {
        figure(&format!("{name} of the answers within, alone"), within(&alone, part), "ms");
        figure(&format!("{name} of the answers within, beside a backup"), within(&beside, part), "ms");
    }
    let ratio = within(&beside, 0.99) / within(&alone, 0.99);
    judge("99 %, beside a backup against alone", ratio, "x", Goal::at_most(2.0, 1.2));
    Ok(())
}

fn load(server: &Server) -> Result<Load> {
    let requests = signed(&generate_data_key(), server.address, REQUESTS + CONNECTIONS);
    paced(server, CONNECTIONS, &requests, RATE)
}

const KEYS: usize = 100_000;
const CREATING: usize = 64;
const CONNECTIONS: usize = 64;
/// Requests per second: well below half of what a server reaches on two cores.
const RATE: f64 = 4_000.0;
/// Enough for the duration of a whole backup.
const REQUESTS: usize = 40_000;
const ROUNDS: usize = 5;
/// The notes of verifications, beside the backups.
const NOTES: &str = "bulla-backups.json";
