//! Ordered sets whose entries can be found by rank, so that the cost of a page depends on the page, not on where it begins.
//!
//! A persistent B+ tree with counts: clones share all nodes but the changed ones, like the maps of the snapshot, and every
//! operation takes logarithmic time.

use std::mem;
use std::ops::Range;
use std::sync::Arc;

/// An ordered set.
#[derive(Clone)]
pub(crate) struct Ranked<T>(Arc<Node<T>>);

/// The concatenated lists of the parts `P`: the entries of a part have consecutive ranks.
pub(crate) type Index<P, K> = Ranked<(P, K)>;

#[derive(Clone)]
enum Node<T> {
    /// Sorted.
    Leaf(Vec<T>),
    /// Sorted; none is empty.
    Inner(Vec<Branch<T>>),
}

#[derive(Clone)]
struct Branch<T> {
    first: T,
    len: usize,
    node: Arc<Node<T>>,
}

impl<T: Ord + Clone> Ranked<T> {
    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the entry with this rank, from 0.
    pub(crate) fn get(&self, mut rank: usize) -> Option<&T> {
        let mut node = &*self.0;
        loop {
            #[cfg(test)]
            VISITS.set(VISITS.get() + 1);
            match node {
                Node::Leaf(entries) => return entries.get(rank),
                Node::Inner(branches) => {
                    let branch = branches.iter().find(|branch| {
                        let is_here = rank < branch.len;
                        rank -= if is_here { 0 } else { branch.len };
                        is_here
                    });
                    node = &branch?.node;
                }
            }
        }
    }

    /// Returns the entries from a rank on. Costs less than finding each by its rank.
    pub(crate) fn from(&self, mut rank: usize) -> impl Iterator<Item = &T> {
        let mut leaf = [].iter();
        std::iter::from_fn(move || {
            if leaf.len() == 0 {
                leaf = self.leaf(rank).iter();
                rank += leaf.len();
            }
            leaf.next()
        })
    }

    /// Returns the entries from a rank to the end of its leaf; none beyond the last one.
    fn leaf(&self, mut rank: usize) -> &[T] {
        let mut node = &*self.0;
        loop {
            match node {
                Node::Leaf(entries) => return entries.get(rank..).unwrap_or_default(),
                Node::Inner(branches) => {
                    let found = branches.iter().find(|branch| {
                        let is_here = rank < branch.len;
                        rank -= if is_here { 0 } else { branch.len };
                        is_here
                    });
                    let Some(branch) = found else { return &[] };
                    node = &branch.node;
                }
            }
        }
    }

    /// Returns the number of leading entries for which `is_before` returns true. It must return false for all entries after
    /// one for which it returns false.
    pub(crate) fn partition_point(&self, is_before: impl Fn(&T) -> bool) -> usize {
        let mut node = &*self.0;
        let mut rank = 0;
        loop {
            #[cfg(test)]
            VISITS.set(VISITS.get() + 1);
            match node {
                Node::Leaf(entries) => return rank + entries.partition_point(is_before),
                Node::Inner(branches) => {
                    // The boundary is in the last branch that begins before it.
                    let after = branches.partition_point(|branch| is_before(&branch.first));
                    let Some(at) = after.checked_sub(1) else { return rank };
                    rank += branches[..at].iter().map(|branch| branch.len).sum::<usize>();
                    node = &branches[at].node;
                }
            }
        }
    }

    /// Adds an entry, unless it exists.
    pub(crate) fn insert(&mut self, entry: T) {
        if let Some(right) = Node::insert(&mut self.0, entry) {
            let left = mem::take(&mut self.0);
            self.0 = Arc::new(Node::Inner([left, right].into_iter().filter_map(Branch::new).collect()));
        }
    }

    /// Removes an entry, if it exists.
    pub(crate) fn remove(&mut self, entry: &T) {
        Node::remove(&mut self.0, entry);
        while let Node::Inner(branches) = &*self.0 {
            match &branches[..] {
                [] => self.0 = Arc::default(),
                [only] => self.0 = Arc::clone(&only.node),
                _ => break,
            }
        }
    }
}

impl<P: Ord + Clone, K: Ord + Clone> Index<P, K> {
    /// Returns the ranks of a part.
    pub(crate) fn part(&self, part: &P) -> Range<usize> {
        self.partition_point(|(of, _)| of < part)..self.partition_point(|(of, _)| of <= part)
    }

    /// Returns the rank of the first entry of a part that is not less than `key`.
    pub(crate) fn rank(&self, part: &P, key: &K) -> usize {
        self.partition_point(|(of, other)| (of, other) < (part, key))
    }

    /// Returns the entries with these ranks.
    pub(crate) fn keys(&self, ranks: Range<usize>) -> impl DoubleEndedIterator<Item = &K> {
        ranks.filter_map(|rank| self.get(rank)).map(|(_, key)| key)
    }
}

impl<T> Default for Ranked<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self::Leaf(vec![])
    }
}

impl<T: Ord + Clone> Node<T> {
    fn len(&self) -> usize {
        match self {
            Self::Leaf(entries) => entries.len(),
            Self::Inner(branches) => branches.iter().map(|branch| branch.len).sum(),
        }
    }

    fn first(&self) -> Option<&T> {
        match self {
            Self::Leaf(entries) => entries.first(),
            Self::Inner(branches) => branches.first().map(|branch| &branch.first),
        }
    }

    /// The number of entries of a leaf, or of branches.
    fn width(&self) -> usize {
        match self {
            Self::Leaf(entries) => entries.len(),
            Self::Inner(branches) => branches.len(),
        }
    }

    /// Adds an entry. Returns the right half of the node if it became too wide.
    fn insert(node: &mut Arc<Self>, entry: T) -> Option<Arc<Self>> {
        match Arc::make_mut(node) {
            Self::Leaf(entries) => {
                let at = entries.binary_search(&entry).err()?;
                insert_into_leaf(entries, at, entry).map(|right| Arc::new(Self::Leaf(right)))
            }
            Self::Inner(branches) => {
                let at = branches.partition_point(|branch| branch.first <= entry).saturating_sub(1);
                let right = Self::insert(&mut branches[at].node, entry);
                branches[at].refresh();
                branches.insert(at + 1, right.and_then(Branch::new)?);
                let too_wide = branches.len() > MAX_WIDTH;
                too_wide.then(|| Arc::new(Self::Inner(branches.split_off(branches.len() / 2))))
            }
        }
    }

    fn remove(node: &mut Arc<Self>, entry: &T) {
        match Arc::make_mut(node) {
            Self::Leaf(entries) => {
                if let Ok(at) = entries.binary_search(entry) {
                    entries.remove(at);
                }
            }
            Self::Inner(branches) => {
                let after = branches.partition_point(|branch| branch.first <= *entry);
                let Some(at) = after.checked_sub(1) else { return };
                Self::remove(&mut branches[at].node, entry);
                branches[at].refresh();
                if branches[at].node.width() < MIN_WIDTH {
                    widen(branches, at);
                }
            }
        }
    }

    /// Appends the right neighbour, a node of the same height.
    fn append(&mut self, right: Self) {
        match (self, right) {
            (Self::Leaf(left), Self::Leaf(right)) => left.extend(right),
            (Self::Inner(left), Self::Inner(right)) => left.extend(right),
            _ => unreachable!("all leaves are equally deep"),
        }
    }

    /// Keeps the left half of a node that is too wide, and returns the right half.
    fn split(&mut self) -> Option<Self> {
        let width = self.width();
        (width > MAX_WIDTH).then(|| match self {
            Self::Leaf(entries) => Self::Leaf(entries.split_off(width / 2)),
            Self::Inner(branches) => Self::Inner(branches.split_off(width / 2)),
        })
    }
}

impl<T: Ord + Clone> Branch<T> {
    /// Returns none for an empty node.
    fn new(node: Arc<Node<T>>) -> Option<Self> {
        Some(Self { first: node.first()?.clone(), len: node.len(), node })
    }

    /// Updates the branch after its node has changed.
    fn refresh(&mut self) {
        self.len = self.node.len();
        if let Some(first) = self.node.first().filter(|first| **first != self.first) {
            self.first = first.clone();
        }
    }
}

/// Adds an entry at `at`. Returns the right part of a leaf that was full. A leaf that is filled in order remains full.
fn insert_into_leaf<T>(entries: &mut Vec<T>, at: usize, entry: T) -> Option<Vec<T>> {
    if entries.len() < MAX_WIDTH {
        entries.insert(at, entry);
        return None;
    }
    let border = if at == entries.len() { at } else { entries.len() / 2 };
    let mut right = Vec::with_capacity(MAX_WIDTH);
    right.extend(entries.drain(border..));
    match at.checked_sub(border) {
        Some(at) => right.insert(at, entry),
        None => entries.insert(at, entry),
    }
    Some(right)
}

/// Joins a branch that became narrow with a neighbour, and splits both again if the result is too wide.
fn widen<T: Ord + Clone>(branches: &mut Vec<Branch<T>>, at: usize) {
    if branches.len() > 1 {
        let left = at.min(branches.len() - 2);
        let right = Arc::unwrap_or_clone(branches.remove(left + 1).node);
        let joined = Arc::make_mut(&mut branches[left].node);
        joined.append(right);
        let right = joined.split().and_then(|right| Branch::new(Arc::new(right)));
        branches.splice(left + 1..left + 1, right);
        branches[left].refresh();
    }
    branches.retain(|branch| branch.len > 0);
}

/// Maximum entries of a leaf, or branches of a node. Wide nodes take less memory, narrow ones are copied faster.
const MAX_WIDTH: usize = 48;
/// A narrower node is joined with a neighbour.
const MIN_WIDTH: usize = MAX_WIDTH / 3;

#[cfg(test)]
thread_local! {
    /// The number of visited nodes and rows, which is the cost of a list.
    pub(crate) static VISITS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bulla_keys::{Random, SystemRandom};

    use super::*;

    fn random(below: usize) -> usize {
        let mut bytes = [0; 8];
        SystemRandom.fill(&mut bytes);
        (u64::from_be_bytes(bytes) % below as u64) as usize
    }

    /// Compares the set with its entries, and checks the invariants of every node.
    fn check(ranked: &Ranked<usize>, model: &BTreeSet<usize>) {
        fn depth<T: Ord + Clone>(node: &Node<T>, is_root: bool) -> usize {
            assert!(node.width() <= MAX_WIDTH);
            assert!(is_root || node.width() >= 1);
            match node {
                Node::Leaf(_) => 0,
                Node::Inner(branches) => {
                    let depths: BTreeSet<_> = branches
                        .iter()
                        .map(|branch| {
                            assert_eq!(branch.len, branch.node.len());
                            assert!(branch.node.first() == Some(&branch.first));
                            depth(&branch.node, false)
                        })
                        .collect();
                    assert_eq!(depths.len(), 1);
                    depths.into_iter().next().unwrap() + 1
                }
            }
        }
        assert!(depth(&ranked.0, true) <= 4);
        assert_eq!(ranked.len(), model.len());
        assert!((0..ranked.len()).map(|rank| *ranked.get(rank).unwrap()).eq(model.iter().copied()));
        assert_eq!(ranked.get(ranked.len()), None);
    }

    #[test]
    fn it_equals_a_sorted_set_after_any_changes() {
        for range in [10, 100, 3_000, 100_000] {
            let (mut ranked, mut model) = (Ranked::default(), BTreeSet::new());
            let mut earlier = Vec::new();
            for step in 0..6_000 {
                let entry = random(range);
                // Grows at first and shrinks at the end.
                if random(6_000) > step {
                    ranked.insert(entry);
                    model.insert(entry);
                } else {
                    let entry = model.range(entry..).next().copied().unwrap_or(entry);
                    ranked.remove(&entry);
                    model.remove(&entry);
                }
                let border = random(range);
                assert_eq!(ranked.partition_point(|entry| *entry < border), model.range(..border).count());
                if step % 1_000 == 0 {
                    let rank = model.range(..border).count();
                    assert!(ranked.from(rank).eq(model.range(border..)));
                    earlier.push((ranked.clone(), model.clone()));
                }
            }
            check(&ranked, &model);
            for entry in model.iter().copied().collect::<Vec<_>>() {
                ranked.remove(&entry);
            }
            check(&ranked, &BTreeSet::new());
            for (ranked, model) in earlier {
                check(&ranked, &model); // later changes did not affect it
            }
        }
    }

    #[test]
    fn filled_in_order_it_stays_full() {
        let mut ranked = Ranked::default();
        (0..10_000).for_each(|entry| ranked.insert(entry));
        check(&ranked, &(0..10_000).collect());
        fn leaves<T>(node: &Node<T>) -> usize {
            match node {
                Node::Leaf(_) => 1,
                Node::Inner(branches) => branches.iter().map(|branch| leaves(&branch.node)).sum(),
            }
        }
        assert_eq!(leaves(&ranked.0), 10_000_usize.div_ceil(MAX_WIDTH));
        (0..10_000).rev().filter(|entry| entry % 100 != 0).for_each(|entry| ranked.remove(&entry));
        check(&ranked, &(0..10_000).step_by(100).collect());
    }

    #[test]
    fn parts_follow_each_other() {
        let mut index = Index::default();
        for (part, key) in [("b", 3), ("a", 5), ("b", 1), ("a", 2), ("d", 0)] {
            index.insert((part, key));
        }
        let of = |part| index.keys(index.part(&part)).copied().collect::<Vec<_>>();
        assert_eq!((of("a"), of("b"), of("c"), of("d")), (vec![2, 5], vec![1, 3], vec![], vec![0]));
        assert_eq!((index.rank(&"b", &2), index.rank(&"c", &9)), (3, 4));
    }
}
