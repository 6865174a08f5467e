//! Patterns with `*` (any run of characters, including an empty one) and `?` (one character).
//!
//! Most patterns are a fixed text, or a fixed text before a final `*`; they are matched by comparing bytes. Any other pattern
//! runs as an automaton whose states are sets of positions in the subject, 64 positions a word. Each byte of the pattern takes
//! a few instructions per word for any pattern, so no pattern backtracks.

use std::cell::OnceCell;
use std::fmt;
use std::ops::Range;

/// A pattern, classified when it is parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// `*`.
    Any,
    /// No wildcard.
    Exact(Box<str>),
    /// A fixed text before the only wildcard, a final `*`. The text excludes the `*`.
    Prefix(Box<str>),
    /// Any other pattern.
    General(Box<General>),
}

/// A pattern with wildcards elsewhere than at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct General {
    text: Box<str>,
    /// The range from the first to the last wildcard, between the fixed texts at both ends.
    core: Range<usize>,
    /// The minimum number of characters of a text that matches.
    least: usize,
}

impl fmt::Display for Pattern {
    /// Writes the pattern as policies spell it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => formatter.write_str("*"),
            Self::Exact(text) => formatter.write_str(text),
            Self::Prefix(text) => write!(formatter, "{text}*"),
            Self::General(general) => formatter.write_str(&general.text),
        }
    }
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        let mut collapsed = text.to_owned();
        if collapsed.contains("**") {
            let mut last = None;
            collapsed.retain(|character| last.replace(character) != Some('*') || character != '*');
        }
        match collapsed.find(WILDCARDS) {
            None => Self::Exact(collapsed.into()),
            Some(0) if collapsed == "*" => Self::Any,
            Some(at) if at + 1 == collapsed.len() && collapsed.ends_with('*') => {
                Self::Prefix(collapsed[..at].into())
            }
            Some(first) => {
                let last = collapsed.rfind(WILDCARDS).unwrap_or(first);
                let stars = collapsed.bytes().filter(|byte| *byte == b'*').count();
                let least = collapsed.chars().count() - stars;
                Self::General(Box::new(General { text: collapsed.into(), core: first..last + 1, least }))
            }
        }
    }

    /// Whether the pattern matches the whole subject.
    pub(crate) fn matches(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(text) => text.len() == subject.text.len() && subject.starts_with(text),
            Self::Prefix(text) => subject.starts_with(text),
            Self::General(general) => general.matches(subject),
        }
    }

    /// Whether the pattern matches any text that consists of the subject and a name. Names have no colon, so a pattern for
    /// secrets does not touch keys.
    pub(crate) fn touches(&self, prefix: &Subject<'_>) -> bool {
        let begins_in_segment = |text: &str| prefix.begins(text) && !text[prefix.text.len()..].contains(':');
        match self {
            Self::Any => true,
            Self::Exact(text) => begins_in_segment(text),
            Self::Prefix(text) => prefix.starts_with(text) || begins_in_segment(text),
            Self::General(general) => {
                // The rest of the pattern has to match a name, which has no colon.
                let open_from = general.text.rfind(':').map_or(0, |colon| colon + 1);
                run(&general.text, prefix.positions(), 0..prefix.text.len(), open_from)
            }
        }
    }

    /// Whether the pattern matches every text that begins with the subject. Returns `false` where only an analysis of several
    /// wildcards could prove it.
    pub(crate) fn covers(&self, prefix: &Subject<'_>) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(_) => false,
            Self::Prefix(text) => prefix.starts_with(text),
            Self::General(general) => general.text.ends_with('*') && general.matches(prefix),
        }
    }

    /// Whether the pattern consists of wildcards alone, so that it excludes almost no text.
    pub(crate) fn is_only_wildcards(&self) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(_) | Self::Prefix(_) => false,
            Self::General(general) => general.text.chars().all(|character| WILDCARDS.contains(&character)),
        }
    }
}

impl General {
    /// Compares the fixed texts at both ends, which rules out most subjects, then runs the automaton between them.
    fn matches(&self, subject: &Subject<'_>) -> bool {
        let head = &self.text[..self.core.start];
        let tail = &self.text[self.core.end..];
        let length = subject.text.len();
        self.least <= length
            && head.len() + tail.len() <= length
            && subject.starts_with(head)
            && subject.ends_with(tail)
            && run(
                &self.text[self.core.clone()],
                subject.positions(),
                head.len()..length - tail.len(),
                usize::MAX,
            )
    }
}

const WILDCARDS: [char; 2] = ['*', '?'];
/// Maximum length in bytes of a text that is compared with patterns of the general kind. All names are shorter.
const LONGEST: usize = 512;

/// A text to compare with patterns. What the automaton needs is computed once, when the first pattern needs it.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    text: &'a str,
    /// Whether ASCII letters of text and patterns match in either case.
    without_case: bool,
    positions: OnceCell<Box<Positions>>,
}

impl<'a> Subject<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, without_case: false, positions: OnceCell::new() }
    }

    /// Creates a subject whose ASCII letters match in either case.
    pub(crate) const fn without_case(text: &'a str) -> Self {
        Self { text, without_case: true, positions: OnceCell::new() }
    }

    /// Whether the text is too long to be compared with patterns: callers choose texts freely, up to hundreds of KiB, and their
    /// policies can hold as many bytes of patterns.
    pub(crate) const fn is_too_long(&self) -> bool {
        self.text.len() > LONGEST
    }

    /// Whether this subject was made of the same text at the same address.
    pub(crate) fn is(&self, text: &str) -> bool {
        std::ptr::eq(self.text, text)
    }

    fn starts_with(&self, prefix: &str) -> bool {
        self.text.as_bytes().get(..prefix.len()).is_some_and(|start| self.same(start, prefix.as_bytes()))
    }

    fn ends_with(&self, suffix: &str) -> bool {
        let start = self.text.len().checked_sub(suffix.len());
        start.is_some_and(|start| self.same(&self.text.as_bytes()[start..], suffix.as_bytes()))
    }

    /// Whether `text` begins with the subject.
    fn begins(&self, text: &str) -> bool {
        text.as_bytes().get(..self.text.len()).is_some_and(|start| self.same(self.text.as_bytes(), start))
    }

    fn same(&self, left: &[u8], right: &[u8]) -> bool {
        if self.without_case { left.eq_ignore_ascii_case(right) } else { left == right }
    }

    fn positions(&self) -> &Positions {
        self.positions.get_or_init(|| Box::new(Positions::of(self.text, self.without_case)))
    }
}

/// For each byte that occurs in a text, the set of positions where it occurs. A set has `words` words of 64 positions each;
/// position `length` is the end of the text.
#[derive(Debug)]
struct Positions {
    words: usize,
    /// The index of the row of a byte; row 0 is the empty set.
    row: [u8; 256],
    rows: Vec<u64>,
    /// All positions except the end.
    every: Vec<u64>,
    /// Positions of UTF-8 continuation bytes; empty if all characters are ASCII.
    inner: Vec<u64>,
}

impl Positions {
    fn of(text: &str, without_case: bool) -> Self {
        let words = text.len() / 64 + 1;
        let mut rows = Vec::with_capacity(32 * words);
        rows.resize(words, 0);
        let mut positions = Self {
            words,
            row: [0; 256],
            rows,
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
        if without_case {
            for letter in b'a'..=b'z' {
                positions.row[usize::from(letter.to_ascii_uppercase())] = positions.row[usize::from(letter)];
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

    /// Returns the set of a byte. `words` is the number of words of a set, passed where the compiler knows it.
    #[inline(always)]
    fn of_byte(&self, byte: u8, words: usize) -> &[u64] {
        let start = usize::from(self.row[usize::from(byte)]) * words;
        &self.rows[start..start + words]
    }
}

/// Runs the automaton of `pattern` over `part` of the text. From byte `open_from` of the pattern on, reaching the end of the part
/// is a match, because text after it may match the rest.
fn run(pattern: &str, positions: &Positions, part: Range<usize>, open_from: usize) -> bool {
    let run = Run { pattern: pattern.as_bytes(), positions, part, open_from };
    // The same steps, specialized for the lengths of names, so that the words of a state stay in registers.
    match positions.words {
        1 => run.steps(&mut [0; 1]),
        2 => run.steps(&mut [0; 2]),
        3 => run.steps(&mut [0; 3]),
        4 => run.steps(&mut [0; 4]),
        5 => run.steps(&mut [0; 5]),
        words => run.steps(&mut vec![0; words]),
    }
}

struct Run<'a> {
    pattern: &'a [u8],
    positions: &'a Positions,
    part: Range<usize>,
    open_from: usize,
}

impl Run<'_> {
    /// Returns whether the pattern matches. The state is the set of positions that the pattern so far can reach.
    #[inline(always)]
    fn steps(&self, state: &mut [u64]) -> bool {
        let words = state.len();
        let Range { start, end } = self.part;
        let at_end = |state: &[u64]| state[end / 64] >> (end % 64) & 1 == 1;
        state[start / 64] = 1 << (start % 64);
        for (at, byte) in self.pattern.iter().enumerate() {
            if at >= self.open_from && at_end(state) {
                return true;
            }
            let alive = match byte {
                b'*' => spread(state, &self.positions.inner),
                b'?' => {
                    let alive = advance(state, &self.positions.every[..words]);
                    leave_characters(state, &self.positions.inner, alive)
                }
                byte => advance(state, self.positions.of_byte(*byte, words)),
            };
            if alive == 0 {
                return false;
            }
        }
        at_end(state)
    }
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

/// Adds every position after the first one, except those inside a character. May add positions beyond the end too; the next
/// step drops them, and the result reads only the end itself.
#[inline(always)]
fn spread(state: &mut [u64], inner: &[u64]) -> u64 {
    let mut filling = 0;
    for word in state.iter_mut() {
        let lowest_and_up = *word | word.wrapping_neg();
        *word = lowest_and_up | filling;
        filling = if *word == 0 { 0 } else { !0 };
    }
    for (word, inner) in state.iter_mut().zip(inner) {
        *word &= !inner;
    }
    1
}

/// Moves positions inside a character to its end. A character has at most three continuation bytes.
#[inline(always)]
fn leave_characters(state: &mut [u64], inner: &[u64], alive: u64) -> u64 {
    if inner.is_empty() {
        return alive;
    }
    for _ in 0..3 {
        let mut carry = 0;
        for (word, inner) in state.iter_mut().zip(inner) {
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

    /// Matches by the definition.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|from| naive(rest, &text[from..])),
            Some(('?', rest)) => !text.is_empty() && naive(rest, &text[1..]),
            Some((one, rest)) => text.first() == Some(one) && naive(rest, &text[1..]),
        }
    }

    /// Returns all words of up to `length` letters.
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
    fn letters_match_in_either_case_only_if_requested() {
        assert!(!matches("Key*", "key/1"));
        for pattern in ["describe*", "*key", "describekey", "d?scr*y", "D*", "*BEK?y", "DescribeKey"] {
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
