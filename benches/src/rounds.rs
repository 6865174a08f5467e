//! Rounds in which several programs encrypt and decrypt the same thing in turns.
//!
//! Before the rounds every side encrypts the source, and what comes out is kept: it is what that side decrypts
//! in every round. That first time warms everything up, and it is checked that the source comes back.

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

/// A program that is measured.
pub(crate) struct Side {
    pub(crate) name: &'static str,
    /// How many of the rounds it takes part in, the first ones.
    pub(crate) rounds: usize,
    pub(crate) command: Box<MakeCommand>,
}

/// What makes the second path from the first. Both are names in the folder of the rounds, where it runs.
pub(crate) type MakeCommand = dyn Fn(Way, &str, &str) -> Command;

/// The seconds that each side took in its rounds, by way.
pub(crate) struct Times(Vec<(&'static str, [Vec<f64>; 2])>);

/// Lets the sides take turns at the file or tree [`SOURCE`] in a folder.
pub(crate) fn take_turns(folder: &Path, sides: &[Side]) -> Result<Times> {
    sides.iter().try_for_each(|side| check(folder, side))?;
    let mut times: Vec<_> = sides.iter().map(|side| (side.name, [vec![], vec![]])).collect();
    for round in 0..sides.iter().map(|side| side.rounds).max().unwrap_or(0) {
        for way in Way::BOTH {
            for turn in 0..sides.len() {
                let next = (round + turn) % sides.len(); // nobody is always first, or always behind the same one
                if round < sides[next].rounds {
                    times[next].1[way as usize].push(run(folder, &sides[next], way)?);
                }
            }
        }
    }
    Ok(Times(times))
}

impl Times {
    /// Who took part.
    pub(crate) fn sides(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name)
    }

    /// The median of the seconds that a side took.
    pub(crate) fn seconds(&self, way: Way, side: &str) -> f64 {
        median(self.of(way, side).iter().copied())
    }

    /// How often `part` fits into `whole`: the median over the rounds in which both took part.
    pub(crate) fn ratio(&self, way: Way, whole: &str, part: &str) -> f64 {
        let pairs = self.of(way, whole).iter().zip(self.of(way, part));
        median(pairs.map(|(whole, part)| whole / part))
    }

    fn of(&self, way: Way, side: &str) -> &[f64] {
        let found = self.0.iter().find(|(name, _)| *name == side);
        &found.expect("only sides that took part are asked for").1[way as usize]
    }
}

/// Removes a file or a tree, if it is there.
fn remove(path: &Path) -> Result<()> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => Ok(fs::remove_dir_all(path)?),
        Ok(_) => Ok(fs::remove_file(path)?),
        Err(_) => Ok(()),
    }
}

/// The first time: what a side encrypts it can decrypt.
fn check(folder: &Path, side: &Side) -> Result<()> {
    let sealed = sealed(side.name);
    printed((side.command)(Way::Encrypt, SOURCE, &sealed).current_dir(folder))?;
    printed((side.command)(Way::Decrypt, &sealed, OUTPUT).current_dir(folder))?;
    printed(Command::new("diff").args(["-rq", SOURCE, OUTPUT]).current_dir(folder))
        .map_err(|_| format!("{} does not give back what it encrypted", side.name))?;
    clear(folder)
}

/// Seconds of one command. Making room for its output is not measured, and a copy just before puts the memory
/// into the same state for all: of what a slower command gave back, a virtual machine may have to be given each
/// page anew, which made the same `cp` half as fast as another one behind it.
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

/// Removes the output, and leaves nothing to be written that the next one would have to wait for.
fn clear(folder: &Path) -> Result<()> {
    remove(&folder.join(OUTPUT))?;
    Ok(syncfs(File::open(folder)?)?)
}

/// Where what a side encrypted is kept.
pub(crate) fn sealed(side: &str) -> String {
    format!("by-{side}")
}

pub(crate) const SOURCE: &str = "source";
pub(crate) const OUTPUT: &str = "output";
