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

pub(crate) fn page(name: Option<&str>) -> Result<(), Failure> {
    let mut bulla = Args::command();
    // Names each command after its parents: `bulla encrypt`.
    bulla.build();
    let man = match name {
        None => clap_mangen::Man::new(bulla),
        Some(name) => {
            let found = bulla.find_subcommand(name).cloned().ok_or_else(|| {
                Failure::new(Exit::Usage, format!("there is no command {name}"), "bulla --help lists them")
            })?;
            clap_mangen::Man::new(found).title(format!("bulla-{name}"))
        }
    };
    let mut page = Vec::new();
    man.render(&mut page).map_err(|error| Failure::output(&error))?;
    print_raw(String::from_utf8_lossy(&page).trim_end())
}
