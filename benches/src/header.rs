//! Operations that do not read a whole large file: `bulla rewrap`, which writes only the header, and `bulla cat --range`, which
//! decrypts only the chunks of the range. There are no peers: other programs must decrypt the whole file.

use std::fs::{self, File};
use std::process::Command;

use aws_lc_rs::rand;

use crate::Result;
use crate::process::{printed, timed, written};
use crate::programs::{self, Folder};
use crate::report::{Goal, figure, heading, judge, percentile, sorted};
use crate::requests::{ACCESS_KEY_ID, ACCESS_KEY_SECRET};
use crate::server::{Scheme, Server};

pub(crate) fn run() -> Result<()> {
    let parent = programs::memory();
    heading(&format!("header: a file of {} GiB in memory, below {}", SIZE >> 30, parent.display()));
    let bench = Header { folder: Folder::new(&parent, "header")? };
    bench.prepare()?;
    bench.rewrap()?;
    bench.cat()
}

struct Header {
    folder: Folder,
}

impl Header {
    /// Creates two keys and a file of zeros that is encrypted under the first, without writing the plaintext.
    fn prepare(&self) -> Result<()> {
        for key in KEYS {
            printed(self.bulla().args(["key", "create", "--alias", key]))?;
        }
        let plain = self.folder.path().join("plain");
        File::create(&plain)?.set_len(SIZE)?;
        printed(self.bulla().args(["encrypt", "plain", "--no-sync", "-k", KEYS[0], "-o", SEALED]))?;
        Ok(fs::remove_file(plain)?)
    }

    /// Measures rewraps, each for the other key, so that every one has an effect.
    fn rewrap(&self) -> Result<()> {
        let rewrap = |round: usize| {
            let mut bulla = self.bulla();
            bulla.args(["rewrap", SEALED, "-k", KEYS[(round + 1) % KEYS.len()]]);
            bulla
        };
        let rounds = (0..REWRAPS).map(|round| Ok(timed(&mut rewrap(round))? * 1e3));
        let times = sorted(rounds.collect::<Result<Vec<_>>>()?);
        judge("rewrap: half within", percentile(&times, 0.5), "ms", Goal::at_most(50.0, None));
        figure("rewrap: the slowest", percentile(&times, 1.0), "ms");
        // The embedded KMS is part of the process and writes to its store.
        figure("rewrap: written, with the store of the KMS", written(&mut rewrap(REWRAPS))?, "KiB");
        let server = Server::bulla(&self.folder.path().join("kms"), Scheme::Http)?;
        let mut remote = rewrap(REWRAPS + 1);
        remote.env("BULLA_KMS", format!("http://{}", server.address));
        remote.env("ALIBABA_CLOUD_ACCESS_KEY_ID", ACCESS_KEY_ID);
        remote.env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", ACCESS_KEY_SECRET);
        judge("rewrap: written, the KMS elsewhere", written(&mut remote)?, "KiB", Goal::at_most(64.0, None));
        server.stop()
    }

    /// Measures ranges at random offsets.
    fn cat(&self) -> Result<()> {
        let reads = (0..CATS).map(|_| {
            let mut random = [0; 8];
            rand::fill(&mut random).map_err(|_| "no random bytes")?;
            let from = u64::from_be_bytes(random) % (SIZE - RANGE);
            let mut bulla = self.bulla();
            bulla.args(["cat", SEALED, "--range", &format!("{from}..{}", from + RANGE)]);
            Ok(timed(&mut bulla)? * 1e3)
        });
        let times = sorted(reads.collect::<Result<Vec<_>>>()?);
        let what = format!("cat of {RANGE} bytes");
        judge(&format!("{what}: half within"), percentile(&times, 0.5), "ms", Goal::at_most(20.0, None));
        figure(&format!("{what}: 95 % within"), percentile(&times, 0.95), "ms");
        self.check()
    }

    /// Checks that the content is intact up to the end.
    fn check(&self) -> Result<()> {
        let range = format!("{}..{SIZE}", SIZE - RANGE);
        let end = printed(self.bulla().args(["cat", SEALED, "--range", &range]))?;
        if end != vec![0; RANGE as usize] {
            return Err("the end of the file is not what was encrypted".into());
        }
        Ok(())
    }

    fn bulla(&self) -> Command {
        programs::bulla_in(self.folder.path())
    }
}

const SIZE: u64 = 4 << 30;
/// The length of a range, which is in one or two chunks.
const RANGE: u64 = 4096;
const SEALED: &str = "sealed";
const KEYS: [&str; 2] = ["alias/bench-one", "alias/bench-two"];
const REWRAPS: usize = 21;
const CATS: usize = 101;
