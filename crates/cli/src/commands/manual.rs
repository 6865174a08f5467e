//! `bulla completions` and `bulla man`, generated from the one table of flags.

use std::io;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::roff::{Roff, bold, roman};

use crate::args::{Args, example_of, exit_code_of};
use crate::failure::{EXIT_CODES, Exit, Failure};
use crate::results::print_raw;

pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "bulla", &mut script);
    print_raw(String::from_utf8_lossy(&script).trim_end())
}

/// Prints the page of bulla, or of the command that the words name, such as `role assume`.
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
    let page = render(found, title).map_err(|error| Failure::output(&error))?;
    print_raw(String::from_utf8_lossy(&page).trim_end())
}

/// Renders the sections of a page in the order of man-pages(7).
fn render(command: &clap::Command, title: String) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command.clone()).title(title).source(SOURCE);
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let mut rest = Roff::new();
    rest.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in EXIT_CODES {
        rest.control("TP", []).text([bold(code.to_string())]).text([roman(meaning)]);
    }
    if let Some(meaning) = exit_code_of(command) {
        rest.control("PP", []).text([roman(meaning)]);
    }
    if let Some(example) = example_of(command) {
        rest.control("SH", ["EXAMPLES"]).text([roman(example)]);
    }
    rest.to_writer(&mut page)?;
    Ok(page)
}

/// The program and its version, at the foot of each page.
const SOURCE: &str = concat!("bulla ", env!("CARGO_PKG_VERSION"));
