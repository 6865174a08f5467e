//! The head of a request as bytes: finds its end, checks its limits, and removes its query.
//!
//! hyper's type for addresses holds 64 KiB, and hyper answers a longer head without a body. So the server checks the
//! limits of a head before hyper gets it, and moves the query into memory that is wiped.

use memchr::memchr;
use zeroize::Zeroizing;

use super::Refused;
use crate::limits::{HEADER_BYTES, HEADERS, PATH_BYTES, REQUEST_LINE_BYTES};

/// The progress of scanning a head, so that each byte is scanned once, even if the head arrives byte by byte.
#[derive(Default)]
pub(super) struct Scan {
    /// The length of the request line with its line end, once it is known.
    line: Option<usize>,
    headers: usize,
    /// The start of the first incomplete line.
    begin: usize,
    /// The position from which to continue; there is no line end between `begin` and here.
    seen: usize,
}

/// The lengths of a complete head.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// The length of the request line with its line end.
    line: usize,
    /// The length of the head with the empty line that ends it.
    pub(super) end: usize,
}

impl Scan {
    /// Finds the end of the head at the start of `bytes`, which extend those of the last call.
    ///
    /// The end is the first empty line. For hyper no head ends earlier; if it ends later for hyper, hyper refuses it.
    pub(super) fn find(&mut self, bytes: &[u8]) -> Result<Option<Bounds>, Refused> {
        while let Some(offset) = memchr(b'\n', &bytes[self.seen..]) {
            let next = self.seen + offset + 1;
            let Some(line) = self.line else {
                if next > REQUEST_LINE_BYTES {
                    return Err(Refused::LongLine);
                }
                (self.line, self.begin, self.seen) = (Some(next), next, next);
                continue;
            };
            let is_empty = matches!(&bytes[self.begin..next], b"\n" | b"\r\n");
            if next - line > HEADER_BYTES || (!is_empty && self.headers == HEADERS) {
                return Err(Refused::LongHeaders);
            }
            if is_empty {
                return Ok(Some(Bounds { line, end: next }));
            }
            (self.headers, self.begin, self.seen) = (self.headers + 1, next, next);
        }
        self.seen = bytes.len();
        match self.line {
            None if bytes.len() > REQUEST_LINE_BYTES => Err(Refused::LongLine),
            Some(line) if bytes.len() - line > HEADER_BYTES => Err(Refused::LongHeaders),
            _ => Ok(None),
        }
    }
}

/// Removes the query, with its question mark, from the head at the start of `bytes`: `GET /?a=b HTTP/1.1` becomes
/// `GET / HTTP/1.1`. Leaves lines of another shape to hyper, which refuses them.
pub(super) fn take_query(bytes: &mut Vec<u8>, head: &mut Bounds) -> Result<Zeroizing<String>, Refused> {
    let mut query = Zeroizing::new(String::new());
    if let Some(range) = query_range(&bytes[..head.line]) {
        let text = &bytes[range.start + 1..range.end];
        let text = str::from_utf8(text).ok().filter(|text| is_query(text.as_bytes()));
        text.ok_or(Refused::Malformed)?.clone_into(&mut query);
        (head.line, head.end) = (head.line - range.len(), head.end - range.len());
        bytes.drain(range);
    }
    if head.line > PATH_BYTES { Err(Refused::LongLine) } else { Ok(query) }
}

/// Returns the range of the query in a request line, with its question mark.
fn query_range(line: &[u8]) -> Option<std::ops::Range<usize>> {
    let space = |from: usize| Some(from + memchr(b' ', &line[from..])?);
    let target = space(0)? + 1;
    let end = space(target)?;
    let query = target + memchr(b'?', &line[target..end])?;
    Some(query..end)
}

/// Returns whether hyper accepts all characters; `#` is refused, because a request has no fragment. It always checks
/// all of them, without a branch, so that the compiler uses vector instructions.
fn is_query(text: &[u8]) -> bool {
    let is_of_query = |byte: u8| matches!(byte, 0x21 | 0x24..=0x3B | 0x3D | 0x3F..=0x7E | 0x80..);
    text.iter().fold(true, |is_query, byte| is_query & is_of_query(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(head: &[u8]) -> Result<Option<Bounds>, Refused> {
        let whole = Scan::default().find(head);
        let mut scan = Scan::default();
        let mut pieces = (0..=head.len()).map(|length| scan.find(&head[..length]));
        let in_pieces = pieces.find(|found| *found != Ok(None)).unwrap_or(Ok(None));
        assert_eq!(whole, in_pieces, "byte by byte");
        whole
    }

    fn taken(head: &str) -> Result<(String, String), Refused> {
        let mut bytes = head.as_bytes().to_vec();
        let mut bounds = find(&bytes)?.unwrap();
        let query = take_query(&mut bytes, &mut bounds)?;
        assert!(matches!(&bytes[..bounds.end], [.., b'\n', b'\n'] | [.., b'\n', b'\r', b'\n']));
        Ok((query.to_string(), String::from_utf8(bytes).unwrap()))
    }

    #[test]
    fn a_head_ends_at_the_first_empty_line() {
        for (head, rest) in [
            ("GET / HTTP/1.1\r\nA: b\r\n\r\n", ""),
            ("GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"),
            ("GET / HTTP/1.1\nA: b\n\n", "\n\n"),
            ("GET / HTTP/1.1\nA: b\n\r\n", "body"),
        ] {
            assert_eq!(
                find(format!("{head}{rest}").as_bytes()).unwrap().unwrap().end,
                head.len(),
                "{head:?}"
            );
        }
        for part in ["", "GET", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nA: b\r\n", "GET / HTTP/1.1\r\n\r"] {
            assert_eq!(find(part.as_bytes()), Ok(None), "{part:?}");
        }
    }

    #[test]
    fn a_query_is_taken_out_of_a_request_line_only() {
        for (line, query, rest) in [
            ("GET /?a=b HTTP/1.1", "a=b", "GET / HTTP/1.1"),
            ("POST /?a=%E5&b=?c HTTP/1.1", "a=%E5&b=?c", "POST / HTTP/1.1"),
            ("GET http://kms/x?密 HTTP/1.1", "密", "GET http://kms/x HTTP/1.1"),
            ("GET /? HTTP/1.0", "", "GET / HTTP/1.0"),
            ("GET / HTTP/1.1", "", "GET / HTTP/1.1"),
            ("GET  /?a HTTP/1.1", "", "GET  /?a HTTP/1.1"),
            ("G?T / HTTP/1.1", "", "G?T / HTTP/1.1"),
            ("GET /?a", "", "GET /?a"),
            ("GET / HTTP/1.1?a b", "", "GET / HTTP/1.1?a b"),
        ] {
            let headers = "\r\nB: /?c d\r\n\r\n";
            let expected = (query.to_owned(), format!("{rest}{headers}"));
            assert_eq!(taken(&format!("{line}{headers}")), Ok(expected), "{line}");
        }
        for line in ["GET /?a#b HTTP/1.1", "GET /?a\tb HTTP/1.1", "GET /?a\rb HTTP/1.1", "GET /?\0 HTTP/1.1"]
        {
            assert_eq!(taken(&format!("{line}\r\n\r\n")), Err(Refused::Malformed), "{line}");
        }
    }

    #[test]
    fn what_is_too_long_is_refused_before_it_has_come_whole() {
        let line = |length: usize| format!("GET /?{} HTTP/1.1\r\n", "a".repeat(length - 17));
        let scan = |head: &str| Scan::default().find(head.as_bytes());
        let longest = line(REQUEST_LINE_BYTES);
        assert!(scan(&format!("{longest}\r\n")).unwrap().is_some());
        assert_eq!(scan(&line(REQUEST_LINE_BYTES + 1)), Err(Refused::LongLine));
        assert_eq!(scan(&"a".repeat(REQUEST_LINE_BYTES + 1)), Err(Refused::LongLine));
        let path = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(PATH_BYTES));
        assert_eq!(taken(&path), Err(Refused::LongLine));

        let header = |length: usize| format!("{longest}A: {}\r\n\r\n", "a".repeat(length - 7));
        assert!(scan(&header(HEADER_BYTES)).unwrap().is_some());
        assert_eq!(scan(&header(HEADER_BYTES + 1)), Err(Refused::LongHeaders));
        assert_eq!(scan(&format!("{longest}{}", "a".repeat(HEADER_BYTES + 1))), Err(Refused::LongHeaders));
        let headers = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(count));
        assert!(scan(&headers(HEADERS)).unwrap().is_some());
        assert_eq!(scan(&headers(HEADERS + 1)), Err(Refused::LongHeaders));
    }
}
