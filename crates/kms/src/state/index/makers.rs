//! The number of records of a kind, in total and by maker, for quotas.

use bulla_keys::{Alias, Key, Maker, Secret};
use imbl::OrdMap;

use crate::state::kind::KeptKind;
use crate::state::snapshot::Snapshot;

/// The numbers of the records that users and programs created.
#[derive(Clone, Default)]
pub(crate) struct Makers {
    total: usize,
    /// Without records whose maker is unknown.
    by_maker: OrdMap<Maker, usize>,
}

/// A kind of record that users and programs create.
pub(crate) trait Made: KeptKind {
    fn makers(snapshot: &Snapshot) -> &Makers;
}

/// Returns the maker of a record.
pub(super) trait MadeBy {
    fn made_by(&self) -> Option<&Maker>;

    /// Whether quotas count it.
    fn is_counted(&self) -> bool {
        true
    }
}

impl Makers {
    /// Replaces a record in the counts.
    pub(super) fn replace<R: MadeBy>(&mut self, old: Option<&R>, new: Option<&R>) {
        let old = old.filter(|record| record.is_counted());
        let new = new.filter(|record| record.is_counted());
        self.total = self.total + usize::from(new.is_some()) - usize::from(old.is_some());
        let old = old.and_then(MadeBy::made_by);
        let new = new.and_then(MadeBy::made_by);
        if old == new {
            return;
        }
        if let Some(maker) = old {
            let left = self.of(maker) - 1;
            match left {
                0 => drop(self.by_maker.remove(maker)),
                _ => drop(self.by_maker.insert(maker.clone(), left)),
            }
        }
        if let Some(maker) = new {
            self.by_maker.insert(maker.clone(), self.of(maker) + 1);
        }
    }

    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Returns the numbers of all makers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Maker, usize)> {
        self.by_maker.iter().map(|(maker, count)| (maker, *count))
    }

    /// Returns the number of one maker.
    pub(crate) fn of(&self, maker: &Maker) -> usize {
        self.by_maker.get(maker).copied().unwrap_or_default()
    }
}

impl MadeBy for Key {
    fn made_by(&self) -> Option<&Maker> {
        self.made_by.as_ref()
    }

    fn is_counted(&self) -> bool {
        !self.is_service()
    }
}

impl MadeBy for Alias {
    fn made_by(&self) -> Option<&Maker> {
        self.made_by.as_ref()
    }

    fn is_counted(&self) -> bool {
        !self.name.is_of_service()
    }
}

impl MadeBy for Secret {
    fn made_by(&self) -> Option<&Maker> {
        self.made_by.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sample(Option<Maker>, bool);

    impl MadeBy for Sample {
        fn made_by(&self) -> Option<&Maker> {
            self.0.as_ref()
        }

        fn is_counted(&self) -> bool {
            self.1
        }
    }

    #[test]
    fn records_are_counted_by_their_makers_while_they_are_there() {
        let [ann, bob] = ["ann", "bob"].map(Maker::new);
        let sample = |maker: &Maker| Sample(Some(maker.clone()), true);
        let mut makers = Makers::default();
        makers.replace(None, Some(&sample(&ann)));
        makers.replace(None, Some(&sample(&ann)));
        makers.replace(None, Some(&Sample(None, true)));
        makers.replace(None, Some(&Sample(Some(ann.clone()), false)));
        assert_eq!((makers.total(), makers.of(&ann), makers.of(&bob)), (3, 2, 0));
        makers.replace(Some(&sample(&ann)), Some(&sample(&ann)));
        makers.replace(Some(&Sample(None, true)), Some(&sample(&bob)));
        assert_eq!((makers.total(), makers.of(&ann), makers.of(&bob)), (3, 2, 1));
        makers.replace(Some(&sample(&ann)), None);
        makers.replace(Some(&sample(&bob)), None);
        makers.replace(Some(&Sample(Some(ann.clone()), false)), None);
        assert_eq!((makers.total(), makers.of(&ann), makers.of(&bob)), (1, 1, 0));
        assert_eq!(makers.by_maker.len(), 1);
    }
}
