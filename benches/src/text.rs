//! The text format: whole `bulla encrypt` and `bulla decrypt` processes with the embedded KMS, compared with processes of the
//! guide's scripts with a fixed data key, and with AES-256-CMAC alone. CMAC is serial and reads every byte, so the format cannot
//! be faster.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use aws_lc_rs::{cmac, rand};

use crate::Result;
use crate::process::{peak_memory, timed};
use crate::programs::{self, Folder};
use crate::report::{Goal, figure, heading, judge, median};

pub(crate) fn run() -> Result<()> {
    let bench = Text::prepare()?;
    heading(&format!("text: {} MiB on {}, {ROUNDS} rounds", SIZE >> 20, bench.folder.path().display()));
    bench.round()?; // creates the embedded store and warms up caches
    bench.check()?;
    let rounds = (0..ROUNDS).map(|_| bench.round()).collect::<Result<Vec<_>>>()?;
    report(&rounds);
    let memory = Goal::at_most(64.0, None);
    for [command, from, to] in BULLA {
        let peak = peak_memory(&mut bench.bulla(command, from, &bench.fresh(to)))?;
        judge(&format!("{command}: peak memory"), peak, "MiB", memory);
    }
    Ok(())
}

/// The times of each side in one round, in seconds.
struct Round {
    cmac: f64,
    bulla: [f64; 2],
    guide: [f64; 2],
}

fn report(rounds: &[Round]) {
    let of = |side: &dyn Fn(&Round) -> f64| median(rounds.iter().map(side));
    figure("AES-256-CMAC alone", mib_per_second(of(&|round| round.cmac)), "MiB/s");
    for (i, [command, ..]) in BULLA.into_iter().enumerate() {
        let speed = |seconds| mib_per_second(seconds);
        figure(&format!("bulla {command}"), speed(of(&|round| round.bulla[i])), "MiB/s");
        figure(&format!("guide's script, {command}"), speed(of(&|round| round.guide[i])), "MiB/s");
        let cmac = Goal::at_least(0.8, 0.95);
        let ratio = of(&|round| round.cmac / round.bulla[i]);
        judge(&format!("{command}: speed against AES-CMAC alone"), ratio, "x", cmac);
        let guide = Goal::at_least(4.5, None);
        let ratio = of(&|round| round.guide[i] / round.bulla[i]);
        judge(&format!("{command}: speed against the guide's script"), ratio, "x", guide);
    }
}

struct Text {
    folder: Folder,
    plaintext: Vec<u8>,
    python: PathBuf,
}

impl Text {
    fn prepare() -> Result<Self> {
        let folder = Folder::new(&programs::memory(), "text")?;
        let mut plaintext = vec![0; SIZE];
        rand::fill(&mut plaintext).map_err(|_| "no random bytes")?;
        fs::write(folder.path().join(PLAIN), &plaintext)?;
        Ok(Self { folder, plaintext, python: programs::python()? })
    }

    fn round(&self) -> Result<Round> {
        let mut round = Round { cmac: self.cmac(), bulla: [0.0; 2], guide: [0.0; 2] };
        for (i, [command, from, to]) in BULLA.into_iter().enumerate() {
            round.bulla[i] = timed(&mut self.bulla(command, from, &self.fresh(to)))?;
        }
        for (i, [script, from, to]) in GUIDE.into_iter().enumerate() {
            round.guide[i] = timed(&mut self.guide(script, from, &self.fresh(to)))?;
        }
        Ok(round)
    }

    /// Checks that decryption by both sides returns the source.
    fn check(&self) -> Result<()> {
        for [.., opened] in [BULLA[1], GUIDE[1]] {
            if fs::read(self.folder.path().join(opened))? != self.plaintext {
                return Err(format!("{opened} is not what was encrypted").into());
            }
        }
        Ok(())
    }

    fn cmac(&self) -> f64 {
        let key = cmac::Key::new(cmac::AES_256, &[7; 32]).expect("an AES-256 key has 32 bytes");
        let started = Instant::now();
        let mut context = cmac::Context::with_key(&key);
        for chunk in self.plaintext.chunks(1 << 20) {
            context.update(chunk).expect("the CMAC of memory does not fail");
        }
        black_box(context.sign().expect("the CMAC of memory does not fail"));
        started.elapsed().as_secs_f64()
    }

    fn bulla(&self, command: &str, from: &str, to: &Path) -> Command {
        let mut bulla = programs::bulla_in(self.folder.path());
        bulla.args([command, from, "-o"]).arg(to);
        if command == BULLA[0][0] {
            bulla.args(["--format", "text"]); // decryption recognizes the format
        }
        bulla
    }

    fn guide(&self, script: &str, from: &str, to: &Path) -> Command {
        let mut guide = Command::new(&self.python);
        guide.current_dir(self.folder.path()).arg(programs::script(script)).arg(DATA_KEY);
        if script == GUIDE[0][0] {
            guide.arg("d3JhcHBlZA=="); // the wrapped key, which this script only copies to its output
        }
        guide.arg(from).arg(to);
        guide
    }

    /// Removes an output, so that its removal is not measured, and returns its path.
    fn fresh(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        let _ = fs::remove_file(&path); // does not exist the first time
        path
    }
}

fn mib_per_second(seconds: f64) -> f64 {
    (SIZE >> 20) as f64 / seconds
}

const SIZE: usize = 256 << 20;
const ROUNDS: usize = 7;
const PLAIN: &str = "plain";
/// Command, input, output.
const BULLA: [[&str; 3]; 2] = [["encrypt", PLAIN, "by-bulla"], ["decrypt", "by-bulla", "opened-by-bulla"]];
/// Script, input, output.
const GUIDE: [[&str; 3]; 2] =
    [["guide/encrypt.py", PLAIN, "by-guide"], ["guide/decrypt.py", "by-guide", "opened-by-guide"]];
const DATA_KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
