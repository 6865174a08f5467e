//! `bulla audit verify`: verifies that a trail is complete and unchanged.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf, absolute};

use bulla_kms::audit::{Fault, FaultKind, PublicKey, Report, verify};
use serde_json::{Value, json};

use super::summary::of_gap;
use super::unreadable;
use crate::args::VerifyTrail;
use crate::control::seal_trail;
use crate::failure::{Exit, Failure};
use crate::results::{print, print_json};

pub(super) fn run(args: &VerifyTrail) -> Result<(), Failure> {
    let anchor = args.public_key.as_deref().map(public_key).transpose()?;
    data_directories(&args.paths).iter().for_each(|data| seal_trail(data));
    let report = verify(&args.paths, anchor, args.expect).map_err(|error| unreadable(&error))?;
    if report.files == 0 {
        return Err(super::no_trail(&args.paths[0]));
    }
    if args.json {
        print_json(&as_json(&report))?;
    } else {
        print_report(&report)?;
    }
    if report.is_sound() {
        return Ok(());
    }
    let hint = "keep these files as they are, and compare them with copies that were kept elsewhere";
    let what = match report.faults.len() {
        0 => "the audit trail has lost lines that had been durable".to_owned(),
        1 => "the audit trail was changed or damaged: 1 fault".to_owned(),
        faults => format!("the audit trail was changed or damaged: {faults} faults"),
    };
    Err(Failure::new(Exit::Damaged, what, hint))
}

/// Returns the directories above those of the trail, each once: a server may be writing the trail there.
fn data_directories(paths: &[PathBuf]) -> BTreeSet<PathBuf> {
    let levels = |path: &Path| if path.is_dir() { 1 } else { 2 };
    let above = |path: &PathBuf| Some(absolute(path).ok()?.ancestors().nth(levels(path))?.to_owned());
    paths.iter().filter_map(above).collect()
}

/// Reads a public key from a file.
fn public_key(path: &Path) -> Result<PublicKey, Failure> {
    let text = fs::read(path).map_err(|error| Failure::io(path, &error))?;
    let text = String::from_utf8_lossy(&text);
    text.trim().parse().map_err(|error| {
        let hint = "it is printed when a trail begins, and the console's recovery sheet has it";
        Failure::new(Exit::Usage, format!("{}: {error}", path.display()), hint)
    })
}

fn print_report(report: &Report) -> Result<(), Failure> {
    for fault in &report.faults {
        match fault.kind {
            // Faults that concern no existing file.
            FaultKind::NotAnchored | FaultKind::ExpectedMissing { .. } | FaultKind::FileMissing { .. } => {
                print(sentence(&fault.kind))?;
            }
            _ => print(format_args!("{}: {}", fault.path.display(), sentence(&fault.kind)))?,
        }
    }
    match report.earlier_losses {
        0 => {}
        1 => print(
            "before these lines, the trail recorded 1 loss of durable lines or of a key; that file was deleted since",
        )?,
        losses => print(format_args!(
            "before these lines, the trail recorded {losses} losses of durable lines or of keys; their files were deleted since"
        ))?,
    }
    for (number, gap) in &report.gaps {
        print(format_args!("line {number} says: {}", of_gap(gap)))?;
    }
    let files = if report.files == 1 { "1 file".to_owned() } else { format!("{} files", report.files) };
    if let (Some(first), Some(last)) = (report.first, report.last) {
        print(format_args!("lines {first} to {} in {files}", last.number))?;
    }
    match report.sealed {
        None => print("no seal")?,
        Some(sealed) => print(format_args!("sealed up to line {}", sealed.number))?,
    }
    match report.unsealed() {
        0 => {}
        1 => print("1 line is not sealed yet")?,
        lines => print(format_args!("{lines} lines are not sealed yet"))?,
    }
    if report.is_torn {
        print("the last line is not complete yet")?;
    }
    for (name, value) in fields(report) {
        print(format_args!("{name:12} {value}"))?;
    }
    Ok(())
}

fn fields(report: &Report) -> Vec<(&'static str, String)> {
    let fields = [
        ("store", report.store.clone()),
        ("first key", report.first_key.map(|key| key.to_string())),
        ("newest key", report.last_key.map(|key| key.to_string())),
        ("newest seal", report.sealed.map(|sealed| sealed.to_string())),
        ("commit", report.commit.map(|commit| commit.to_string())),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn as_json(report: &Report) -> Value {
    let fault =
        |fault: &Fault| json!({ "path": fault.path.to_string_lossy(), "fault": sentence(&fault.kind) });
    let faults: Vec<Value> = report.faults.iter().map(fault).collect();
    let gaps: Vec<Value> =
        report.gaps.iter().map(|(number, gap)| json!({ "line": number, "gap": gap })).collect();
    json!({
        "sound": report.is_sound(),
        "files": report.files,
        "store": report.store,
        "first": report.first,
        "last": report.last.map(|last| last.to_string()),
        "sealed": report.sealed.map(|sealed| sealed.to_string()),
        "unsealed": report.unsealed(),
        "torn": report.is_torn,
        "commit": report.commit,
        "first_key": report.first_key.map(|key| key.to_string()),
        "newest_key": report.last_key.map(|key| key.to_string()),
        "faults": faults,
        "gaps": gaps,
        "earlier_losses": report.earlier_losses,
    })
}

/// Describes a fault.
fn sentence(fault: &FaultKind) -> String {
    match fault {
        FaultKind::Malformed { after: 0 } => "it does not begin with a line of an audit trail".to_owned(),
        FaultKind::Malformed { after } => {
            format!("what follows line {after} is not a line of an audit trail")
        }
        FaultKind::Changed { number } => {
            format!("line {number} does not match the hash in the next line")
        }
        FaultKind::Missing { from, to } if from == to => format!("line {from} is missing"),
        FaultKind::Missing { from, to } => format!("lines {from} to {to} are missing"),
        FaultKind::OutOfOrder { number } => format!("line {number} is in the wrong place"),
        FaultKind::Foreign { number } => format!("line {number} belongs to another store"),
        FaultKind::ForgedSeal { number } => {
            format!("the seal in line {number} is forged: its signature is wrong")
        }
        FaultKind::WrongKey { number } => {
            format!("the seal in line {number} is signed by a key other than its file's")
        }
        FaultKind::NoCertificate { number } => {
            format!("line {number} is not a certificate by the key of the file before")
        }
        FaultKind::NewKey { number } => {
            format!("the key in line {number} is not certified by an earlier key")
        }
        FaultKind::Misplaced { number } => format!("line {number} does not belong in the middle of a file"),
        FaultKind::Torn { after } => format!("the file ends in the middle of the line after line {after}"),
        FaultKind::Undecompressed { after: 0 } => "the file cannot be read: corrupt gzip stream".to_owned(),
        FaultKind::Undecompressed { after } => {
            format!("the file cannot be read after line {after}: corrupt gzip stream")
        }
        FaultKind::FileMissing { from } => format!("the file with the lines from {from} on is missing"),
        FaultKind::Unexpected { number } => format!("line {number} does not have the expected hash"),
        FaultKind::ExpectedMissing { number } => format!("the expected line {number} is missing"),
        FaultKind::NotAnchored => {
            "no chain of certificates leads from the public key to this trail".to_owned()
        }
        other => format!("{other:?}"),
    }
}
