//! What help prints below the flags: an example, and the exit codes.

use crate::failure::EXIT_CODES;

const HEADING: &str = "Example:\n  ";
const EXIT_CODE: &str = "Exit code ";

/// Returns the text below the flags of a command: a command line that works as it is, but for the names in it.
pub(super) fn example(command: &str) -> String {
    format!("{HEADING}{command}")
}

/// Returns an example, and what an exit code means for this command: "4: faults were found".
pub(super) fn example_and_exit_code(command: &str, exit_code: &str) -> String {
    format!("{HEADING}{command}\n\n{EXIT_CODE}{exit_code}")
}

/// Returns the table of exit codes.
pub(super) fn exit_codes() -> String {
    let rows = EXIT_CODES.iter().map(|(code, meaning)| format!("\n  {code:<3}  {meaning}"));
    format!("Exit codes:{}", rows.collect::<String>())
}

/// Returns the example in the help of a command, without its heading.
pub(crate) fn example_of(command: &clap::Command) -> Option<String> {
    let text = command.get_after_help()?.to_string();
    Some(text.strip_prefix(HEADING)?.lines().next()?.to_owned())
}

/// Returns what the help of a command says about an exit code with a meaning of its own.
pub(crate) fn exit_code_of(command: &clap::Command) -> Option<String> {
    let text = command.get_after_help()?.to_string();
    text.lines().find(|line| line.starts_with(EXIT_CODE)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};

    use super::*;
    use crate::args::Args;

    /// The visible commands with the words that lead to each.
    fn commands() -> Vec<(Vec<String>, Command)> {
        let mut found = vec![(vec!["bulla".to_owned()], Args::command())];
        let mut next = 0;
        while let Some((path, command)) = found.get(next).cloned() {
            for child in command.get_subcommands().filter(|child| !child.is_hide_set()) {
                let words = path.iter().cloned().chain([child.get_name().to_owned()]).collect();
                found.push((words, child.clone()));
            }
            next += 1;
        }
        found
    }

    #[test]
    fn the_help_of_every_command_begins_with_a_known_verb() {
        for (path, command) in commands() {
            let about = command.get_about().unwrap().to_string();
            let verb = about.split([' ', ',']).next().unwrap();
            assert!(
                VERBS.split(' ').any(|allowed| allowed == verb),
                "{path:?}: {about}: {verb:?} is no verb of the list"
            );
        }
    }

    #[test]
    fn every_command_has_an_example_that_parses() {
        for (path, command) in commands() {
            let example = example_of(&command).unwrap_or_else(|| panic!("{path:?} has no example"));
            let words = words(&example);
            let matches =
                Args::command().try_get_matches_from(&words).unwrap_or_else(|error| panic!("{error}"));
            let mut taken = vec!["bulla".to_owned()];
            let mut found = matches.subcommand();
            while let Some((name, below)) = found {
                taken.push(name.to_owned());
                found = below.subcommand();
            }
            assert!(taken.starts_with(&path), "{path:?}: the example has {taken:?}");
        }
    }

    #[test]
    fn an_exit_code_with_a_meaning_of_its_own_is_found_below_the_example() {
        let found = |path: &[&str]| {
            let mut command = &Args::command();
            for name in path {
                command = command.find_subcommand(name).unwrap();
            }
            exit_code_of(command)
        };
        assert_eq!(found(&["store", "check"]).as_deref(), Some("Exit code 4: faults were found"));
        assert!(found(&["encrypt"]).is_none() && found(&[]).is_none()); // the table of bulla itself is another one
    }

    /// The arguments of the example, without the `eval` around them.
    fn words(example: &str) -> Vec<String> {
        let command = example.strip_prefix("eval \"$(").map_or(example, |rest| rest.trim_end_matches(")\""));
        let parts = command.split('"').enumerate();
        let words = parts.flat_map(|(number, part)| match number % 2 {
            0 => part.split_whitespace().collect(),
            _ => vec![part], // between quotes
        });
        words.map(str::to_owned).collect()
    }

    #[test]
    fn quoted_words_are_one_argument() {
        assert_eq!(words("bulla a \"b c\" d"), ["bulla", "a", "b c", "d"]);
        assert_eq!(words("eval \"$(bulla a b)\""), ["bulla", "a", "b"]);
    }

    const VERBS: &str = "Add Attach Call Cancel Change Check Close Convert Create Decrypt Delete Detach Disable Enable \
        Encrypt End Explain Get Install List Move Open Print Put Re-encrypt Re-wrap Remove Replace Run Schedule Show Verify \
        Write";
}
