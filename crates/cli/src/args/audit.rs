//! The commands on the audit trail.

use std::path::PathBuf;

use bulla_kms::audit::Position;
use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use crate::commands::audit::Since;

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Verify audit files offline: find every line that was changed, removed, moved or cut off
    Verify(VerifyTrail),
    /// Print the last lines of the audit trail
    Tail(Tail),
    /// Print lines of the audit trail by time, key, caller, action and result
    Search(Search),
    /// Convert the audit trail for other programs
    Export(Export),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct VerifyTrail {
    /// Audit files, also compressed ones, or directories of them such as DATA/audit
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// The file with a public key that was noted when the trail began, or later: the trail must lead back to it
    #[arg(long, value_name = "FILE")]
    pub(crate) public_key: Option<PathBuf>,
    /// A line that was noted elsewhere, such as the newest seal that bulla status prints: the trail must have it
    #[arg(long, value_name = "NUMBER:HASH")]
    pub(crate) expect: Option<Position>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where the trail is.
#[derive(Debug, ClapArgs)]
pub(crate) struct TrailOf {
    /// The data directory of the server [default: /var/lib/bulla]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Tail {
    /// Wait for further lines and print them, until stopped
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// How many lines to begin with
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
    pub(crate) wanted: Wanted,
    /// Print the lines as they are in the file: JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: TrailOf,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Export {
    /// What to write
    #[arg(long, value_enum, default_value_t = ExportFormat::Json)]
    pub(crate) format: ExportFormat,
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    #[command(flatten)]
    pub(crate) place: TrailOf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Events in the shape of ActionTrail, one a line
    Json,
    /// A table for spreadsheets; cells that would be formulas get an apostrophe
    Csv,
}

/// Which lines. All conditions must hold.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct Wanted {
    /// From this time on: 2026-01-31, 2026-01-31T12:00:00Z, or 30m, 12h, 7d ago
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Since>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Since>,
    /// About this key, secret or other resource: its id, name, version or ARN. The server of --kms is asked which key an alias
    /// names
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// By this user, role or access key: its name, id or ARN
    #[arg(long, value_name = "CALLER")]
    pub(crate) caller: Option<String>,
    /// This action or event, such as Decrypt
    #[arg(long, value_name = "ACTION")]
    pub(crate) action: Option<String>,
    /// This error code or HTTP status, such as Forbidden.NoPermission or 200
    #[arg(long, value_name = "CODE")]
    pub(crate) code: Option<String>,
}
