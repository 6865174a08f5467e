//! Patterns with `*` (any run of characters, also an empty one) and `?` (one character).
//!
//! Most patterns are a fixed text or a fixed text before one `*`; those compare bytes. Any other pattern runs over the
//! subject as an automaton whose states are the positions of the subject, 64 in a word. A step takes one instruction per
//! word, whatever the pattern looks like, so no pattern backtracks.

use std::cell::OnceCell;

/// A pattern, classified when it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// `*`.
    Any,
    /// No wildcard.
    Exact(Box<str>),
    /// A fixed text before the only wildcard, a `*` at the end. The text is without the `*`.
    Prefix(Box<str>),
    /// Anything else.
    General(Box<str>),
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        let mut collapsed = String::with_capacity(text.len());
        for character in text.chars() {
            if character != '*' || !collapsed.ends_with('*') {
                collapsed.push(character);
            }
        }
        match collapsed.find(['*', '?']) {
            None => Self::Exact(collapsed.into()),
            Some(0) if collapsed == "*" => Self::Any,
            Some(at) if at + 1 == collapsed.len() && collapsed.ends_with('*') => {
                Self::Prefix(collapsed[..at].into())
            }
            Some(_) => Self::General(collapsed.into()),
        }
    }

    /// Whether the whole subject fits.
    pub(crate) fn matches(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(text) => text.len() == subject.text.len() && subject.starts_with(text),
            Self::Prefix(text) => subject.starts_with(text),
            Self::General(text) => fits_roughly(text, subject) && run(text, subject.positions(), false),
        }
    }

    /// Whether any text fits that is the subject and then a name. Names have no colon, so that a pattern for secrets does
    /// not touch keys.
    pub(crate) fn touches(&self, prefix: &Subject<'_>) -> bool {
        let goes_on = |text: &str| prefix.begins(text) && !text[prefix.text.len()..].contains(':');
        match self {
            Self::Any => true,
            Self::Exact(text) => goes_on(text),
            Self::Prefix(text) => prefix.starts_with(text) || goes_on(text),
            Self::General(text) => run(text, prefix.positions(), true),
        }
    }

    /// Whether every text that begins with the subject fits. Answers `false` where only an analysis of several wildcards
    /// could tell.
    pub(crate) fn covers(&self, prefix: &Subject<'_>) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(_) => false,
            Self::Prefix(text) => prefix.starts_with(text),
            Self::General(text) => text.ends_with('*') && self.matches(prefix),
        }
    }

    /// Whether the pattern consists of wildcards alone, so that it excludes next to nothing.
    pub(crate) fn is_only_wildcards(&self) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(_) | Self::Prefix(_) => false,
            Self::General(text) => text.bytes().all(|byte| matches!(byte, b'*' | b'?')),
        }
    }
}

/// A text that patterns are compared with. What the automaton needs of it is computed once, for the first pattern that
/// asks.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    text: &'a str,
    /// Patterns are in lower case, and the text may be in any.
    without_case: bool,
    positions: OnceCell<Positions>,
}

impl<'a> Subject<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, without_case: false, positions: OnceCell::new() }
    }

    /// For patterns in lower case; ASCII letters of the text match in either case.
    pub(crate) const fn without_case(text: &'a str) -> Self {
        Self { text, without_case: true, positions: OnceCell::new() }
    }

    fn starts_with(&self, prefix: &str) -> bool {
        self.text.as_bytes().get(..prefix.len()).is_some_and(|start| self.same(start, prefix.as_bytes()))
    }

    /// Whether `text` begins with the subject.
    fn begins(&self, text: &str) -> bool {
        text.as_bytes().get(..self.text.len()).is_some_and(|start| self.same(self.text.as_bytes(), start))
    }

    fn same(&self, left: &[u8], right: &[u8]) -> bool {
        if self.without_case { left.eq_ignore_ascii_case(right) } else { left == right }
    }

    fn positions(&self) -> &Positions {
        self.positions.get_or_init(|| Positions::of(self.text, self.without_case))
    }
}

/// What can be told without the automaton: the fixed text before the first wildcard, and the least number of characters.
fn fits_roughly(pattern: &str, subject: &Subject<'_>) -> bool {
    let head = pattern.find(['*', '?']).unwrap_or(pattern.len());
    subject.starts_with(&pattern[..head])
        && pattern.chars().filter(|character| *character != '*').count() <= subject.text.len()
}

/// For each byte that occurs in a text, the set of the positions where it does. Sets have `words` words of 64 positions;
/// position `length` is the end of the text.
#[derive(Debug)]
struct Positions {
    length: usize,
    words: usize,
    /// The row of a byte; row 0 is the empty set.
    row: [u8; 256],
    rows: Vec<u64>,
    /// All positions but the end.
    every: Vec<u64>,
    /// Positions inside a character, in UTF-8; empty if all characters are ASCII.
    inner: Vec<u64>,
}

impl Positions {
    fn of(text: &str, without_case: bool) -> Self {
        let words = text.len() / 64 + 1;
        let mut positions = Self {
            length: text.len(),
            words,
            row: [0; 256],
            rows: vec![0; words],
            every: vec![0; words],
            inner: if text.is_ascii() { Vec::new() } else { vec![0; words] },
        };
        for (at, byte) in text.bytes().enumerate() {
            let bit = 1 << (at % 64);
            let byte = if without_case { byte.to_ascii_lowercase() } else { byte };
            let row = positions.row_of(byte);
            positions.rows[row * words + at / 64] |= bit;
            positions.every[at / 64] |= bit;
            if byte & 0xC0 == 0x80 {
                positions.inner[at / 64] |= bit;
            }
        }
        positions
    }

    fn row_of(&mut self, byte: u8) -> usize {
        let row = &mut self.row[usize::from(byte)];
        if *row == 0 {
            // UTF-8 has fewer than 256 different bytes, so the number of the row fits.
            *row = (self.rows.len() / self.words) as u8;
            self.rows.resize(self.rows.len() + self.words, 0);
        }
        usize::from(*row)
    }

    fn of_byte(&self, byte: u8) -> &[u64] {
        let start = usize::from(self.row[usize::from(byte)]) * self.words;
        &self.rows[start..start + self.words]
    }
}

/// Runs the automaton of `pattern`. With `open`, a name may follow the subject.
fn run(pattern: &str, positions: &Positions, open: bool) -> bool {
    // The same steps, compiled for the lengths of names, where the words of a state stay in registers.
    match positions.words {
        1 => steps(pattern, positions, &mut [0; 1], open),
        2 => steps(pattern, positions, &mut [0; 2], open),
        3 => steps(pattern, positions, &mut [0; 3], open),
        4 => steps(pattern, positions, &mut [0; 4], open),
        5 => steps(pattern, positions, &mut [0; 5], open),
        words => steps(pattern, positions, &mut vec![0; words], open),
    }
}

/// The state is the set of positions that the pattern so far can reach.
#[inline(always)]
fn steps(pattern: &str, positions: &Positions, state: &mut [u64], open: bool) -> bool {
    let end = |state: &[u64]| state[positions.length / 64] >> (positions.length % 64) & 1 == 1;
    // What is left of the pattern has to fit a name, which has no colon.
    let open_from = if open { pattern.rfind(':').map_or(0, |colon| colon + 1) } else { usize::MAX };
    state[0] = 1;
    for (at, byte) in pattern.bytes().enumerate() {
        if at >= open_from && end(state) {
            return true;
        }
        let alive = match byte {
            b'*' => spread(state, &positions.inner),
            b'?' => advance(state, &positions.every) | leave_characters(state, positions),
            byte => advance(state, positions.of_byte(byte)),
        };
        if alive == 0 {
            return false;
        }
    }
    end(state)
}

/// Moves each position in `allowed` to the next one and drops the others. Returns zero if no position is left.
#[inline(always)]
fn advance(state: &mut [u64], allowed: &[u64]) -> u64 {
    let mut carry = 0;
    let mut alive = 0;
    for (word, allowed) in state.iter_mut().zip(allowed) {
        let moving = *word & allowed;
        *word = moving << 1 | carry;
        carry = moving >> 63;
        alive |= *word;
    }
    alive
}

/// Adds every position after the first one, but those inside a character. Positions beyond the end may be added too;
/// the next step drops them, and only the end itself is ever asked about.
#[inline(always)]
fn spread(state: &mut [u64], inner: &[u64]) -> u64 {
    let mut found = false;
    for (at, word) in state.iter_mut().enumerate() {
        *word = if found { !0 } else { *word | word.wrapping_neg() };
        found |= *word != 0;
        *word &= !inner.get(at).copied().unwrap_or(0);
    }
    1
}

/// Moves positions inside a character to its end. A character has at most three bytes after its first one.
#[inline(always)]
fn leave_characters(state: &mut [u64], positions: &Positions) -> u64 {
    if positions.inner.is_empty() {
        return 0;
    }
    for _ in 0..3 {
        let mut carry = 0;
        for (word, inner) in state.iter_mut().zip(&positions.inner) {
            let moving = *word & inner;
            *word = *word & !inner | moving << 1 | carry;
            carry = moving >> 63;
        }
    }
    state.iter().fold(0, |alive, word| alive | word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern).matches(&Subject::new(text))
    }

    /// The definition itself.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|from| naive(rest, &text[from..])),
            Some(('?', rest)) => !text.is_empty() && naive(rest, &text[1..]),
            Some((one, rest)) => text.first() == Some(one) && naive(rest, &text[1..]),
        }
    }

    /// All words of up to `length` letters.
    fn words(letters: &[char], length: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut from = 0;
        for _ in 0..length {
            let until = all.len();
            for at in from..until {
                for letter in letters {
                    all.push(format!("{}{letter}", all[at]));
                }
            }
            from = until;
        }
        all
    }

    #[test]
    fn every_short_pattern_matches_every_short_text_as_defined() {
        for pattern in words(&['a', '中', '*', '?'], 5) {
            let compiled = Pattern::new(&pattern);
            let characters: Vec<char> = pattern.chars().collect();
            for text in words(&['a', '中'], 4) {
                let expected = naive(&characters, &text.chars().collect::<Vec<_>>());
                assert_eq!(compiled.matches(&Subject::new(&text)), expected, "{pattern} on {text}");
            }
        }
    }

    #[test]
    fn a_pattern_touches_a_prefix_if_some_continuation_fits_and_covers_it_if_all_do() {
        let continuations = words(&['a', 'b'], 4);
        for pattern in words(&['a', 'b', '*', '?'], 4) {
            let compiled = Pattern::new(&pattern);
            for prefix in words(&['a', 'b'], 3) {
                let fits = |more: &String| matches(&pattern, &format!("{prefix}{more}"));
                let subject = Subject::new(&prefix);
                assert_eq!(compiled.touches(&subject), continuations.iter().any(fits), "{pattern} {prefix}");
                let all = continuations.iter().all(fits);
                assert!(!compiled.covers(&subject) || all, "{pattern} does not cover {prefix}");
                assert!(
                    compiled.covers(&subject) || !all || pattern.contains("?*") || pattern.contains("*?")
                );
            }
        }
    }

    #[test]
    fn a_pattern_for_another_kind_of_resource_does_not_touch_a_prefix() {
        let keys = Subject::new("acs:kms:r:1:key/");
        for pattern in
            ["acs:kms:*:*:secret/*", "acs:kms:r:1:alias*", "acs:kms:r:1:key", "acs:ram:*", "acs:*:secret/a"]
        {
            assert!(!Pattern::new(pattern).touches(&keys), "{pattern}");
        }
        for pattern in
            ["*", "acs:kms:*", "acs:kms:*:*:key/a", "acs:kms:r:1:key/a", "acs:*/a", "acs:kms:r:1:k?y/a?"]
        {
            assert!(Pattern::new(pattern).touches(&keys), "{pattern}");
        }
    }

    #[test]
    fn long_texts_cross_the_words_of_a_state() {
        for length in [62, 63, 64, 65, 127, 128, 255, 256, 257, 319, 320, 5000] {
            let text = "a".repeat(length);
            assert!(matches(&format!("*{}?", &text[1..]), &text), "{length}");
            assert!(matches("*?*a", &text), "{length}");
            assert!(!matches(&format!("?{text}*"), &text), "{length}");
            assert!(matches(&format!("{}*b", &text[1..]), &format!("{text}b")), "{length}");
        }
    }

    #[test]
    fn letters_match_in_either_case_only_if_that_is_asked_for() {
        assert!(!matches("Key*", "key/1"));
        for pattern in ["describe*", "*key", "describekey", "d?scr*y"] {
            assert!(Pattern::new(pattern).matches(&Subject::without_case("DescribeKEY")), "{pattern}");
        }
    }

    #[test]
    fn a_star_reaches_across_slashes_and_colons() {
        assert!(matches("acs:kms:*:*:key*", "acs:kms:cn-hangzhou:1:key/a:b/c"));
        assert!(matches("acs:ram:*:1:user/*", "acs:ram::1:user/bob"));
        assert!(!matches("acs:kms:*:*:key/?", "acs:kms:r:1:key/ab"));
    }
}
