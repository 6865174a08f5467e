//! `bulla audit export`: converts lines of the trail for other programs.

use bulla_kms::audit::to_json;

use super::wanted::Query;
use super::{action_trail, csv, data, for_each_record, sources};
use crate::args::{Export, ExportFormat, KmsFlags};
use crate::control::seal_trail;
use crate::failure::Failure;
use crate::results::print_raw;

pub(super) fn run(flags: &KmsFlags, export: &Export) -> Result<(), Failure> {
    let mut query = Query::new(flags, &export.filter);
    seal_trail(data(&export.place));
    let sources = sources(&export.place)?;
    if export.format == ExportFormat::Csv {
        print_raw(csv::header())?;
    }
    let read = for_each_record(&sources, |_, record| match export.format {
        _ if !query.wants(record) => Ok(()),
        ExportFormat::Json => action_trail::event(record).map_or(Ok(()), |event| print_raw(to_json(&event))),
        ExportFormat::Csv => print_raw(csv::row(record)),
    });
    query.finish();
    read
}
