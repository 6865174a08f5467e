//! The tests that docs/threat-model.md names exist.

use std::fs;

use super::root;

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let page = fs::read_to_string(root().join("docs/threat-model.md")).unwrap();
    let named = named_tests(&page);
    assert!(named.len() > 20, "{named:?}");
    let missing: Vec<_> = named.into_iter().filter(|(file, test)| !has_test(file, test)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Returns pairs of a file and a test, each a code span, such as `` `kms/tests/life.rs`: `a_key_is_gone` ``.
fn named_tests(page: &str) -> Vec<(&str, &str)> {
    let spans: Vec<_> = page.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).collect();
    let pairs = spans.windows(2).filter(|pair| pair[0].ends_with(".rs") || pair[0].ends_with(".py"));
    pairs.map(|pair| (pair[0], pair[1])).collect()
}

/// Returns whether a file, of `conformance/` or below `crates/`, has a function of that name.
fn has_test(file: &str, test: &str) -> bool {
    let path =
        if file.starts_with("conformance/") { root().join(file) } else { root().join("crates").join(file) };
    let Ok(text) = fs::read_to_string(path) else { return false };
    ["fn ", "def "].iter().any(|keyword| text.contains(&format!("{keyword}{test}(")))
}

#[test]
fn a_test_that_was_renamed_is_found() {
    let page = "| `cli/tests/cli/private.rs`: `a_process_keeps_no_core`, `kms/src/gone.rs`: `a`, `kms/tests/life.rs`: `b` |";
    let missing: Vec<_> =
        named_tests(page).into_iter().filter(|(file, test)| !has_test(file, test)).collect();
    assert_eq!(missing, [("kms/src/gone.rs", "a"), ("kms/tests/life.rs", "b")]);
}
