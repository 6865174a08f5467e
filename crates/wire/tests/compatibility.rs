//! Checks the table in docs/compatibility.md, which lists for every operation of the official SDKs whether bulla implements it,
//! and with which parameters. The table is generated from the tables of actions: `UPDATE_DOCS=1 cargo test -p bulla-wire --test
//! compatibility` writes it.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{env, fs};

use bulla_wire::{Error, ErrorCode, Parameters, Product, Request};

/// The operations of alibabacloud_kms20160120 3.3.1.
const OFFICIAL: &str = include_str!("../../../testdata/operations.txt");
/// For each product, the operations of its official SDK and their number. For RAM and STS, the SDKs are alibabacloud_ram20150501
/// 1.3.0 and alibabacloud_sts20150401 1.2.0.
const PRODUCTS: [(Product, &str, usize); 3] = [
    (Product::Kms, OFFICIAL, 91),
    (Product::Ram, include_str!("../../../testdata/operations-ram.txt"), 69),
    (Product::Sts, include_str!("../../../testdata/operations-sts.txt"), 4),
];
/// Actions that the official SDK lacks, but the cloud's system policies name.
const BEYOND_SDK: [&str; 1] = ["GetKeyDefaultPolicy"];
/// Actions of the KMS that only bulla has. The document describes them in a section of their own.
const OWN: [&str; 2] = ["DescribeKeyBackups", "DescribeKeyUses"];
const DOCUMENT: &str = "../../docs/compatibility.md";
/// Actions that are always refused, because secrets of the only supported type are not rotated.
const REFUSED: [&str; 2] = ["RotateSecret", "UpdateSecretRotationPolicy"];
const END: &str = "<!-- The end of the generated table -->\n";

#[test]
fn the_table_names_every_operation_once() {
    for (product, official, count) in PRODUCTS {
        let official: Vec<_> = official.lines().collect();
        assert_eq!(official.len(), count, "{product:?}");
        let not_implemented = product.not_implemented().iter().map(|(name, _)| *name);
        let mut known: Vec<_> = product.actions().iter().copied().chain(not_implemented).collect();
        known.retain(|name| !BEYOND_SDK.contains(name) && !OWN.contains(name));
        known.sort_unstable();
        assert_eq!(known, official, "{product:?}");
    }
}

#[test]
fn actions_that_only_bulla_has_are_documented_with_their_parameters() {
    let document = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCUMENT)).unwrap();
    for action in OWN {
        assert!(!PRODUCTS.iter().any(|(_, official, _)| official.lines().any(|name| name == action)));
        let row = format!("| {action} | {} | ", cell(Product::Kms, action));
        assert!(document.contains(&row), "docs/compatibility.md lacks the row {row}");
    }
}

#[test]
fn the_document_is_as_the_table_of_actions() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCUMENT);
    for (product, official, _) in PRODUCTS {
        let document = fs::read_to_string(&path).unwrap();
        let begin = begin(product);
        let (before, rest) = document.split_once(&begin).expect("the document has the table");
        let (found, after) = rest.split_once(END).expect("the table ends");
        let made = table(product, official);
        if env::var_os("UPDATE_DOCS").is_some() {
            fs::write(&path, [before, &begin, &made, END, after].concat()).unwrap();
        } else {
            assert_eq!(found, made, "run this test with UPDATE_DOCS=1");
        }
    }
}

#[test]
fn the_parameters_of_an_action_are_the_fields_of_its_request() {
    let actions = PRODUCTS
        .iter()
        .flat_map(|(product, ..)| product.actions().iter().map(move |action| (*product, *action)));
    for (product, action) in actions {
        let (required, optional) = parameters(product, action);
        let mut documented: Vec<_> = required.into_iter().chain(optional).collect();
        documented.sort_unstable();
        let mut known = product.parameters(action).unwrap().to_vec();
        known.sort_unstable();
        assert_eq!(known, documented, "{action}");
    }
    assert_eq!(Product::Kms.parameters("GetClientKey"), None);
    assert_eq!(Product::Kms.parameters("describekey"), None);
}

#[test]
fn the_document_names_every_code() {
    let document = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCUMENT)).unwrap();
    for code in ErrorCode::ALL {
        let error = Error::with(*code, "{}");
        let row = format!("| {} | {} | {} |", error.status(), error.code_text(), error.message());
        assert!(document.contains(&row), "docs/compatibility.md lacks the row {row}");
    }
}

fn begin(product: Product) -> String {
    let name = product.name();
    format!("<!-- This table of {name} is generated: crates/wire/tests/compatibility.rs -->\n")
}

fn table(product: Product, official: &str) -> String {
    let here = here(product);
    let mut table =
        String::from("\n| operation | answered | parameters, **required** ones first |\n|---|---|---|\n");
    let names: BTreeSet<_> = official.lines().chain(here.keys().copied()).collect();
    for name in names {
        let row = match here.get(name) {
            Some(parameters) if REFUSED.contains(&name) => {
                format!("| {name} | refused with UnsupportedOperation | {parameters} |\n")
            }
            Some(parameters) => format!("| {name} | yes | {parameters} |\n"),
            None => {
                let (_, what) = product.not_implemented().iter().find(|(known, _)| *known == name).unwrap();
                format!("| {name} | as an unknown action | {what} |\n")
            }
        };
        table.push_str(&row);
    }
    table + "\n"
}

fn here(product: Product) -> BTreeMap<&'static str, String> {
    let listed = product.actions().iter().filter(|name| product != Product::Kms || !OWN.contains(name));
    listed.map(|name| (*name, cell(product, name))).collect()
}

fn cell(product: Product, action: &str) -> String {
    let (required, optional) = parameters(product, action);
    let required = required.iter().map(|name| format!("**{name}**"));
    required.chain(optional).collect::<Vec<_>>().join(", ")
}

/// Finds the required and the optional parameters of an action by parsing requests.
fn parameters(product: Product, action: &str) -> (Vec<String>, Vec<String>) {
    let mut given = BTreeMap::<String, String>::new();
    let mut required = Vec::new();
    let request = loop {
        let parameters = Parameters::from_pairs(given.clone()).unwrap();
        match Request::parse(product, action, &parameters) {
            Ok(request) => break request,
            Err(error) => {
                let name = missing(&error).unwrap_or_else(|| panic!("{action}: {error}"));
                given.extend(some_value(product, action, &name, &given));
                required.push(name);
            }
        }
    };
    let fields = serde_json::to_value(&request).unwrap();
    let mut optional: Vec<_> = fields.as_object().unwrap().keys().cloned().collect();
    optional.retain(|name| !required.contains(name));
    optional.sort_unstable(); // other crates may make serde_json preserve the order of the fields
    (required, optional)
}

/// Returns the name of the parameter that a request lacks.
fn missing(error: &Error) -> Option<String> {
    match error.code() {
        ErrorCode::Missing => error.code_text().strip_prefix("Missing").map(str::to_owned),
        ErrorCode::MissingParameter => error.message().split(' ').nth(1).map(str::to_owned),
        _ => None,
    }
}

/// Finds a value that the parameter accepts, because only the action knows its type.
fn some_value(
    product: Product,
    action: &str,
    name: &str,
    given: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let plain = ["1", "true", "{}", "[]", "Custom", "Active", "role"].map(|value| ("", value));
    for (suffix, value) in plain.into_iter().chain([(".1", "x"), (".1.Key", "x")]) {
        let mut more = given.clone();
        more.insert(format!("{name}{suffix}"), value.into());
        let parameters = Parameters::from_pairs(more.clone()).unwrap();
        match Request::parse(product, action, &parameters) {
            Err(error) if error.to_string().contains(&format!("\"{name}\"")) => {}
            _ => return more,
        }
    }
    panic!("{action} takes no value of {name}")
}
