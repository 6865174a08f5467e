//! The native format on one large file: whole `bulla encrypt` and `bulla decrypt` processes with the embedded KMS, compared with
//! `cp` of the same file, age, and other programs that encrypt files.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use aws_lc_rs::rand;

use crate::Result;
use crate::process::peak_memory;
use crate::programs::{self, Folder};
use crate::report::{Goal, figure, heading, judge};
use crate::rounds::{OUTPUT, SOURCE, Times, Way, sealed, take_turns};
use crate::sides::{self, AGE, BULLA, CP, Sync};

/// Measures below the build directory, which should be on a disk.
pub(crate) fn on_disks() -> Result<()> {
    on_disk("in the page cache of the disk", Sync::No, Goal::at_most(1.4, 1.1))?;
    on_disk("on the disk, synced", Sync::Yes, Goal::at_most(1.2, 1.0))
}

/// Measures in memory with all peers, and the memory of each.
pub(crate) fn in_memory() -> Result<()> {
    let parent = programs::memory();
    let folder = start("in memory", &parent)?;
    let mut sides = vec![sides::cp(Sync::No), sides::bulla(folder.path(), Sync::No)];
    sides.extend(sides::age(folder.path())?);
    sides.extend(sides::others(folder.path())?);
    report(&take_turns(folder.path(), &sides)?, Goal::at_most(1.05, 0.9));
    for way in Way::BOTH {
        for side in &sides {
            let sealed = sealed(side.name);
            let from = match way {
                Way::Encrypt => SOURCE,
                Way::Decrypt => &sealed,
            };
            let peak = peak_memory((side.command)(way, from, OUTPUT).current_dir(folder.path()))?;
            std::fs::remove_file(folder.path().join(OUTPUT))?;
            let what = format!("{}: peak memory of {}", way.name(), side.name);
            match side.name {
                BULLA => judge(&what, peak, "MiB", Goal::at_most(64.0, None)),
                _ => figure(&what, peak, "MiB"),
            }
        }
    }
    Ok(())
}

/// Measures on the disk. age takes part only without syncing, which it does not support.
fn on_disk(place: &str, sync: Sync, copy: Goal) -> Result<()> {
    let folder = start(place, &programs::scratch()?)?;
    let mut sides = vec![sides::cp(sync), sides::bulla(folder.path(), sync)];
    if sync == Sync::No {
        sides.extend(sides::age(folder.path())?);
    }
    report(&take_turns(folder.path(), &sides)?, copy);
    Ok(())
}

/// Prints the heading, and writes the source into a new folder.
pub(crate) fn start(place: &str, parent: &Path) -> Result<Folder> {
    heading(&format!("files: {} MiB {place}, below {}", SIZE >> 20, parent.display()));
    let folder = Folder::new(parent, "files")?;
    let mut source = File::create(folder.path().join(SOURCE))?;
    let mut piece = vec![0; 1 << 20];
    for _ in 0..SIZE / piece.len() {
        rand::fill(&mut piece).map_err(|_| "no random bytes")?;
        source.write_all(&piece)?;
    }
    Ok(folder)
}

fn report(times: &Times, copy: Goal) {
    for way in Way::BOTH {
        for side in times.sides() {
            let speed = (SIZE >> 20) as f64 / times.seconds(way, side);
            figure(&format!("{side}, {}", way.name()), speed, "MiB/s");
        }
        for side in times.sides().filter(|side| *side != BULLA) {
            let speed = times.ratio(way, side, BULLA);
            let against = format!("{}: speed against {side}", way.name());
            match side {
                CP => {
                    let time = times.ratio(way, BULLA, CP);
                    judge(&format!("{}: time against cp", way.name()), time, "x", copy);
                }
                AGE => judge(&against, speed, "x", Goal::at_least(1.8, 2.0)),
                _ => figure(&against, speed, "x"),
            }
        }
    }
}

pub(crate) const SIZE: usize = 1 << 30;
