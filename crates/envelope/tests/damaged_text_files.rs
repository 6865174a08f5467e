//! Text files that were truncated, edited or replaced do not open to anything but their own plaintext.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use bulla_envelope::DataKey;
use bulla_envelope::text_format::{LineFlaw, OpenError, Reader, seal};

const PLAIN: &[u8] = b"id,amount\r\n1,7\n\0\xff";
const BLOB: &str = "bm90IGEgcmVhbCBibG9iIGF0IGFsbA==";

#[test]
fn a_cut_at_any_byte_is_refused() {
    let (key, sealed) = sealed(PLAIN);
    let whole = sealed.len() - 1; // only the last newline may be missing
    for length in 0..whole {
        for result in open_both_ways(&sealed[..length], &key) {
            let line = sealed[..length].iter().filter(|&&byte| byte == b'\n').count() as u8 + 1;
            let found = match result.unwrap_err() {
                OpenError::Truncated { line } => line,
                error => panic!("cut to {length}: {error}"),
            };
            // A line that only lacks its newline is complete; the next line is the missing one.
            assert!(found == line || (sealed[length] == b'\n' && found == line + 1), "cut to {length}");
        }
    }
    assert_opens(&sealed[..whole], &key);
    assert_opens(&sealed, &key);
}

/// A flipped bit in line 1 yields another wrapped key, which the KMS refuses; the reader refuses all other flips.
#[test]
fn every_flipped_bit_is_refused() {
    let (key, sealed) = sealed(PLAIN);
    for bit in 0..sealed.len() * 8 {
        let mut flipped = sealed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let is_refused = open_both_ways(&flipped, &key).iter().all(Result::is_err);
        let is_another_blob = bit / 8 < BLOB.len()
            && Reader::new(&*flipped).is_ok_and(|reader| reader.ciphertext_blob() != BLOB);
        assert!(is_refused || is_another_blob, "bit {bit}");
    }
}

#[test]
fn an_inserted_or_deleted_byte_changes_nothing_or_is_refused() {
    let (key, sealed) = sealed(PLAIN);
    for at in BLOB.len()..=sealed.len() {
        for byte in [b' ', b'\t', b'\r', b'\n', b'=', b'A', b'\0', 0x0b, 0xa0] {
            let mut longer = sealed.clone();
            longer.insert(at, byte);
            for plain in open_both_ways(&longer, &key).into_iter().flatten() {
                assert_eq!(plain, PLAIN, "{byte:#x} at {at}");
            }
        }
        let mut shorter = sealed.clone();
        if at < sealed.len() - 1 {
            shorter.remove(at);
            assert!(open_both_ways(&shorter, &key).iter().all(Result::is_err), "without {at}");
        }
    }
}

#[test]
fn ends_of_lines_are_forgiven() {
    let (key, sealed) = sealed(PLAIN);
    let text = String::from_utf8(sealed).unwrap();
    for forgiven in [
        text.replace('\n', "\r\n"),
        text.trim_end().replace('\n', "\r\n"),
        text.replace('\n', " \t \r\n"),
        format!("{}  ", text.trim_end()),
        format!("{text}\n \r\n\n"),
        text.replace('\n', &format!("{}\n", " ".repeat(10_000))),
    ] {
        assert_opens(forgiven.as_bytes(), &key);
    }
    let many_blanks = text.replacen("\n", &format!("{}\n", " ".repeat(20_000)), 1);
    assert!(Reader::new(many_blanks.as_bytes()).is_err());
}

#[test]
fn blanks_after_the_ciphertext_may_be_longer_than_a_chunk() {
    let (key, sealed) = sealed(PLAIN);
    let text = String::from_utf8(sealed).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let blanks = " ".repeat(5 << 20);
    let [blob, nonce, ciphertext, tag] = lines[..] else { panic!("{lines:?}") };
    assert_opens(format!("{blob}\n{nonce}\n{ciphertext}{blanks}\n{tag}\n{blanks}").as_bytes(), &key);
    let inner = format!("{blob}\n{nonce}\n{ciphertext}{blanks}AAAA\n{tag}\n");
    for result in open_both_ways(inner.as_bytes(), &key) {
        assert_damaged(result, 3, LineFlaw::NotBase64);
    }
}

#[test]
fn damage_is_named() {
    let (key, sealed) = sealed(b"four");
    let text = String::from_utf8(sealed).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let with = |number: usize, line: &str| {
        let mut lines = lines.clone();
        lines[number - 1] = line;
        lines.join("\n") + "\n"
    };
    let not_16 = LineFlaw::Length { bytes: 15, expected: 16 };
    for (number, line, flaw) in [
        (2, "AAAAAAAAAAAAAAAAAAAA", not_16),
        (2, "", LineFlaw::Length { bytes: 0, expected: 16 }),
        (2, "AAAAAAAAAAAAAAAAAAAAAAA_==", LineFlaw::NotBase64),
        (2, "AAAAAAAAAAAAAAAAAAAAAB==", LineFlaw::NotBase64), // a padding bit is set
        (2, " AAAAAAAAAAAAAAAAAAAAA==", LineFlaw::NotBase64),
        (3, "AA AAA==", LineFlaw::NotBase64),
        (3, "AAAAAB==", LineFlaw::NotBase64),
        (3, "AAAAAA=", LineFlaw::NotBase64),
        (3, "AA==AA==", LineFlaw::NotBase64),
        (3, "AAAA-A==", LineFlaw::NotBase64),
        (4, "AAAAAAAAAAAAAAAAAAAA", not_16),
        (4, "AAAAAAAAAAAAAAAAAAAAAB==", LineFlaw::NotBase64),
    ] {
        for result in open_both_ways(with(number, line).as_bytes(), &key) {
            assert_damaged(result, number as u8, flaw);
        }
    }
    for result in open_both_ways(format!("{text}more\n").as_bytes(), &key) {
        assert_damaged(result, 5, LineFlaw::Surplus);
    }
    for (start, flaw) in [
        ("id,amount\n", LineFlaw::NotBase64),
        ("\n", LineFlaw::Empty),
        ("AAA\n", LineFlaw::NotBase64),
        ("\u{feff}AAAA\n", LineFlaw::NotBase64),
        (&"A".repeat(1 << 20), LineFlaw::TooLong { limit: 16_384 }),
    ] {
        let error = Reader::new(start.as_bytes()).err().unwrap();
        assert!(matches!(error, OpenError::NotTextFormat(found) if found == flaw), "{start:.9}: {error}");
    }
}

#[test]
fn another_key_or_tag_is_refused_before_a_byte_is_released() {
    let (key, sealed) = sealed(PLAIN);
    let (_, other) = self::sealed(PLAIN);
    let other_tag = [&sealed[..sealed.len() - 25], &other[other.len() - 25..]].concat();
    for (input, key) in [(&sealed, &DataKey::random()), (&other_tag, &key)] {
        for result in open_both_ways(input, key) {
            assert!(matches!(result, Err(OpenError::Tampered)));
        }
        let mut out = Vec::new();
        Reader::new(Cursor::new(input)).unwrap().open_verified(key, &mut out).unwrap_err();
        assert!(out.is_empty());
    }
}

#[test]
fn an_input_that_changes_between_the_passes_releases_only_what_was_verified() {
    const LENGTH: usize = 5 << 20;
    let plain: Vec<u8> = (0..LENGTH).map(|i| (i / 3) as u8).collect();
    let (key, sealed) = sealed(&plain);
    let changes: [fn(&mut Vec<u8>); 6] = [
        |file| file.truncate(file.len() / 2),
        Vec::clear,
        |file| file[3 << 20] = b'\n',
        |file| file[LENGTH / 3 * 4] ^= 2,
        |file| file.fill(b'A'),
        |file| {
            // Swaps two chunks.
            let start = BLOB.len() + 1 + 25;
            let (first, second) = file[start..].split_at_mut(1 << 20);
            first.swap_with_slice(&mut second[..1 << 20]);
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut out = Vec::new();
        let input = ChangesOnRewind { file: Cursor::new(sealed.clone()), change };
        let error = Reader::new(input).unwrap().open_verified(&key, &mut out).unwrap_err();
        assert!(matches!(error, OpenError::Changed), "change {number}: {error}");
        assert!(plain.starts_with(&out) && out.len() < plain.len(), "change {number}");
    }
    let input = ChangesOnRewind { file: Cursor::new(sealed), change: |file| file.extend(b"more") };
    let opened = Reader::new(input).unwrap().open_verified(&key, Vec::new()).unwrap();
    assert!(opened.out == plain);
}

/// A file that another process changes just before the second pass.
struct ChangesOnRewind {
    file: Cursor<Vec<u8>>,
    change: fn(&mut Vec<u8>),
}

impl Read for ChangesOnRewind {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Seek for ChangesOnRewind {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        if matches!(to, SeekFrom::Start(_)) {
            (self.change)(self.file.get_mut());
        }
        self.file.seek(to)
    }
}

#[test]
fn the_text_may_begin_anywhere_in_a_file() {
    let (key, sealed) = sealed(PLAIN);
    let mut file = Cursor::new([b"something before\n", &*sealed].concat());
    file.set_position(17);
    let opened = Reader::new(file).unwrap().open_verified(&key, Vec::new()).unwrap();
    assert_eq!(opened.out, PLAIN);
}

fn sealed(plain: &[u8]) -> (DataKey, Vec<u8>) {
    let key = DataKey::random();
    let mut sealed = Vec::new();
    seal(plain, &mut sealed, &key, BLOB).unwrap();
    (key, sealed)
}

fn open_both_ways(sealed: &[u8], key: &DataKey) -> [Result<Vec<u8>, OpenError>; 2] {
    [
        Reader::new(sealed).and_then(|reader| reader.open_into_discardable(key, Vec::new())),
        Reader::new(Cursor::new(sealed)).and_then(|reader| reader.open_verified(key, Vec::new())),
    ]
    .map(|result| result.map(|opened| opened.out))
}

fn assert_opens(sealed: &[u8], key: &DataKey) {
    for result in open_both_ways(sealed, key) {
        assert_eq!(result.unwrap(), PLAIN);
    }
}

fn assert_damaged(result: Result<Vec<u8>, OpenError>, number: u8, expected: LineFlaw) {
    let error = result.unwrap_err();
    assert!(
        matches!(error, OpenError::Damaged { line, flaw } if line == number && flaw == expected),
        "{error}, not line {number}: {expected:?}"
    );
}
