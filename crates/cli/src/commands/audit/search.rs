//! `bulla audit search`: prints the lines that match conditions.

use super::summary::summary;
use super::wanted::Query;
use super::{as_it_is, data, for_each_record, sources};
use crate::args::{KmsFlags, Search};
use crate::control::seal_trail;
use crate::failure::Failure;
use crate::results::{print, print_raw};

pub(super) fn run(flags: &KmsFlags, search: &Search) -> Result<(), Failure> {
    let mut query = Query::new(flags, &search.filter);
    seal_trail(data(&search.place));
    let read = for_each_record(&sources(&search.place)?, |line, record| {
        if !query.wants(record) {
            return Ok(());
        }
        if search.json { print_raw(as_it_is(line)) } else { print(summary(record)) }
    });
    query.finish();
    read
}
