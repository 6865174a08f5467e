//! Rounds in which several programs encrypt and decrypt the same file or tree in turns.
//!
//! Before the rounds each side encrypts the source once, and its output is what the side decrypts in every round. That first
//! run also warms up caches, and checks that decryption returns the source.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use rustix::fs::syncfs;

use crate::Result;
use crate::process::{printed, timed};
use crate::report::median;

#[derive(Clone, Copy)]
pub(crate) enum Way {
    Encrypt,
    Decrypt,
}

impl Way {
    pub(crate) const BOTH: [Self; 2] = [Self::Encrypt, Self::Decrypt];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
        }
    }
}

/// A measured program.
pub(crate) struct Side {
    pub(crate) name: &'static str,
    /// In how many of the first rounds it takes part.
    pub(crate) rounds: usize,
    pub(crate) command: Box<MakeCommand>,
}

/// Returns the command that encrypts or decrypts the first path to the second. It runs in the folder of the rounds, to which both
/// are relative.
pub(crate) type MakeCommand = dyn Fn(Way, &str, &str) -> Command;

/// The seconds that each side took in its rounds, by way.
pub(crate) struct Times(Vec<(&'static str, [Vec<f64>; 2])>);

/// Measures the sides in turns, on the file or tree [`SOURCE`] in a folder.
pub(crate) fn take_turns(folder: &Path, sides: &[Side]) -> Result<Times> {
    sides.iter().try_for_each(|side| check(folder, side))?;
    let mut times: Vec<_> = sides.iter().map(|side| (side.name, [vec![], vec![]])).collect();
    for round in 0..sides.iter().map(|side| side.rounds).max().unwrap_or(0) {
        for way in Way::BOTH {
            for turn in 0..sides.len() {
                let next = (round + turn) % sides.len(); // no side is always first, or always after the same one
                if round < sides[next].rounds {
                    times[next].1[way as usize].push(run(folder, &sides[next], way)?);
                }
            }
        }
    }
    Ok(Times(times))
}

impl Times {
    /// Returns the names of the sides.
    pub(crate) fn sides(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name)
    }

    /// Returns the median time of a side in seconds.
    pub(crate) fn seconds(&self, way: Way, side: &str) -> f64 {
        median(self.of(way, side).iter().copied())
    }

    /// Returns the time of `whole` divided by that of `part`: the median over the rounds in which both took part.
    pub(crate) fn ratio(&self, way: Way, whole: &str, part: &str) -> f64 {
        let pairs = self.of(way, whole).iter().zip(self.of(way, part));
        median(pairs.map(|(whole, part)| whole / part))
    }

    fn of(&self, way: Way, side: &str) -> &[f64] {
        let found = self.0.iter().find(|(name, _)| *name == side);
        &found.expect("only sides that took part are asked for").1[way as usize]
    }
}

/// Removes a file or a tree, if it exists.
fn remove(path: &Path) -> Result<()> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => Ok(fs::remove_dir_all(path)?),
        Ok(_) => Ok(fs::remove_file(path)?),
        Err(_) => Ok(()),
    }
}

/// Checks in a first run that a side can decrypt what it encrypts.
fn check(folder: &Path, side: &Side) -> Result<()> {
    let sealed = sealed(side.name);
    printed((side.command)(Way::Encrypt, SOURCE, &sealed).current_dir(folder))?;
    printed((side.command)(Way::Decrypt, &sealed, OUTPUT).current_dir(folder))?;
    printed(Command::new("diff").args(["-rq", SOURCE, OUTPUT]).current_dir(folder))
        .map_err(|_| format!("{} does not give back what it encrypted", side.name))?;
    clear(folder)
}

/// Returns the seconds of one command, without the removal of its previous output. A copy just before gives all sides the same
/// state of memory: otherwise a virtual machine may have to allocate each page again after a slower command, which made the
/// same `cp` half as fast as one after another `cp`.
fn run(folder: &Path, side: &Side, way: Way) -> Result<f64> {
    let sealed = sealed(side.name);
    let from = match way {
        Way::Encrypt => SOURCE,
        Way::Decrypt => &sealed,
    };
    printed(Command::new("cp").args(["-r", SOURCE, OUTPUT]).current_dir(folder))?;
    clear(folder)?;
    let took = timed((side.command)(way, from, OUTPUT).current_dir(folder))?;
    clear(folder)?;
    Ok(took)
}

/// Removes the output, and syncs the file system, so that the next command does not wait for pending writes.
fn clear(folder: &Path) -> Result<()> {
    remove(&folder.join(OUTPUT))?;
    Ok(syncfs(File::open(folder)?)?)
}

/// Returns the name of what a side encrypted.
pub(crate) fn sealed(side: &str) -> String {
    format!("by-{side}")
}

pub(crate) const SOURCE: &str = "source";
pub(crate) const OUTPUT: &str = "output";
