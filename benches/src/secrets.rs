//! The memory of secrets in `bulla serve`, which does not depend on the length of their values, because values remain in the
//! store until a request reads them; and the speed of reading them.

use std::path::Path;

use bulla_wire::kms::{CreateSecret, GetSecretValue};

use crate::Result;
use crate::kms::ALIAS;
use crate::load::flat_out;
use crate::programs::{self, Folder};
use crate::report::{Goal, figure, heading, judge};
use crate::requests::signed;
use crate::server::{Scheme, Server};

pub(crate) fn run() -> Result<()> {
    let folder = Folder::new(&programs::scratch()?, "secrets")?;
    let full = |name: &str, count, len| measure(&folder.path().join(name), count, len);
    let few_short = full("few-short", FEW, SHORT)?;
    let short = full("short", SECRETS, SHORT)?;
    let few_long = full("few-long", FEW, LONG)?;
    let long = full("long", SECRETS, LONG)?;
    heading("secrets: what they take");
    let per_secret = Goal::at_most(1.5, None);
    for (name, few, all) in [("short", &few_short, &short), ("long", &few_long, &long)] {
        let each = |few: f64, all: f64| (all - few) * 1024.0 / (SECRETS - FEW) as f64;
        judge(&format!("each, {name}, after a start"), each(few.started, all.started), "KiB", per_secret);
        judge(&format!("each, {name}, after reads"), each(few.read, all.read), "KiB", per_secret);
    }
    let more = Goal::at_most(2.0, None);
    judge("more for long ones, after a start", long.started - short.started, "MiB", more);
    judge("more for long ones, after reads", long.read - short.read, "MiB", more);
    Ok(())
}

/// Memory in MiB, after the start and after the reads.
struct Resident {
    started: f64,
    read: f64,
}

fn measure(data: &Path, count: usize, len: usize) -> Result<Resident> {
    heading(&format!("secrets: {count} of {len} bytes"));
    let server = Server::bulla(data, Scheme::Http)?;
    let key = server.create_key(ALIAS)?;
    let mut made = 0.0;
    for first in (0..count).step_by(PART) {
        let numbers = first..count.min(first + PART);
        let requests: Vec<_> =
            numbers.flat_map(|number| signed(&secret(number, len, &key), server.address, 1)).collect();
        made = flat_out(&server, CONNECTIONS, &requests)?.per_second;
    }
    figure("made with CreateSecret", made, "/s");
    figure("resident after making them", server.memory()?.resident, "MiB");
    server.stop()?;
    let server = Server::bulla(data, Scheme::Http)?;
    figure("start", server.start.as_secs_f64() * 1e3, "ms");
    let started = server.memory()?.resident;
    figure("resident after the start", started, "MiB");
    // The numbers are far apart, so that no page is read twice in a row.
    let numbers = (0..READS).map(|number| number * 7919 % count);
    let requests: Vec<_> = numbers.flat_map(|number| signed(&value(number), server.address, 1)).collect();
    let reads = flat_out(&server, CONNECTIONS, &requests)?;
    figure("GetSecretValue", reads.per_second, "/s");
    figure("GetSecretValue, 99 % of the answers within", reads.within(0.99), "ms");
    let read = server.memory()?.resident;
    figure("resident after them", read, "MiB");
    server.stop()?;
    Ok(Resident { started, read })
}

fn secret(number: usize, len: usize, key: &str) -> CreateSecret {
    CreateSecret {
        secret_name: name(number),
        version_id: "1".into(),
        secret_data: "x".repeat(len).into(),
        encryption_key_id: Some(key.into()),
        ..CreateSecret::default()
    }
}

fn value(number: usize) -> GetSecretValue {
    GetSecretValue {
        secret_name: name(number),
        version_id: None,
        version_stage: None,
        fetch_extended_config: None,
        recipient: None,
        dry_run: None,
    }
}

fn name(number: usize) -> String {
    format!("service-{number}/password")
}

const SECRETS: usize = 10_000;
/// The number of secrets in the baseline, because serving requests takes memory too, regardless of the store.
const FEW: usize = 16;
const READS: usize = 20_000;
/// How many requests are prepared at once, because those of 30 KB take memory in this process too.
const PART: usize = 1_000;
const CONNECTIONS: usize = 16;
const SHORT: usize = 10;
/// Maximum length of a secret.
const LONG: usize = 30_720;
