//! Lists that a server returns in pages.

use bulla_client::CallError;

/// The entries of a page: the maximum of the KMS API.
pub(super) const PAGE_SIZE: u32 = 100;

/// Requests page after page, each with the total number of entries, and passes every entry to `each`.
pub(super) fn for_each<T, E>(
    ask: impl Fn(u32) -> Result<(Vec<T>, u64), E>,
    mut each: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let mut seen = 0;
    for number in 1.. {
        let (entries, total) = ask(number)?;
        let is_last = entries.len() < PAGE_SIZE as usize;
        seen += entries.len() as u64;
        entries.into_iter().try_for_each(&mut each)?;
        if is_last || seen >= total {
            break;
        }
    }
    Ok(())
}

/// The entries of a page of RAM: the maximum of every list of the cloud.
pub(super) const MAX_ITEMS: u32 = 100;

/// Returns all entries of a list of RAM. `ask` gets the marker of a page, `None` for the first one, and returns the
/// entries of the page and the marker of the next one.
pub(super) fn all<T>(
    ask: impl Fn(Option<String>) -> Result<(Vec<T>, Option<String>), CallError>,
) -> Result<Vec<T>, CallError> {
    let mut entries = Vec::new();
    let mut marker = None;
    loop {
        let (page, next) = ask(marker.clone())?;
        entries.extend(page);
        // A marker that leads to itself would never end.
        if next.is_none() || next == marker {
            return Ok(entries);
        }
        marker = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(pages: &[usize], total: u64) -> u64 {
        let mut count = 0;
        let ask = |number: u32| Ok((vec![(); pages.get(number as usize - 1).copied().unwrap_or(100)], total));
        for_each(ask, |()| {
            count += 1;
            Ok::<_, CallError>(())
        })
        .unwrap();
        count
    }

    #[test]
    fn markers_are_followed_to_the_end() {
        let ask = |marker: Option<String>| {
            Ok(match marker.as_deref() {
                None => (vec![1, 2], Some("a".to_owned())),
                Some("a") => (vec![], Some("b".to_owned())),
                _ => (vec![3], None),
            })
        };
        assert_eq!(all(ask).unwrap(), [1, 2, 3]);
        let same = |_: Option<String>| Ok((vec![1], Some("a".to_owned())));
        assert_eq!(all(same).unwrap(), [1, 1], "a server whose marker does not move");
    }

    #[test]
    fn pages_end_with_the_list() {
        assert_eq!(count(&[0], 0), 0);
        assert_eq!(count(&[100, 7], 107), 107);
        assert_eq!(count(&[100, 0], 200), 100, "deleted in between");
        assert_eq!(count(&[], 300), 300, "a KMS that always has another page");
    }
}
