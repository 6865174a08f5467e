//! The anchor: a digest of all rows of the store, which every commit updates. It reveals that a row was rolled back, removed
//! or added, even though each row opens on its own.
//!
//! While a store is read, [`Count`] hashes all rows, including those that a snapshot does not hold. The result either matches
//! the anchor, or [`Rollback`] describes the difference. A [`Keeper`] updates the anchor inside the transaction of each
//! commit, starting from the anchor that the transaction reads; so commits of other nodes cannot make it wrong.

use std::ops::ControlFlow;

use bulla_keys::record;
use bulla_keys::root::RootKeys;
use bulla_keys::{Anchor, RowHash, RowHasher, RowSet, SystemRandom};

use crate::store::{Anchoring, Frozen, Move, Rollback, Store, StoreError, StoredRow};

/// The places of the two copies of the anchor.
pub(crate) const PLACES: [(&str, &[u8]); 2] =
    [(Anchor::TABLE, Anchor::COPIES[0]), (Anchor::TABLE, Anchor::COPIES[1])];

/// The digest of all rows of a store, under the root key of a generation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    generation: u32,
    rows: RowSet,
}

/// Computes the digest of the rows of a store while it is read.
pub(super) struct Count<'a> {
    hasher: &'a RowHasher,
    tally: Tally,
    copies: Vec<StoredRow>,
}

/// A copy of the anchor does not open.
pub(super) struct DamagedCopy {
    pub(super) primary_key: Vec<u8>,
}

/// The digest of a store, and the copies of its anchor.
pub(super) struct Found {
    pub(super) tally: Tally,
    copies: [Option<Anchor>; 2],
}

/// Computes the next anchor for a commit.
pub(super) struct Keeper<'a> {
    roots: &'a RootKeys,
    /// The newest anchor that this process knows.
    last_known: Option<Anchor>,
    /// The digest of the store before the commit, if the next anchor does not follow a previous one.
    begins_with: Option<Tally>,
    /// An epoch that the next anchor must be beyond.
    ended_epoch: Option<u64>,
    /// The next anchor, if the commit changes anything.
    pub(super) written: Option<Anchor>,
}

/// Returns the rows of the anchor of an empty store.
pub(crate) fn of_empty_store(roots: &RootKeys) -> Vec<StoredRow> {
    let anchor = Anchor::first(roots.generation(), RowSet::default());
    anchor_rows(&anchor, roots).expect("it belongs to the current root key")
}

/// Opens the anchor in a row of its table.
///
/// # Errors
/// [`StoreError::Row`].
pub(super) fn open(roots: &RootKeys, row: &StoredRow) -> Result<Anchor, StoreError> {
    let StoredRow { table, primary_key, revision, value } = row;
    Anchor::open(roots, primary_key, *revision, value)
        .map_err(|_| StoreError::Row { table: table.clone(), primary_key: primary_key.clone() })
}

/// Returns the rows of the anchor in a state, and their content; none in a store of an earlier version.
///
/// # Errors
/// [`StoreError`], also if the two rows are not copies of one anchor.
pub(crate) fn anchor_copies(
    state: &Frozen,
    roots: &RootKeys,
) -> Result<Option<(Vec<StoredRow>, Anchor)>, StoreError> {
    let copies: Vec<StoredRow> = state.get(&PLACES)?.into_iter().flatten().collect();
    if copies.is_empty() {
        return Ok(None);
    }
    let mut opened = [None; 2];
    for (opened, copy) in opened.iter_mut().zip(&copies) {
        *opened = Some(open(roots, copy)?);
    }
    Ok(Some((copies, agreed(&opened)?)))
}

/// Returns the rows of an anchor; none without a root key of its generation.
pub(crate) fn anchor_rows(anchor: &Anchor, roots: &RootKeys) -> Option<Vec<StoredRow>> {
    let copies = anchor.seal(roots, &SystemRandom)?;
    let row = |copy: bulla_keys::SealedCopy| StoredRow {
        table: Anchor::TABLE.into(),
        primary_key: copy.primary_key.into(),
        revision: copy.revision,
        value: copy.value,
    };
    Some(copies.map(row).into())
}

impl<'a> Count<'a> {
    /// Counts the rows of `store`, under the root key of its anchor, or under the current one if it has no anchor.
    pub(super) fn new(store: &Store, roots: &'a RootKeys) -> Result<Self, StoreError> {
        Ok(Self::of(&store.get(&PLACES)?, roots))
    }

    /// Counts rows among which these are the copies of the anchor.
    pub(super) fn of(copies: &[Option<StoredRow>], roots: &'a RootKeys) -> Self {
        let mut anchors = copies.iter().flatten().filter_map(|row| open(roots, row).ok());
        let generation = anchors.next().map_or(roots.generation(), |anchor| anchor.generation);
        let hasher = roots.row_hasher(generation).expect("an anchor opens only if there is its root key");
        Self { hasher, tally: Tally { generation, rows: RowSet::default() }, copies: vec![] }
    }

    /// Adds a row of the store. Returns it, unless it belongs to the anchor.
    pub(super) fn take(&mut self, row: StoredRow) -> Option<StoredRow> {
        if row.table == Anchor::TABLE {
            self.copies.push(row);
            return None;
        }
        self.tally.rows.add(self.hasher.row(&row.table, &row.primary_key, row.revision));
        Some(row)
    }

    /// The number of added rows.
    pub(super) fn rows(&self) -> u64 {
        self.tally.rows.rows()
    }

    /// Returns the result, once every row was added.
    pub(super) fn finish(self, roots: &RootKeys) -> Result<Found, DamagedCopy> {
        let mut copies = [None; 2];
        for row in self.copies {
            let at = usize::from(row.primary_key != Anchor::COPIES[0]);
            // It opens only in the place of one of the copies.
            let anchor = open(roots, &row).map_err(|_| DamagedCopy { primary_key: row.primary_key })?;
            copies[at] = Some(anchor);
        }
        Ok(Found { tally: self.tally, copies })
    }
}

impl Found {
    /// Returns the newest anchor, whether or not it matches the rows.
    pub(super) fn newest(&self) -> Option<Anchor> {
        newest(&self.copies)
    }

    /// Returns the anchor, if all rows are in the state of the last commit. Otherwise reads the store again, to name the row.
    pub(super) fn verify(&self, store: &Store, roots: &RootKeys) -> Result<Anchor, StoreError> {
        let scan = |visit: &mut Visit<'_>| store.scan(&[], visit).map(drop);
        Ok(self.verify_by(roots, scan)??)
    }

    /// Does the same for the rows that `scan` reads.
    pub(super) fn verify_by<E>(
        &self,
        roots: &RootKeys,
        scan: impl FnOnce(&mut Visit<'_>) -> Result<(), E>,
    ) -> Result<Result<Anchor, Rollback>, E> {
        match agreed(&self.copies) {
            Ok(anchor) if anchor.rows == self.tally.rows => Ok(Ok(anchor)),
            Ok(anchor) => self.explain(anchor, roots, scan).map(Err),
            Err(rollback) => Ok(Err(rollback)),
        }
    }

    fn explain<E>(
        &self,
        anchor: Anchor,
        roots: &RootKeys,
        scan: impl FnOnce(&mut Visit<'_>) -> Result<(), E>,
    ) -> Result<Rollback, E> {
        let Some(hasher) = roots.row_hasher(anchor.generation) else { return Ok(Rollback::AnchorRolledBack) };
        let expected = anchor.rows;
        let found = self.tally.rows;
        let count = found.rows().abs_diff(expected.rows());
        let is_missing = found.rows() < expected.rows();
        let steps = (MOST_HASHES / found.rows().max(1)).clamp(FEWEST_STEPS, MOST_STEPS);
        let search = Search {
            hasher,
            steps,
            expected: expected.difference(&found),
            found: found.difference(&expected),
        };
        let mut explained = None;
        scan(&mut |row| {
            if row.table == Anchor::TABLE {
                return ControlFlow::Continue(());
            }
            let StoredRow { table, primary_key, revision, value } = &row;
            let head = record::head(roots, table, primary_key, value);
            if head.is_err() || head.is_ok_and(|head| head.revision != *revision) {
                // Its table was not opened before.
                explained =
                    Some(Rollback::RowDamaged { table: table.clone(), primary_key: primary_key.clone() });
                return ControlFlow::Break(());
            }
            let explains = || if count == 0 { search.rolled_back(&row) } else { search.added(&row) };
            explained = explained.take().or_else(explains);
            ControlFlow::Continue(())
        })?;
        let unexplained = match count {
            0 => Rollback::RowsRolledBack,
            count if is_missing => Rollback::RowsMissing { count },
            count => Rollback::RowsAdded { count },
        };
        Ok(explained.unwrap_or(unexplained))
    }
}

impl From<DamagedCopy> for StoreError {
    fn from(DamagedCopy { primary_key }: DamagedCopy) -> Self {
        Self::Row { table: Anchor::TABLE.into(), primary_key }
    }
}

/// Visits a row that is read.
pub(crate) type Visit<'a> = dyn FnMut(StoredRow) -> ControlFlow<()> + 'a;

/// Searches for the single row that explains the difference between rows and anchor.
struct Search<'a> {
    hasher: &'a RowHasher,
    /// How far apart the revisions of one row may be.
    steps: u64,
    /// The hashes that only the anchor contains, and those that only the rows contain.
    expected: RowHash,
    found: RowHash,
}

impl Search<'_> {
    /// Returns the explanation, if the whole difference is that this row has an older or a newer revision.
    fn rolled_back(&self, row: &StoredRow) -> Option<Rollback> {
        let hash = |revision| self.hasher.row(&row.table, &row.primary_key, revision);
        let present = hash(row.revision);
        for step in 1..=self.steps {
            if hash(row.revision.wrapping_add(step)).instead_of(present) == self.expected {
                let StoredRow { table, primary_key, .. } = row.clone();
                return Some(Rollback::RowRolledBack { table, primary_key });
            }
            if present.instead_of(hash(row.revision.wrapping_sub(step))) == self.found {
                return Some(Rollback::AnchorRolledBack);
            }
        }
        None
    }

    /// Returns the explanation, if the whole difference is that this row exists.
    fn added(&self, row: &StoredRow) -> Option<Rollback> {
        let StoredRow { table, primary_key, revision, .. } = row;
        (self.hasher.row(table, primary_key, *revision) == self.found)
            .then(|| Rollback::RowAdded { table: table.clone(), primary_key: primary_key.clone() })
    }
}

impl<'a> Keeper<'a> {
    /// Returns a keeper for a commit that follows the anchor in the store: `last_known`, or a later one.
    pub(super) fn new(roots: &'a RootKeys, last_known: Option<Anchor>) -> Self {
        Self { roots, last_known, begins_with: None, ended_epoch: None, written: None }
    }

    /// Returns a keeper for a commit to a store with this tally, regardless of its anchor.
    pub(super) fn begin(roots: &'a RootKeys, tally: Tally) -> Self {
        Self { begins_with: Some(tally), ..Self::new(roots, None) }
    }

    /// Makes the next anchor begin an epoch later than that of the store, and than this one.
    pub(super) fn end_epoch(&mut self, ended: u64) {
        self.ended_epoch = Some(ended);
    }

    /// Returns the anchor that the commit follows; none if the store gets its first one.
    fn preceding(&self, copies: &[Option<Anchor>; 2]) -> Result<Option<Anchor>, Rollback> {
        if let Some(tally) = self.begins_with {
            let generation = tally.generation;
            return Ok(newest(copies).map(|anchor| Anchor { generation, rows: tally.rows, ..anchor }));
        }
        let anchor = agreed(copies)?;
        if self.last_known.is_some_and(|last| anchor.commit < last.commit) {
            return Err(Rollback::AnchorRolledBack);
        }
        Ok(Some(anchor))
    }

    fn next(&self, copies: &[Option<Anchor>; 2], moves: &[Move<'_>]) -> Result<Anchor, StoreError> {
        let preceding = self.preceding(copies)?;
        let first = || Anchor::first(self.roots.generation(), RowSet::default());
        let (generation, mut rows) = match (preceding, self.begins_with) {
            (Some(anchor), _) => (anchor.generation, anchor.rows),
            (None, Some(tally)) => (tally.generation, tally.rows),
            (None, None) => (self.roots.generation(), RowSet::default()),
        };
        let hasher = self.roots.row_hasher(generation).ok_or(StoreError::HeaderDamaged)?;
        for Move { table, primary_key, from, to } in moves {
            let hash = |revision| hasher.row(table, primary_key, revision);
            if *from != 0 {
                rows.remove(hash(*from));
            }
            if *to != 0 {
                rows.add(hash(*to));
            }
        }
        let next =
            preceding.map_or_else(|| Anchor { generation, rows, ..first() }, |anchor| anchor.next(rows));
        let epoch = self.ended_epoch.map_or(next.epoch, |ended| next.epoch.max(ended).saturating_add(1));
        Ok(Anchor { epoch, ..next })
    }
}

impl Anchoring for Keeper<'_> {
    fn places(&self) -> &[(&'static str, &'static [u8])] {
        &PLACES
    }

    fn anchor(
        &mut self,
        found: &[Option<StoredRow>],
        moves: &[Move<'_>],
    ) -> Result<Vec<StoredRow>, StoreError> {
        if moves.is_empty() && self.begins_with.is_none() && self.ended_epoch.is_none() {
            return Ok(vec![]);
        }
        let mut copies = [None; 2];
        for (copy, row) in copies.iter_mut().zip(found) {
            *copy = row.as_ref().map(|row| open(self.roots, row)).transpose()?;
        }
        let anchor = self.next(&copies, moves)?;
        self.written = Some(anchor);
        anchor_rows(&anchor, self.roots).ok_or(StoreError::HeaderDamaged)
    }
}

fn newest(copies: &[Option<Anchor>; 2]) -> Option<Anchor> {
    copies.iter().flatten().max_by_key(|anchor| anchor.commit).copied()
}

/// Returns the anchor that both are copies of.
fn agreed(copies: &[Option<Anchor>; 2]) -> Result<Anchor, Rollback> {
    match copies {
        [Some(one), Some(other)] if one == other => Ok(*one),
        [Some(_), Some(_)] => Err(Rollback::AnchorRolledBack),
        _ => Err(Rollback::AnchorMissing),
    }
}

/// Maximum hashes in the search for a row that was rolled back: a few seconds.
const MOST_HASHES: u64 = 5_000_000;
const FEWEST_STEPS: u64 = 4;
const MOST_STEPS: u64 = 10_000;
