//! Many tiny files with a data key each, compared with one data key for all: with the embedded KMS, and with `bulla serve` over
//! HTTPS on the same machine, where calls must overlap.

use std::process::Command;

use crate::Result;
use crate::programs::{self, Folder};
use crate::report::{Goal, heading, judge};
use crate::requests::{ACCESS_KEY_ID, ACCESS_KEY_SECRET};
use crate::rounds::{Side, Times, Way, take_turns};
use crate::server::{Scheme, Server};
use crate::sides::{Sync, bulla_command, side};
use crate::trees::plant;

pub(crate) fn run() -> Result<()> {
    let parent = programs::memory();
    heading(&format!("data keys: {FILES} files of {SIZE} bytes in memory, below {}", parent.display()));
    let folder = Folder::new(&parent, "data-keys")?;
    plant(&folder, FILES, DIRECTORIES, SIZE)?;
    let data = folder.path().join("server");
    let server = Server::bulla(&data, Scheme::Https)?;
    server.create_key(KEY)?;
    let path = folder.path().to_owned();
    let embedded = move |way, from: &str, to: &str| bulla_command(&path, Sync::No, way, from, to);
    let path = folder.path().to_owned();
    let address = server.address;
    let remote = move |way, from: &str, to: &str| {
        let mut command = bulla_command(&path, Sync::No, way, from, to);
        command.env("BULLA_KMS", format!("https://{address}")).env("BULLA_KEY", KEY);
        command.env("ALIBABA_CLOUD_CA_BUNDLE", data.join("tls/ca.pem"));
        command.env("ALIBABA_CLOUD_ACCESS_KEY_ID", ACCESS_KEY_ID);
        command.env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", ACCESS_KEY_SECRET);
        command
    };
    let sides = [
        with_data_key_per("run", SHARED, embedded.clone()),
        with_data_key_per("file", OWN, embedded),
        with_data_key_per("file", REMOTE, remote),
    ];
    let times = take_turns(folder.path(), &sides)?;
    Way::BOTH.into_iter().for_each(|way| report(&times, way));
    server.stop()
}

fn with_data_key_per(
    what: &'static str,
    name: &'static str,
    command: impl Fn(Way, &str, &str) -> Command + 'static,
) -> Side {
    side(name, ROUNDS, move |way, from, to| {
        let mut command = command(way, from, to);
        if matches!(way, Way::Encrypt) {
            command.args(["--data-key-per", what]);
        }
        command
    })
}

fn report(times: &Times, way: Way) {
    let ratio = times.ratio(way, OWN, SHARED);
    let name = format!("{}, embedded: time against one shared data key", way.name());
    judge(&name, ratio, "x", Goal::at_most(1.5, 1.2));
    let speed = FILES as f64 / times.seconds(way, REMOTE);
    judge(&format!("{}, over HTTPS", way.name()), speed, "files/s", Goal::at_least(5000.0, None));
}

const SHARED: &str = "shared";
const OWN: &str = "own";
const REMOTE: &str = "remote";
const KEY: &str = "alias/benchmark";
const FILES: usize = 5000;
const DIRECTORIES: usize = 50;
const SIZE: usize = 100;
const ROUNDS: usize = 11;
