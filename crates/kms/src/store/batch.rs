//! Applies the transactions of one commit, which may depend on each other. Every storage engine uses it.

use std::collections::HashSet;

use super::row::{Change, Conflict, RowChange};

/// Applies transactions in order. Each may have been decided on the state that the earlier ones leave. So a transaction that
/// depends on a row which a conflicting one would have written conflicts too, without being applied: another process may have
/// given the row the very revision that both expect.
pub(super) fn apply_in_order<'a, E>(
    transactions: &[&'a [RowChange]],
    mut apply: impl FnMut(&'a [RowChange]) -> Result<Result<(), Conflict>, E>,
) -> Result<Vec<Result<(), Conflict>>, E> {
    let mut unwritten = HashSet::new();
    let mut results = Vec::with_capacity(transactions.len());
    for &changes in transactions {
        let rests_on_unwritten =
            changes.iter().any(|row| row.expected.is_some() && unwritten.contains(&key(row)));
        let result = if rests_on_unwritten { Err(Conflict) } else { apply(changes)? };
        if result.is_err() {
            unwritten.extend(changes.iter().filter(|row| !matches!(row.change, Change::Keep)).map(key));
        }
        results.push(result);
    }
    Ok(results)
}

fn key(row: &RowChange) -> (&str, &[u8]) {
    (row.table, &row.primary_key)
}
