//! The commands of the documents run: every fenced block of commands in the READMEs and in `docs/`.
//!
//! ```text
//! ```console             lines `$ COMMAND`, continued by `> LINE`, and what each command prints: `...` matches any lines,
//!                        `[..]` for any part of a line, and ids, times and addresses may differ
//! ```console numbers     numbers in the output may differ too
//! ```console fails       the last command ends with an error; all others succeed
//! ```console norun WHY   is not run, because WHY
//! ```sh                  a script, which succeeds; its output is not compared
//! ```
//!
//! The blocks of a page run in their order, in one shell and one directory; [`pages`] has what a page needs. A block that a script of
//! `tests/cmd` or a conformance test runs, by the heading above it and its number there, is left to that test. The blocks of a
//! translation are those of its page, which run.

mod pages;
mod transcript;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::thread;

use self::pages::{PAGES, SetUp};
use self::transcript::{matches, stable};
use super::blocks::{Block, blocks, indented_commands};
use super::{pages_in, root};
use crate::harness::World;

/// The most blocks that may be marked `norun`.
const NOT_RUN_LIMIT: usize = 7;

#[test]
fn the_commands_of_the_documents_run() {
    let pages = documents();
    let tests = Tests::read();
    let (mut count, mut not_run, mut problems) = (0, 0, Vec::new());
    thread::scope(|scope| {
        let mut running = Vec::new();
        for (page, text) in &pages {
            if let Some(original) = original(page, &pages) {
                problems.extend(other_blocks(page, text, original));
                continue;
            }
            let mut here = Vec::new();
            for block in blocks(text).into_iter().filter(Block::has_commands) {
                count += 1;
                if block.has_note("norun") {
                    not_run += 1;
                } else if !tests.run(page, &block) {
                    here.push(block);
                }
            }
            problems.extend(wrong_notes(page, text));
            match PAGES.iter().find(|set_up| set_up.page == page) {
                Some(set_up) => running.push(scope.spawn(move || play(set_up, text, &here))),
                None => problems.extend(
                    here.iter().map(|block| format!("{page}:{}: no test runs this block", block.line)),
                ),
            }
        }
        for run in running {
            problems.extend(run.join().unwrap());
        }
    });
    for SetUp { page, .. } in PAGES {
        assert!(pages.iter().any(|(name, _)| name == page), "there is no {page}");
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(not_run <= NOT_RUN_LIMIT, "{not_run} blocks are not run, and {NOT_RUN_LIMIT} may be");
    // Unlike `eprintln!`, this is not captured by the test runner.
    let _ =
        writeln!(io::stderr(), "\ndocuments: {} blocks of commands run, {not_run} not run", count - not_run);
}

/// The page of which this one is a translation, unless the translation itself runs.
fn original<'p>(page: &str, pages: &'p [(String, String)]) -> Option<&'p str> {
    let name = format!("{}.md", page.strip_suffix(".zh-CN.md")?);
    let runs =
        PAGES.iter().any(|set_up| set_up.page == page) || SCRIPTS.iter().any(|(name, _)| *name == page);
    let (_, text) = pages.iter().find(|(other, _)| *other == name && !runs)?;
    Some(text)
}

/// The blocks of a translation that differ from those of its page in more than comments. Another test compares how many there are.
fn other_blocks(page: &str, text: &str, original: &str) -> Vec<String> {
    let commands = |block: &Block<'_>| {
        let lines = block.text.lines().map(|line| line.split(" #").next().unwrap_or_default().trim_end());
        lines.filter(|line| !line.trim_start().starts_with('#')).map(str::to_owned).collect::<Vec<_>>()
    };
    let (found, expected) = (blocks(text), blocks(original));
    let differ = found.iter().zip(&expected).filter(|(found, expected)| {
        found.language != expected.language || commands(found) != commands(expected)
    });
    differ
        .map(|(found, expected)| {
            format!("{page}:{}: not the block of the page at line {}", found.line, expected.line)
        })
        .collect()
}

/// The READMEs and the pages of `docs/`, by their names in the source tree.
fn documents() -> Vec<(String, String)> {
    let readmes = pages_in(&root())
        .into_iter()
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("README"));
    let paths: Vec<_> = readmes.chain(pages_in(&root().join("docs"))).collect();
    assert!(paths.len() > 10, "{paths:?}");
    let name = |path: &Path| path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

/// Blocks whose notes have no meaning, and commands that are in no fenced block.
fn wrong_notes(page: &str, text: &str) -> Vec<String> {
    let is_known = |block: &Block<'_>| {
        let notes: Vec<_> = block.notes.split(' ').filter(|note| !note.is_empty()).collect();
        (block.has_note("norun") && notes.len() > 2)
            || notes.iter().all(|note| ["fails", "numbers"].contains(note))
    };
    let blocks = blocks(text).into_iter().filter(|block| block.has_commands() && !is_known(block));
    let notes =
        blocks.map(|block| format!("{page}:{}: {:?} has no meaning, or no reason", block.line, block.notes));
    let indented = indented_commands(text).into_iter();
    notes
        .chain(indented.map(|(line, command)| format!("{page}:{line}: not in a fenced block: {command}")))
        .collect()
}

/// The other tests that run blocks: the scripts of `tests/cmd`, by their names.
struct Tests(HashMap<String, String>);

/// Pages all of whose blocks a script runs.
const SCRIPTS: [(&str, &str); 5] = [
    ("README.md", "readme.txt"),
    ("README.zh-CN.md", "readme.txt"),
    ("docs/first-steps.zh-CN.md", "first_steps.txt"),
    ("docs/guide.md", "guide.txt"),
    ("docs/guide.zh-CN.md", "guide.txt"),
];

/// Sections all of whose blocks a conformance test runs.
const CONFORMANCE: [(&str, &str, &str); 3] = [
    ("docs/operations.md", "The first day", "conformance/test_first_day.py"),
    ("docs/sdk.md", "Checking signatures and ciphertexts outside", "conformance/test_openssl.py"),
    ("docs/operations.md", "A witness of the trail", "conformance/test_witness.py"),
];

impl Tests {
    fn read() -> Self {
        for (_, heading, test) in CONFORMANCE {
            assert!(fs::read_to_string(root().join(test)).unwrap().contains(heading), "{test}");
        }
        let paths =
            fs::read_dir(root().join("crates/cli/tests/cmd")).unwrap().map(|entry| entry.unwrap().path());
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        Self(paths.map(|path| (name(&path), fs::read_to_string(&path).unwrap())).collect())
    }

    /// Whether a test names the page, and the block by its heading and number or by its language and number there.
    fn run(&self, page: &str, block: &Block<'_>) -> bool {
        let Block { heading, part, number, language, number_of_language, .. } = block;
        let names = [
            format!("'{heading}' {number}"),
            format!("\"{heading}\" {number}"),
            format!("block {heading} {number}"),
            format!("block {page} {language} {number_of_language}"),
        ];
        let file = page.rsplit('/').next().unwrap();
        let runs_all = |(name, script): (&str, &str)| {
            name == page && self.0.get(script).is_some_and(|text| text.contains(file))
        };
        self.0.values().any(|script| script.contains(page) && names.iter().any(|name| script.contains(name)))
            || SCRIPTS.into_iter().any(runs_all)
            || CONFORMANCE
                .iter()
                .any(|(name, section, _)| *name == page && [*heading, *part].contains(section))
    }
}

/// A command or a script, and what is expected of it.
struct Step {
    line: usize,
    script: String,
    expected: Option<Vec<String>>,
    succeeds: bool,
    /// Whether numbers in its output may differ.
    numbers: bool,
}

/// Runs the blocks of a page, and returns what differs.
fn play(set_up: &SetUp, text: &str, blocks: &[Block<'_>]) -> Vec<String> {
    let world = World::new();
    let places = set_up.places(&world);
    set_up.prepare(&world, text, &places);
    let server = set_up.server.map(|configuration| {
        world.write("server.toml", format!("listen = '127.0.0.1:0'\n{configuration}"));
        world.serve("kms", ["--config", "server.toml"])
    });
    let environment = server.as_ref().map(|server| server.environment()).unwrap_or_default();
    let steps: Vec<_> = blocks.iter().flat_map(|block| steps(block, &places)).collect();
    world.write("page.sh", script(&steps, set_up));
    let outcome = world.command("bash", ["page.sh"]).envs(&environment).run();
    assert!(outcome.stderr.is_empty(), "{}: {}", set_up.page, outcome.stderr);
    check(set_up.page, &steps, &outcome.text())
}

/// One script for a whole page: before the output of a step there is a mark, with the exit code of the one before.
fn script(steps: &[Step], set_up: &SetUp) -> String {
    let mut script = format!(
        "exec 2>&1\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n{}\nprintf '\\1%s\\n' $?\n",
        set_up.before
    );
    for step in steps {
        let (begin, end) =
            if step.expected.is_some() { ("", "") } else { ("set -e -o pipefail\n", "set +e\n") };
        let _ = write!(script, "{begin}{}\n{end}printf '\\1%s\\n' $?\n", step.script);
    }
    script
}

fn check(page: &str, steps: &[Step], output: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let mut parts = output.split('\u{1}');
    let before = parts.next().unwrap();
    let mut parts = parts.map(|part| part.split_once('\n').unwrap());
    let Some(("0", first)) = parts.next() else {
        return vec![format!("{page}: the commands before: {before}")];
    };
    let mut printed = first;
    for step in steps {
        let place = format!("{page}:{}: {:?}", step.line, step.script.lines().next().unwrap_or_default());
        let Some((code, next)) = parts.next() else {
            problems.push(format!("{place} ends the script:\n{printed}"));
            break;
        };
        if (code == "0") != step.succeeds {
            problems.push(format!("{place} ends with exit code {code}:\n{printed}"));
        } else if let Some(expected) = &step.expected
            && !matches(expected, &stable(printed, step.numbers))
        {
            problems.push(format!("{place} prints:\n{printed}"));
        }
        printed = next;
    }
    problems
}

fn steps(block: &Block<'_>, places: &[(String, String)]) -> Vec<Step> {
    let local =
        |text: &str| places.iter().fold(text.to_owned(), |text, (name, here)| text.replace(name, here));
    if block.language != "console" {
        let script = local(&block.text);
        return vec![Step { line: block.line, script, expected: None, succeeds: true, numbers: false }];
    }
    let numbers = block.notes.contains("numbers");
    let mut steps = Vec::<Step>::new();
    for (index, line) in block.text.lines().enumerate() {
        if let Some(command) = line.strip_prefix("$ ") {
            let line = block.line + 1 + index;
            steps.push(Step {
                line,
                script: local(command),
                expected: Some(Vec::new()),
                succeeds: true,
                numbers,
            });
            continue;
        }
        let Some(step) = steps.last_mut() else { panic!("{}: {line:?} comes before a command", block.line) };
        let expected = step.expected.as_mut().unwrap();
        match line.strip_prefix("> ") {
            Some(more) if expected.is_empty() => {
                let _ = write!(step.script, "\n{}", local(more));
            }
            _ if line.is_empty() => {}
            _ => expected.extend(stable(&local(line), numbers)),
        }
    }
    if block.notes.contains("fails") {
        steps.last_mut().unwrap().succeeds = false;
    }
    steps
}

#[test]
fn a_command_that_prints_something_else_is_found() {
    let text = "```console\n$ printf 'a\\nb\\n'\na\nb\n$ echo c; (exit 3)\nc\n$ echo d\ne\n\n$ cat << END\n> x\n> END\nx\n```\n```console fails\n$ false\n```\n\
                ```sh\necho any\nfalse\necho thing\n```\n";
    let set_up = SetUp { page: "page", ..SetUp::NONE };
    let problems = play(&set_up, text, &blocks(text));
    assert_eq!(
        problems,
        [
            "page:5: \"echo c; (exit 3)\" ends with exit code 3:\nc\n",
            "page:7: \"echo d\" prints:\nd\n",
            "page:18: \"echo any\" ends the script:\nany\n",
        ]
    );
}

#[test]
fn a_block_that_no_test_runs_is_found() {
    let page = "## A\n```sh\na\n```\n```sh\nb\n```\n```console norun\n$ c\n```\n\n    bulla d\n";
    let tests = Tests([("a.txt".to_owned(), "docs/page.md\n$ sh block A 2\n".to_owned())].into());
    let run: Vec<_> = blocks(page).iter().map(|block| tests.run("docs/page.md", block)).collect();
    assert_eq!(run, [false, true, false]);
    assert_eq!(wrong_notes("page", page).len(), 2);
}
