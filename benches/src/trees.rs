//! Many small files: one `bulla encrypt` or `bulla decrypt` of a whole tree, with one call to the embedded KMS, compared with
//! `cp -r` of the same tree.

use std::fs;

use aws_lc_rs::rand;

use crate::Result;
use crate::programs::{self, Folder};
use crate::report::{Goal, figure, heading, judge};
use crate::rounds::{SOURCE, Way, take_turns};
use crate::sides::{self, BULLA, CP, Sync};

pub(crate) fn run() -> Result<()> {
    let parent = programs::memory();
    heading(&format!("trees: {FILES} files of {SIZE} bytes in memory, below {}", parent.display()));
    let folder = Folder::new(&parent, "trees")?;
    plant(&folder, FILES, DIRECTORIES, SIZE)?;
    let sides = [sides::cp(Sync::No), sides::bulla(folder.path(), Sync::No)];
    let times = take_turns(folder.path(), &sides)?;
    for way in Way::BOTH {
        for side in times.sides() {
            let speed = FILES as f64 / times.seconds(way, side);
            figure(&format!("{side}, {}", way.name()), speed, "files/s");
        }
        let time = times.ratio(way, BULLA, CP);
        judge(&format!("{}: time against cp -r", way.name()), time, "x", Goal::at_most(1.5, 1.2));
    }
    Ok(())
}

/// Writes the source: files of `size` random bytes in directories.
pub(crate) fn plant(folder: &Folder, files: usize, directories: usize, size: usize) -> Result<()> {
    let mut content = vec![0; size];
    for directory in 0..directories {
        let path = folder.path().join(SOURCE).join(format!("directory-{directory}"));
        fs::create_dir_all(&path)?;
        for file in 0..files / directories {
            rand::fill(&mut content).map_err(|_| "no random bytes")?;
            fs::write(path.join(format!("file-{file}")), &content)?;
        }
    }
    Ok(())
}

pub(crate) const FILES: usize = 20_000;
pub(crate) const DIRECTORIES: usize = 100;
pub(crate) const SIZE: usize = 4096;
