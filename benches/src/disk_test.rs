//! `bulla disk test` compared with cryptsetup and a key file on the same volume: the cost of the call to the KMS.

use std::fs::File;
use std::process::Command;

use crate::Result;
use crate::process::{printed, timed};
use crate::programs::{self, Folder};
use crate::report::{Goal, figure, heading, judge, left_out, median};
use crate::requests::{ACCESS_KEY_ID, ACCESS_KEY_SECRET};
use crate::server::{Scheme, Server};

pub(crate) fn run() -> Result<()> {
    let parent = programs::memory();
    heading(&format!("disk test: a LUKS2 volume in an image file, below {}", parent.display()));
    if let Err(error) = printed(cryptsetup().arg("--version")) {
        left_out("disk test", &error.to_string());
        return Ok(());
    }
    let folder = Folder::new(&parent, "disk-test")?;
    let server = Server::bulla(&folder.path().join("kms"), Scheme::Https)?;
    server.create_key(KEY)?;
    let bulla = |arguments: &[&str]| {
        let mut bulla = programs::bulla_in(folder.path());
        bulla.args(["disk"]).args(arguments);
        bulla.env("BULLA_KMS", format!("https://{}", server.address));
        bulla.env("ALIBABA_CLOUD_CA_BUNDLE", folder.path().join("kms/tls/ca.pem"));
        bulla.env("ALIBABA_CLOUD_ACCESS_KEY_ID", ACCESS_KEY_ID);
        bulla.env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", ACCESS_KEY_SECRET);
        bulla
    };
    File::create(folder.path().join(IMAGE))?.set_len(SIZE)?;
    printed(&mut bulla(&["format", IMAGE, "-k", KEY, "--yes", "--recovery-file", RECOVERY]))?;
    let with_key_file = || {
        let mut cryptsetup = cryptsetup();
        cryptsetup.current_dir(folder.path());
        cryptsetup.args(["open", "--test-passphrase", "--key-file", RECOVERY, IMAGE]);
        cryptsetup
    };
    let rounds = (0..ROUNDS)
        .map(|_| Ok([timed(&mut with_key_file())? * 1e3, timed(&mut bulla(&["test", IMAGE]))? * 1e3]));
    let rounds = rounds.collect::<Result<Vec<_>>>()?;
    figure("cryptsetup with a key file: half within", median(rounds.iter().map(|[peer, _]| *peer)), "ms");
    figure("bulla disk test: half within", median(rounds.iter().map(|[_, bulla]| *bulla)), "ms");
    let more = median(rounds.iter().map(|[peer, bulla]| bulla - peer));
    judge("bulla disk test: half at most so much later", more, "ms", Goal::at_most(100.0, None));
    server.stop()
}

/// Returns a command for cryptsetup, whose directory is not on every user's `PATH`.
fn cryptsetup() -> Command {
    let mut cryptsetup = Command::new("cryptsetup");
    cryptsetup.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    cryptsetup
}

const KEY: &str = "alias/bench-disk";
const IMAGE: &str = "disk.img";
const RECOVERY: &str = "recovery";
/// The size of the volume, half of which is the header.
const SIZE: u64 = 32 << 20;
const ROUNDS: usize = 31;
