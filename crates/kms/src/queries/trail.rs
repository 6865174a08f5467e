//! The query SearchTrail: lines of the audit trail, newest first, and the health of the trail.

use std::time::{Duration, Instant};

use bulla_wire::Error;

use crate::audit::{Conditions, FoundLines, NewestFirst};
use crate::auditor::{AuditFigures, SinkHealth, TrailInUse};
use crate::session::Session;

/// Asks for lines of the audit trail. Needs `actiontrail:LookupEvents`.
#[derive(Clone, Debug, Default)]
pub struct SearchTrail {
    /// The conditions that lines must fulfil.
    pub conditions: Conditions,
    /// Only lines before the one with this number.
    pub before: Option<u64>,
    /// 1 to 100. Default: 50.
    pub page_size: Option<u32>,
}

/// Lines of the audit trail, and the health of the trail.
#[derive(Clone, Debug)]
pub struct TrailPage {
    /// The lines.
    pub found: FoundLines,
    /// The progress of the trail.
    pub figures: AuditFigures,
    /// The health of its sinks, the files first.
    pub sinks: Vec<SinkHealth>,
}

pub(super) async fn search(session: &Session<'_, SearchTrail>) -> Result<Option<TrailPage>, Error> {
    let trail = session.audit_trail()?;
    let SearchTrail { conditions, before, page_size } = session.request;
    let page_size = page_size.unwrap_or(PAGE_SIZE);
    if !(1..=MAX_PAGE_SIZE).contains(&page_size) {
        return Err(Error::invalid("PageSize"));
    }
    let Some(TrailInUse { directory, figures, sinks }) = trail else { return Ok(None) };
    let query = NewestFirst { conditions: conditions.clone(), before: *before, count: page_size as usize };
    let search = move || {
        let started = Instant::now();
        query.search(&directory, |read| read < MAX_BYTES && started.elapsed() < MAX_TIME)
    };
    let found = session.search_trail(search).await?.map_err(Error::internal)?;
    Ok(Some(TrailPage { found, figures, sinks }))
}

const PAGE_SIZE: u32 = 50;
const MAX_PAGE_SIZE: u32 = 100;
/// Bytes of lines after which a search stops, so that other searches run.
const MAX_BYTES: u64 = 64 << 20;
const MAX_TIME: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use bulla_wire::ErrorCode;
    use bulla_wire::kms::{CreateKey, DescribeKey};

    use super::*;
    use crate::audit::{Record, Rest};
    use crate::{AuditOptions, Kms, Options, Role, SystemClock};

    fn open(options: &Options) -> Kms {
        Kms::open(options, SystemClock).unwrap()
    }

    fn search(kms: &Kms, query: SearchTrail) -> Result<Option<TrailPage>, Error> {
        pollster::block_on(kms.query(query, &kms.owner()))
    }

    /// The numbers of the lines.
    fn numbers(page: &TrailPage) -> Vec<u64> {
        page.found.lines.iter().map(|line| line.number).collect()
    }

    #[test]
    fn lines_of_earlier_requests_are_found_and_a_search_leaves_one() {
        let data = tempfile::tempdir().unwrap();
        let mut options = Options::new(data.path(), Role::Command);
        assert!(search(&open(&options), SearchTrail::default()).unwrap().is_none(), "there is no trail");
        options.audit = Some(AuditOptions::new(data.path().join("audit"), "node"));
        let kms = open(&options);
        for number in 0..7 {
            let request = DescribeKey { key_id: format!("alias/{number}") };
            pollster::block_on(kms.call(request.into(), &kms.owner())).unwrap_err();
        }
        pollster::block_on(kms.call(CreateKey::default().into(), &kms.owner())).unwrap();
        pollster::block_on(kms.seal_audit()).unwrap(); // writes the line of the change too
        let conditions = Conditions { action: Some("describekey".into()), ..Conditions::default() };
        let query = SearchTrail { conditions, page_size: Some(5), ..SearchTrail::default() };
        let page = search(&kms, query.clone()).unwrap().unwrap();
        assert_eq!((page.found.lines.len(), page.sinks.len()), (5, 1));
        assert!(page.figures.sealed.number > 8, "{page:?}");
        let Rest::Older { before } = page.found.rest else { panic!("{page:?}") };
        let older = search(&kms, SearchTrail { before: Some(before), ..query.clone() }).unwrap().unwrap();
        assert_eq!((older.found.lines.len(), older.found.rest), (2, Rest::Nothing));
        let all = [numbers(&page), numbers(&older)].concat();
        assert!(all.is_sorted_by(|newer, older| newer > older), "{all:?}");
        let named = Conditions { resource: Some("alias/3".into()), ..Conditions::default() };
        let page =
            search(&kms, SearchTrail { conditions: named, ..SearchTrail::default() }).unwrap().unwrap();
        let [line] = &page.found.lines[..] else { panic!("{page:?}") };
        assert_eq!(Record::parse(line.text.as_bytes()).unwrap().number, line.number);

        let own = Conditions { action: Some("SearchTrail".into()), ..Conditions::default() };
        let page = search(&kms, SearchTrail { conditions: own, ..SearchTrail::default() }).unwrap().unwrap();
        assert_eq!(page.found.lines.len(), 3, "of each search before this one");
        for page_size in [0, 101] {
            let refused = search(&kms, SearchTrail { page_size: Some(page_size), ..query.clone() });
            assert_eq!(refused.unwrap_err().code(), ErrorCode::InvalidParameter);
        }
    }
}
