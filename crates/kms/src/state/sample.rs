//! A kind of record for tests only, which shows what a new kind needs.

use bulla_keys::record::Record;
use imbl::OrdSet;
use minicbor::{Decode, Encode};

use super::kind::Index;

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Sample {
    #[n(0)]
    pub(crate) name: Box<str>,
    #[n(1)]
    pub(crate) colour: u8,
}

impl Record for Sample {
    const TABLE: &'static str = "sample";
    fn primary_key(&self) -> &[u8] {
        self.name.as_bytes()
    }
}

/// Samples by colour.
#[derive(Clone, Default)]
pub(crate) struct SampleIndex(OrdSet<(u8, Box<str>)>);

impl Index<Sample> for SampleIndex {
    fn replace(&mut self, old: Option<&Sample>, new: Option<&Sample>) {
        old.into_iter().for_each(|sample| drop(self.0.remove(&(sample.colour, sample.name.clone()))));
        new.into_iter().for_each(|sample| drop(self.0.insert((sample.colour, sample.name.clone()))));
    }
}

mod tests {
    use std::path::Path;

    use bulla_keys::record::Revision;
    use bulla_wire::Error;

    use super::*;
    use crate::state::kind::KeptKind;
    use crate::state::{Changes, CommitError, Row, Write};
    use crate::{Kms, Options, Role, SystemClock};

    fn open(data: &Path) -> Kms {
        Kms::open(&Options::new(data, Role::Command), SystemClock).unwrap()
    }

    fn row(kms: &Kms, name: &str) -> Option<Row<Sample>> {
        kms.state.snapshot().unwrap().get(&name.into()).cloned()
    }

    fn write(kms: &Kms, writes: Vec<(Write, Revision)>) -> Result<(), CommitError> {
        let change = Changes::for_test(writes).answering(());
        let (_, answered) = kms.state.stage(kms.now(), |_| Ok::<_, Error>(change)).unwrap();
        pollster::block_on(answered).unwrap()
    }

    fn by_colour(kms: &Kms) -> Vec<(u8, String)> {
        let snapshot = kms.state.snapshot().unwrap();
        let index = &Sample::table(&snapshot.tables).index;
        index.0.iter().map(|(colour, name)| (*colour, name.to_string())).collect()
    }

    #[test]
    fn a_new_kind_of_record_is_a_line_its_type_and_its_index() {
        let data = tempfile::tempdir().unwrap();
        let kms = open(data.path());
        let sample = |name: &str, colour| Sample { name: name.into(), colour };
        let put = |name, colour| Write::Sample(sample(name, colour));
        write(&kms, vec![(put("a", 1), 0), (put("b", 2), 0), (put("c", 1), 0)]).unwrap();
        let first = row(&kms, "a").unwrap();
        write(&kms, vec![(put("a", 3), first.revision)]).unwrap();
        let removed = row(&kms, "b").unwrap();
        write(&kms, vec![(Write::NoSample("b".into()), removed.revision)]).unwrap();

        let stale = [put("a", 4), Write::NoSample("a".into()), Write::SameSample("a".into())];
        for stale in stale {
            let refused = write(&kms, vec![(put("d", 9), 0), (stale, first.revision)]);
            assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
        }
        let kept = row(&kms, "c").unwrap();
        write(&kms, vec![(put("e", 5), 0), (Write::SameSample("c".into()), kept.revision)]).unwrap();
        assert_eq!(row(&kms, "c").unwrap().revision, kept.revision);

        let found = [(1, "c".into()), (3, "a".into()), (5, "e".into())];
        assert_eq!(by_colour(&kms), found);
        drop(kms);
        let kms = open(data.path());
        assert_eq!(by_colour(&kms), found, "after a restart");
        assert_eq!(*row(&kms, "a").unwrap().record, sample("a", 3));
        assert!(row(&kms, "b").is_none() && row(&kms, "d").is_none());
    }
}
