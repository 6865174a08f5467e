//! `bulla disk unlock`: gives the key of a volume to the LUKS2 token plugin.

use std::io::{self, Write};
use std::path::Path;

use rustix::fs::{FileType, fstat};

use crate::disk::{DiskConfig, UnlockRequest};
use crate::failure::{Exit, Failure};

pub(super) fn run() -> Result<(), Failure> {
    let stdout = io::stdout();
    let is_pipe = fstat(&stdout)
        .is_ok_and(|stat| matches!(FileType::from_raw_mode(stat.st_mode), FileType::Fifo | FileType::Socket));
    if !is_pipe {
        let hint = "the LUKS2 token plugin calls this; people use `bulla disk open`";
        return Err(Failure::new(Exit::Usage, "a key is written to a pipe only", hint));
    }
    let request = UnlockRequest::read(io::stdin().lock())?;
    let key = request.answer(&DiskConfig::read(Path::new(DiskConfig::PATH))?)?;
    // The length in front lets the plugin know a whole answer when its host program has taken the exit status.
    let begin = format!("bulla 1 {}\n", key.bytes().len());
    // Unbuffered: standard output's own buffer would keep a copy of the key.
    let mut pipe =
        std::fs::File::from(rustix::io::dup(&stdout).map_err(|error| Failure::output(&error.into()))?);
    let written = pipe.write_all(begin.as_bytes()).and_then(|()| pipe.write_all(key.bytes()));
    written.map_err(|error| Failure::output(&error))
}
