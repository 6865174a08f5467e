//! The one table of metrics. A new metric is a line here, and a row in `docs/metrics.md`, which a test compares with
//! it.
//!
//! A label has few, known values: names of products, actions, error codes and kinds of records. No label contains text
//! of a caller, keys, users, addresses or access keys.

use bulla_kms::{AuditFigures, BackupFacts, BackupState, Histogram, ThrottledRequests, UseTotals};

use super::reading::Reading;

/// One metric.
pub(super) struct Metric {
    /// Its name. A counter gets the suffix `_total` in the exposition.
    pub(super) name: &'static str,
    /// Its description, in one sentence without a full stop.
    pub(super) help: &'static str,
    /// The names of its labels.
    pub(super) labels: &'static [&'static str],
    pub(super) values: Values,
}

/// The type of a metric, and the function that reads its values.
pub(super) enum Values {
    Counter(fn(&Reading) -> Series<u64>),
    Gauge(fn(&Reading) -> Series<f64>),
    Histogram(fn(&Reading) -> Series<Histogram>),
}

/// The values of a metric, each with the values of its labels in order.
pub(super) type Series<T> = Vec<(Vec<String>, T)>;

pub(super) const METRICS: &[Metric] = &[
    Metric {
        name: "bulla_requests",
        help: "Answered requests of the API and the console",
        labels: &["product", "action", "code"],
        values: Values::Counter(requests),
    },
    Metric {
        name: "bulla_request_duration_seconds",
        help: "Time from a complete request to its answer",
        labels: &["product", "action", "code"],
        values: Values::Histogram(request_durations),
    },
    Metric {
        name: "bulla_refused_requests",
        help: "Requests that were answered with an error, by whether the caller was authenticated",
        labels: &["authenticated"],
        values: Values::Counter(refused_requests),
    },
    Metric {
        name: "bulla_throttled_requests",
        help: "Requests that were refused because a limit of requests was reached, by that limit",
        labels: &["limit"],
        values: Values::Counter(throttled_requests),
    },
    Metric {
        name: "bulla_commit_duration_seconds",
        help: "Time of a durable transaction of the store, which writes all waiting changes",
        labels: &[],
        values: Values::Histogram(|reading| single(reading.engine.commits.durable.clone())),
    },
    Metric {
        name: "bulla_commit_failures",
        help: "Transactions of the store that failed",
        labels: &[],
        values: Values::Counter(|reading| single(reading.engine.commits.failed)),
    },
    Metric {
        name: "bulla_store_ready",
        help: "Whether the store is available, and changes and the audit trail can be written, as /readyz reports: 1 or 0",
        labels: &[],
        values: Values::Gauge(|reading| single(f64::from(u8::from(reading.is_ready)))),
    },
    Metric {
        name: "bulla_records",
        help: "Records in memory, by kind; values of secrets are not in memory",
        labels: &["kind"],
        values: Values::Gauge(records),
    },
    Metric {
        name: "bulla_key_uses",
        help: "Uses of keys; encryption includes that of data keys and secrets, and other is decrypting, signing, verifying",
        labels: &["use"],
        values: Values::Counter(key_uses),
    },
    Metric {
        name: "bulla_audit_lag_seconds",
        help: "How long the oldest line of the audit trail waits for a seal; 0 if none waits, absent without a trail",
        labels: &[],
        values: Values::Gauge(|reading| of_audit(reading, |audit| audit.lag.as_secs_f64())),
    },
    Metric {
        name: "bulla_audit_sealed_line",
        help: "The number of the newest seal of the audit trail; absent without a trail",
        labels: &[],
        values: Values::Gauge(|reading| of_audit(reading, |audit| audit.sealed.number as f64)),
    },
    Metric {
        name: "bulla_audit_seal_hash",
        help: "The hash of the newest seal, as eight numbers of 32 bits; absent without a trail",
        labels: &["word"],
        values: Values::Gauge(seal_hash),
    },
    Metric {
        name: "bulla_audit_lines_missed",
        help: "Lines that the files of the audit trail, or the other sinks together, have missed; absent without a trail",
        labels: &["sink"],
        values: Values::Counter(missed_lines),
    },
    Metric {
        name: "bulla_audit_lines_lost",
        help: "Lines that the files of the audit trail had, and that were found lost at the start or since; absent without a trail",
        labels: &[],
        values: Values::Counter(|reading| {
            reading.engine.audit.iter().map(|audit| (vec![], audit.lost)).collect()
        }),
    },
    Metric {
        name: "bulla_nonces",
        help: "Signature nonces that are kept against replays",
        labels: &[],
        values: Values::Gauge(|reading| single(reading.engine.nonces as f64)),
    },
    Metric {
        name: "bulla_nonces_limit",
        help: "Maximum number of signature nonces, beyond which requests are throttled",
        labels: &[],
        values: Values::Gauge(|reading| single(reading.engine.nonces_limit as f64)),
    },
    Metric {
        name: "bulla_connections",
        help: "Open connections to the API",
        labels: &[],
        values: Values::Gauge(|reading| single(reading.connections.open as f64)),
    },
    Metric {
        name: "bulla_connections_limit",
        help: "Maximum number of open connections",
        labels: &[],
        values: Values::Gauge(|reading| single(reading.connections.limit as f64)),
    },
    Metric {
        name: "bulla_connections_refused",
        help: "Connections that were closed or not accepted because a limit was reached",
        labels: &["limit"],
        values: Values::Counter(refused_connections),
    },
    Metric {
        name: "bulla_log_lines_dropped",
        help: "Lines of the log that were dropped because its reader was too slow",
        labels: &[],
        values: Values::Counter(|reading| single(reading.dropped_log_lines)),
    },
    Metric {
        name: "bulla_backup_age_seconds",
        help: "Age of the newest scheduled backup that is not known to be damaged; absent without one",
        labels: &[],
        values: Values::Gauge(|reading| newest_backup(reading, |newest| (reading.now - newest.time) as f64)),
    },
    Metric {
        name: "bulla_backup_commit",
        help: "Number of the commit in the newest scheduled backup; absent without one",
        labels: &[],
        values: Values::Gauge(|reading| newest_backup(reading, |newest| newest.commit as f64)),
    },
    Metric {
        name: "bulla_backups",
        help: "Scheduled backups that are kept; each was verified when it was made; absent without a schedule",
        labels: &[],
        values: Values::Gauge(|reading| backups(reading, |state| state.count as f64)),
    },
    Metric {
        name: "bulla_backups_verified",
        help: "Kept backups that passed their last verification and were not changed since; absent without a schedule",
        labels: &[],
        values: Values::Gauge(|reading| backups(reading, |state| state.verified as f64)),
    },
    Metric {
        name: "bulla_backups_failed",
        help: "Files of backups whose last verification failed; absent without a schedule",
        labels: &[],
        values: Values::Gauge(|reading| backups(reading, |state| state.failed.len() as f64)),
    },
    Metric {
        name: "bulla_backup_verification_age_seconds",
        help: "Time since the last verification of the kept backup that was verified longest ago; absent without one",
        labels: &[],
        values: Values::Gauge(|reading| {
            let oldest = reading.backups.iter().filter_map(|state| state.oldest_verification);
            oldest.map(|time| (vec![], (reading.now - time) as f64)).collect()
        }),
    },
    Metric {
        name: "bulla_backup_failing",
        help: "Whether the last scheduled backup failed: 1 or 0; absent without a schedule",
        labels: &[],
        values: Values::Gauge(|reading| {
            backups(reading, |state| f64::from(u8::from(state.failure.is_some())))
        }),
    },
    Metric {
        name: "bulla_certificate_end_timestamp_seconds",
        help: "When the certificate in use expires, in Unix time; absent without TLS",
        labels: &[],
        values: Values::Gauge(|reading| {
            reading.certificate_end.map(|end| (vec![], end as f64)).into_iter().collect()
        }),
    },
    Metric {
        name: "bulla_build_info",
        help: "The version of the server; always 1",
        labels: &["version"],
        values: Values::Gauge(|_| vec![(vec![env!("CARGO_PKG_VERSION").into()], 1.0)]),
    },
    Metric {
        name: "process_start_time_seconds",
        help: "When the server started, in Unix time",
        labels: &[],
        values: Values::Gauge(|reading| single(reading.started)),
    },
];

impl Metric {
    /// Returns the name of the counter or gauge in the exposition; the name of a histogram gets a suffix for each of
    /// its series.
    #[cfg(test)]
    pub(super) fn exposed_name(&self) -> String {
        let suffix = if matches!(self.values, Values::Counter(_)) { "_total" } else { "" };
        format!("{}{suffix}", self.name)
    }
}

fn requests(reading: &Reading) -> Series<u64> {
    by_code(reading, Histogram::count)
}

fn request_durations(reading: &Reading) -> Series<Histogram> {
    by_code(reading, Histogram::clone)
}

/// Returns a value of the durations of each action and code.
fn by_code<T>(reading: &Reading, value: impl Fn(&Histogram) -> T) -> Series<T> {
    let answers = reading.requests.answers.iter();
    let series = answers.flat_map(|(subject, answers)| {
        answers.by_code().map(|(code, took)| {
            let labels = [subject.product.into(), subject.action.into(), code.replace("{}", "*")];
            (labels.into(), value(took))
        })
    });
    series.collect()
}

fn refused_requests(reading: &Reading) -> Series<u64> {
    let refused = reading.requests.refused;
    vec![(vec!["true".into()], refused.authenticated), (vec!["false".into()], refused.unauthenticated)]
}

fn throttled_requests(reading: &Reading) -> Series<u64> {
    let ThrottledRequests { access_key, user, source } = reading.throttled;
    vec![
        (vec!["access-key".into()], access_key),
        (vec!["user".into()], user),
        (vec!["source".into()], source),
    ]
}

fn records(reading: &Reading) -> Series<f64> {
    reading.engine.records.iter().map(|(kind, count)| (vec![(*kind).into()], *count as f64)).collect()
}

fn refused_connections(reading: &Reading) -> Series<u64> {
    reading.connections.refused.iter().map(|(limit, count)| (vec![(*limit).into()], *count)).collect()
}

fn key_uses(reading: &Reading) -> Series<u64> {
    let UseTotals { encryptions, others } = reading.engine.key_uses;
    vec![(vec!["encryption".into()], encryptions), (vec!["other".into()], others)]
}

fn of_audit(reading: &Reading, value: impl Fn(&AuditFigures) -> f64) -> Series<f64> {
    reading.engine.audit.iter().map(|audit| (vec![], value(audit))).collect()
}

/// The hash of the seal in numbers that a float holds exactly, because a label with it would begin a series each second.
fn seal_hash(reading: &Reading) -> Series<f64> {
    let sealed = reading.engine.audit.iter().map(|audit| audit.sealed).filter(|seal| seal.number > 0);
    let words = sealed.flat_map(|seal| seal.hash.words().into_iter().enumerate());
    words.map(|(index, word)| (vec![index.to_string()], f64::from(word))).collect()
}

/// The names of other sinks are addresses, which must not be in a label.
fn missed_lines(reading: &Reading) -> Series<u64> {
    let Some((files, others)) = reading.audit_sinks.split_first() else { return vec![] };
    let missed_by_others = others.iter().map(|sink| sink.missed).sum();
    vec![(vec!["file".into()], files.missed), (vec!["other".into()], missed_by_others)]
}

fn backups(reading: &Reading, value: impl Fn(&BackupState) -> f64) -> Series<f64> {
    reading.backups.iter().map(|state| (vec![], value(state))).collect()
}

fn newest_backup(reading: &Reading, value: impl Fn(&BackupFacts) -> f64) -> Series<f64> {
    let newest = reading.backups.iter().filter_map(|state| state.newest.as_ref());
    newest.map(|newest| (vec![], value(newest))).collect()
}

/// Returns the value of a metric without labels.
fn single<T>(value: T) -> Series<T> {
    vec![(vec![], value)]
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    fn kind(metric: &Metric) -> &'static str {
        match metric.values {
            Values::Counter(_) => "counter",
            Values::Gauge(_) => "gauge",
            Values::Histogram(_) => "histogram",
        }
    }

    #[test]
    fn the_table_of_the_documentation_is_this_one() {
        let mut expected = String::from("| metric | type | labels | |\n|---|---|---|---|\n");
        for metric in METRICS {
            let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
            let (name, labels) = (metric.exposed_name(), labels.join(", "));
            writeln!(expected, "| `{name}` | {} | {labels} | {} |", kind(metric), metric.help).unwrap();
        }
        let documentation = include_str!("../../../../docs/metrics.md");
        assert!(documentation.contains(&expected), "docs/metrics.md must have this table:\n{expected}");
    }

    /// <https://prometheus.io/docs/practices/naming/>
    #[test]
    fn names_follow_the_conventions_and_none_is_there_twice() {
        let mut names: Vec<_> = METRICS.iter().map(Metric::exposed_name).collect();
        for (metric, name) in METRICS.iter().zip(&names) {
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert!(name.starts_with("bulla_") || name.starts_with("process_"), "{name}");
            assert!(!metric.name.ends_with("_total"), "{name}: the exposition adds it");
            assert!(!metric.help.ends_with('.'), "{name}");
            assert!(!matches!(metric.values, Values::Histogram(_)) || name.ends_with("_seconds"), "{name}");
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), METRICS.len());
    }
}
