//! Lists that come in pages.

use crate::failure::Failure;

/// How many entries a page holds; the most that the API gives.
pub(super) const PAGE_SIZE: u32 = 100;

/// Asks for page after page, each with the total of entries, and hands over every entry.
pub(super) fn for_each<T>(
    ask: impl Fn(u32) -> Result<(Vec<T>, u64), Failure>,
    mut each: impl FnMut(T) -> Result<(), Failure>,
) -> Result<(), Failure> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn count(pages: &[usize], total: u64) -> u64 {
        let mut count = 0;
        let ask = |number: u32| Ok((vec![(); pages.get(number as usize - 1).copied().unwrap_or(100)], total));
        for_each(ask, |()| {
            count += 1;
            Ok(())
        })
        .unwrap();
        count
    }

    #[test]
    fn pages_end_with_the_list() {
        assert_eq!(count(&[0], 0), 0);
        assert_eq!(count(&[100, 7], 107), 107);
        assert_eq!(count(&[100, 0], 200), 100, "deleted in between");
        assert_eq!(count(&[], 300), 300, "a KMS that always has another page");
    }
}
