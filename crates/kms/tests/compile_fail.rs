//! The gates hold: code that bypasses one does not compile, even among the actions.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Each module below `src/actions/breaches`, with the expected error of the compiler.
const BREACHES: [(&str, &str); 13] = [
    // Only the authorizer creates an `Allowed`.
    ("allowed_built", "E0451"),
    ("allowed_made", "E0624"),
    // A commit needs an `Allowed` or the proof of maintenance.
    ("changes_built", "E0451"),
    ("maintenance_built", "E0451"),
    ("maintenance_borrowed", "E0603"),
    // Reading a record needs the proof that it may be used; actions cannot reach the snapshot.
    ("record_read", "E0616"),
    ("key_of_a_list_read", "E0616"),
    ("access_key_read", "E0616"),
    ("value_read", "E0308"),
    // The committer, the root keys and the engine are reached only through their methods.
    ("committer_reached", "E0616"),
    ("root_keys_reached", "E0616"),
    ("engine_reached", "E0616"),
    // Only the keyring opens material, for a key that was allowed.
    ("material_opened", "E0624"),
];

/// The errors that the compiler reports in one pass; it stops after the first pass with errors. All breaches whose errors
/// belong to one pass are compiled together.
const PHASES: [&[&str]; 3] = [&["E0603"], &["E0308", "E0616", "E0624"], &["E0451"]];

#[test]
fn code_that_bypasses_a_gate_does_not_compile() {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/actions/breaches");
    let names = modules.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let names: BTreeSet<_> =
        names.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(names, BREACHES.iter().map(|(name, _)| (*name).to_owned()).collect());
    for phase in PHASES {
        let breaches: Vec<_> = BREACHES.iter().filter(|(_, code)| phase.contains(code)).collect();
        let (compiles, output) = compile(breaches.iter().map(|(breach, _)| *breach));
        assert!(!compiles, "{breaches:?} compile");
        let errors: Vec<_> = output.lines().filter(|line| line.contains("error[")).collect();
        let is_of = |line: &str, (breach, code): &(&str, &str)| {
            line.contains(&format!("error[{code}]")) && line.contains(&format!("breaches/{breach}.rs"))
        };
        for breach in &breaches {
            assert!(errors.iter().any(|line| is_of(line, breach)), "{breach:?} compiles beside: {output}");
        }
        let is_expected = |line: &&str| breaches.iter().any(|breach| is_of(line, breach));
        assert!(errors.iter().all(is_expected), "{output}");
    }
}

#[test]
fn each_breach_is_compiled() {
    let phase_of = |code| PHASES.iter().filter(|phase| phase.contains(code)).count();
    assert!(BREACHES.iter().all(|(_, code)| phase_of(code) == 1));
}

/// Compiles the library of this package with these breaches, with the dependencies of the tests. Only the library is
/// compiled: flags for it alone leave the dependencies unchanged.
fn compile(breaches: impl Iterator<Item = &'static str>) -> (bool, String) {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().unwrap().parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["rustc", "-p", "bulla-kms", "--lib", "--locked", "--offline", "--message-format=short"]);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).arg("--target-dir").arg(profile.parent().unwrap());
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    cargo.arg("--");
    for breach in breaches {
        cargo.args(["--cfg", &format!("breach=\"{breach}\"")]);
    }
    let output = cargo.output().unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}
