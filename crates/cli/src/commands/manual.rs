//! `bulla completions` and `bulla man`: generated from the one table of flags.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Args;
use crate::failure::{Exit, Failure};
use crate::results::print_raw;

pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "bulla", &mut script);
    print_raw(String::from_utf8_lossy(&script).trim_end())
}

/// The page of bulla, or of the command that the words name one below the other.
pub(crate) fn page(words: &[String]) -> Result<(), Failure> {
    let mut bulla = Args::command();
    // Names each command after its parents: `bulla encrypt`.
    bulla.build();
    let mut found = &bulla;
    for word in words {
        found = found.find_subcommand(word).ok_or_else(|| {
            let what = format!("there is no command {}", words.join(" "));
            Failure::new(Exit::Usage, what, "bulla --help lists them")
        })?;
    }
    let title = ["bulla"].into_iter().chain(words.iter().map(String::as_str)).collect::<Vec<_>>().join("-");
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(found.clone()).title(title);
    man.render(&mut page).map_err(|error| Failure::output(&error))?;
    print_raw(String::from_utf8_lossy(&page).trim_end())
}
