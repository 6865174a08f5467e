//! The commands on the audit trail.

use std::path::PathBuf;

use bulla_kms::audit::Position;
use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use super::examples::{example, example_and_exit_code};
use crate::commands::audit::Since;

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Verify audit files offline: report each line that was changed, removed, moved or truncated
    #[command(after_help = example_and_exit_code("bulla audit verify /var/lib/bulla/audit", "4: lines were changed, damaged or lost"))]
    Verify(VerifyTrail),
    /// Print the last lines of the audit trail
    #[command(after_help = example("bulla audit tail --follow"))]
    Tail(Tail),
    /// Print the lines of the audit trail that match a time, key, caller, action or result
    #[command(after_help = example("bulla audit search --since 7d --action Decrypt"))]
    Search(Search),
    /// Convert the audit trail for other programs
    #[command(after_help = example("bulla audit export --format csv --since 30d"))]
    Export(Export),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct VerifyTrail {
    /// Audit files, compressed or not, or directories of them such as DATA/audit
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Require that the trail leads back to the public key in this file, which was noted when the trail began or later
    #[arg(long, value_name = "FILE")]
    pub(crate) public_key: Option<PathBuf>,
    /// Require this line in the trail, such as the newest seal that `bulla status` printed
    #[arg(long, value_name = "NUMBER:HASH")]
    pub(crate) expect: Option<Position>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The audit trail to read.
#[derive(Debug, ClapArgs)]
pub(crate) struct TrailOf {
    /// Read the trail of the server with this data directory [default: /var/lib/bulla]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Tail {
    /// Wait for further lines and print them, until interrupted
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Begin with this many of the last lines
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    pub(crate) lines: usize,
    /// Print the lines as they are in the file: JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: TrailOf,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Search {
    #[command(flatten)]
    pub(crate) filter: Wanted,
    /// Print the lines as they are in the file: JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: TrailOf,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Export {
    /// Write this format
    #[arg(long, value_enum, default_value_t = ExportFormat::Json)]
    pub(crate) format: ExportFormat,
    #[command(flatten)]
    pub(crate) filter: Wanted,
    #[command(flatten)]
    pub(crate) place: TrailOf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Events in the format of ActionTrail, one per line
    Json,
    /// A table for spreadsheets; cells that would be formulas get an apostrophe
    Csv,
}

/// The conditions that a line must meet, all of them.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct Wanted {
    /// Only lines from this time on: 2026-01-31, 2026-01-31T12:00:00Z, or 30m, 12h, 7d ago
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Since>,
    /// Only lines before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Since>,
    /// Only lines about this key, secret or other resource: its id, name, version or ARN. The server of --kms resolves
    /// an alias
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Only lines of this user, role or access key: its name, id or ARN
    #[arg(long, value_name = "CALLER")]
    pub(crate) caller: Option<String>,
    /// Only lines of this action or event, such as Decrypt
    #[arg(long, value_name = "ACTION")]
    pub(crate) action: Option<String>,
    /// Only lines with this error code or HTTP status, such as Forbidden.NoPermission or 200
    #[arg(long, value_name = "CODE")]
    pub(crate) code: Option<String>,
}
