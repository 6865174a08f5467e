//! The gates are closed: what goes around one does not compile, although it is a sibling of the actions.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Each module below `src/actions/breaches`, with the error of the compiler.
const BREACHES: [(&str, &str); 13] = [
    // An `Allowed` is made by the authorizer alone.
    ("allowed_built", "E0451"),
    ("allowed_made", "E0624"),
    // Nothing is committed without an `Allowed` or the proof of maintenance.
    ("changes_built", "E0451"),
    ("maintenance_built", "E0451"),
    ("maintenance_borrowed", "E0603"),
    // A record is read by the proof that it may be used; there is no way to the snapshot.
    ("record_read", "E0616"),
    ("key_of_a_list_read", "E0616"),
    ("access_key_read", "E0616"),
    ("value_read", "E0308"),
    // The committer, the root keys and the engine are reached by their doors alone.
    ("committer_reached", "E0616"),
    ("root_keys_reached", "E0616"),
    ("engine_reached", "E0616"),
    // Material is opened by the keyring alone, for a key that was allowed.
    ("material_opened", "E0624"),
];

#[test]
fn what_goes_around_a_gate_does_not_compile() {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/actions/breaches");
    let names = modules.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let names: BTreeSet<_> =
        names.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(names, BREACHES.iter().map(|(name, _)| (*name).to_owned()).collect());
    for (breach, code) in BREACHES {
        let (compiles, output) = compile(&format!("breach=\"{breach}\""));
        assert!(!compiles, "{breach} compiles");
        let errors: BTreeSet<_> = output.lines().filter(|line| line.contains("error[")).collect();
        let is_expected = |line: &&str| {
            line.contains(&format!("error[{code}]")) && line.contains(&format!("breaches/{breach}.rs"))
        };
        assert!(!errors.is_empty() && errors.iter().all(is_expected), "{breach}: {output}");
    }
}

/// Compiles the library of this package with one more `--cfg`, by what the tests were built of. Only the library itself is
/// compiled: an argument for it alone leaves the dependencies as they are.
fn compile(cfg: &str) -> (bool, String) {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().unwrap().parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["rustc", "-p", "bulla-kms", "--lib", "--locked", "--offline", "--message-format=short"]);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).arg("--target-dir").arg(profile.parent().unwrap());
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let output = cargo.args(["--", "--cfg", cfg]).output().unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}
