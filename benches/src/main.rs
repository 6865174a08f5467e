//! Measurements of bulla with its peers beside them, in the same run and on the same machine.
//!
//! `cargo run --release -p bulla-benches -- [text|kms|create|memory|all]` builds what it needs, measures, and
//! prints each figure beside its target. The ratios mean more than the figures: both sides of each were measured
//! in turns. docs/performance.md says what is measured and shows results.

#![forbid(unsafe_code)]

mod create;
mod kms;
mod load;
mod memory;
mod process;
mod programs;
mod report;
mod requests;
mod server;
mod text;

use std::error::Error;
use std::process::ExitCode;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A name on the command line, and what it measures.
type Benchmark = (&'static str, fn() -> Result<()>);

const BENCHMARKS: [Benchmark; 4] =
    [("text", text::run), ("kms", kms::run), ("create", create::run), ("memory", memory::run)];

fn main() -> ExitCode {
    let asked = std::env::args().nth(1).unwrap_or_else(|| "all".into());
    let chosen: Vec<_> = BENCHMARKS.iter().filter(|(name, _)| asked == "all" || asked == *name).collect();
    if chosen.is_empty() {
        eprintln!("usage: bulla-benches [text|kms|create|memory|all]");
        return ExitCode::from(2);
    }
    let measured = programs::build().and_then(|()| chosen.iter().try_for_each(|(_, run)| run()));
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bulla-benches: {error}");
            ExitCode::FAILURE
        }
    }
}
