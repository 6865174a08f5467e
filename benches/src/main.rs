//! Measures bulla and its peers in the same run on the same machine.
//!
//! `cargo run --release -p bulla-benches -- [NAME|all]` builds what it needs, measures, and prints each figure beside its target.
//! The names are those of the table below. The ratios are more reliable than the figures, because both sides of a ratio are
//! measured in turns. docs/performance.md describes the measurements and shows results.

#![forbid(unsafe_code)]

mod audit;
mod backup;
mod before;
mod console;
mod create;
mod data_keys;
mod disk_test;
mod files;
mod header;
mod kms;
mod lists;
mod load;
mod local_kms;
mod memory;
mod metrics;
mod people;
mod plots;
mod process;
mod programs;
mod report;
mod requests;
mod rounds;
mod secrets;
mod server;
mod sides;
mod svg;
mod text;
mod trees;
mod turns;

use std::error::Error;
use std::process::ExitCode;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A name on the command line, and the function that measures.
type Benchmark = (&'static str, fn() -> Result<()>);

const BENCHMARKS: [Benchmark; 18] = [
    ("files", files::in_memory),
    ("disk", files::on_disks),
    ("disk-test", disk_test::run),
    ("trees", trees::run),
    ("data-keys", data_keys::run),
    ("header", header::run),
    ("text", text::run),
    ("kms", kms::run),
    ("people", people::run),
    ("audit", audit::run),
    ("backup", backup::run),
    ("create", create::run),
    ("memory", memory::run),
    ("secrets", secrets::run),
    ("lists", lists::run),
    ("console", console::run),
    ("sign-ins", console::sign_ins),
    ("metrics", metrics::run),
];

/// The benchmarks that need a path in the environment: `BULLA_BEFORE` or `BULLA_PLOTS`. They are not part of `all`.
const WITH_A_PATH: [Benchmark; 4] = [
    ("before-kms", before::kms),
    ("before-trees", before::trees),
    ("before-disk", before::disk),
    ("plots", plots::run),
];

fn main() -> ExitCode {
    let requested = std::env::args().nth(1).unwrap_or_else(|| "all".into());
    let chosen: Vec<_> = match &*requested {
        "all" => BENCHMARKS.iter().collect(),
        name => BENCHMARKS.iter().chain(&WITH_A_PATH).filter(|(one, _)| *one == name).collect(),
    };
    if chosen.is_empty() {
        let names = BENCHMARKS.iter().chain(&WITH_A_PATH).map(|(name, _)| *name).collect::<Vec<_>>();
        eprintln!("usage: bulla-benches [{}|all]", names.join("|"));
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
