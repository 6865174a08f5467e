//! Runs the scripts in `tests/cmd`, which contain commands and their exact output.
//!
//! ```text
//! # a comment
//! $ bulla encrypt sales.csv -o -      a command for the shell
//! 1> ...                              its standard output
//! 2> ...                              its standard error
//! = 6                                 its exit code, unless it is 0
//! @ serve NAME FLAGS                  starts a server with its data in NAME and the environment for its clients
//! @ stop NAME                         stops it
//! ```
//!
//! Each script runs in a directory that holds `sales.csv` only; `$GOLDEN` is `testdata/golden`. Output that differs
//! between runs is replaced: `[DIR]` (the parent of that directory), `[ID]` (UUIDs), `[TIME]`, `[KEY]` (of an audit
//! trail), `[NAME]` (the address of a server). `UPDATE_CMD=1 cargo test -p bulla` rewrites the scripts with the current
//! output.

use std::fs;
use std::path::Path;
use std::thread;

use crate::harness::{Outcome, Server, World};

#[test]
fn commands_print_what_the_scripts_expect() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cmd");
    let mut paths: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    thread::scope(|scope| {
        let running: Vec<_> = paths.iter().map(|path| (path, scope.spawn(|| check(path)))).collect();
        let failed: Vec<_> =
            running.into_iter().filter_map(|(path, run)| run.join().is_err().then_some(path)).collect();
        assert!(failed.is_empty(), "{failed:?}");
    });
}

fn check(path: &Path) {
    let expected = fs::read_to_string(path).unwrap();
    let actual = play(&expected);
    if std::env::var_os("UPDATE_CMD").is_some() {
        fs::write(path, actual).unwrap();
    } else if actual != expected {
        let (number, line) = first_difference(&expected, &actual);
        panic!("{}:{number}: {line:?} was expected, but this is printed:\n{actual}", path.display());
    }
}

/// Returns the script with the current output of its commands.
fn play(script: &str) -> String {
    let world = World::new();
    let sales = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/sales.csv");
    fs::copy(sales, world.path("sales.csv")).unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden");
    let golden = golden.canonicalize().unwrap().into_os_string().into_string().unwrap();
    let mut servers = Vec::<(String, Server<'_>)>::new();
    let mut environment = Vec::new();
    let mut names = Vec::<(String, String)>::new();
    let mut text = String::new();
    for line in script.lines() {
        if ["1>", "2>", "= "].iter().any(|mark| line.starts_with(mark)) {
            continue;
        }
        text.push_str(line);
        text.push('\n');
        if let Some(command) = line.strip_prefix("$ ") {
            // A program in the background may not have made the file yet: grep must not complain about that.
            assert!(!command.contains("until grep -q "), "write grep -qs: {command}");
            let outcome = world.sh(command).env("GOLDEN", &golden).envs(&environment).run();
            text.push_str(&redact(&transcript(&outcome), &world, &names));
        } else if let Some(words) = line.strip_prefix("@ serve ") {
            let mut words = words.split(' ');
            let name = words.next().unwrap();
            let server = world.serve(name, words);
            environment = server.environment();
            names.push((server.address().to_string(), format!("[{}]", name.to_uppercase())));
            servers.push((name.to_owned(), server));
        } else if let Some(name) = line.strip_prefix("@ stop ") {
            let place = servers.iter().position(|(server, _)| server == name).unwrap();
            servers.remove(place).1.stop();
        } else {
            assert!(line.is_empty() || line.starts_with('#'), "{line:?} is nothing that a script can say");
        }
    }
    text
}

fn transcript(outcome: &Outcome) -> String {
    let mut text = String::new();
    for (mark, output) in [("1>", outcome.text()), ("2>", outcome.stderr.clone())] {
        for line in output.lines() {
            text.push_str(format!("{mark} {line}").trim_end());
            text.push('\n');
        }
    }
    if outcome.code() != Some(0) {
        text.push_str(&format!("= {}\n", outcome.code().unwrap()));
    }
    text
}

fn redact(text: &str, world: &World, names: &[(String, String)]) -> String {
    let mut text = text.replace(world.root().to_str().unwrap(), "[DIR]");
    for (address, name) in names {
        text = text.replace(address, name);
    }
    let first_key = format!("elsewhere: {}", "x".repeat(64));
    for (shape, name) in [
        ("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", "[ID]"),
        ("0000-00-00T00:00:00Z", "[TIME]"),
        (&*first_key, "elsewhere: [KEY]"),
        // Concurrent changes share a commit, so their number differs.
        ("commit 0", "commit [N]"),
        ("\"commit\": 0,", "\"commit\": [N],"),
    ] {
        text = replace_shape(&text, shape, name);
    }
    text
}

/// Replaces every text of a shape: `x` is a hexadecimal digit, `0` a decimal one.
fn replace_shape(text: &str, shape: &str, name: &str) -> String {
    let fits = |found: &str| {
        found.len() == shape.len()
            && found.bytes().zip(shape.bytes()).all(|(byte, shape)| match shape {
                b'x' => byte.is_ascii_hexdigit(),
                b'0' => byte.is_ascii_digit(),
                _ => byte == shape,
            })
    };
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if rest.get(..shape.len()).is_some_and(fits) {
            replaced.push_str(name);
            rest = &rest[shape.len()..];
        } else {
            replaced.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    replaced
}

fn first_difference<'a>(expected: &'a str, actual: &str) -> (usize, &'a str) {
    let actual: Vec<_> = actual.lines().collect();
    let mut lines = expected.lines().enumerate();
    let different = lines.find(|(number, line)| actual.get(*number) != Some(line));
    different.map_or((expected.lines().count(), ""), |(number, line)| (number + 1, line))
}
