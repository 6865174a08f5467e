//! Converts the standard error of the program to lines for the log of the host program.

use crate::text::push_visibly;

/// Splits bytes into lines that are safe to log. Limits their number, and reports that further lines are omitted.
#[derive(Default)]
pub(crate) struct Lines {
    /// The incomplete line, up to the number of bytes that are shown.
    begun: Vec<u8>,
    count: usize,
}

impl Lines {
    /// Adds `bytes`, and passes each line that they complete to `report`.
    pub(crate) fn take(&mut self, bytes: &[u8], report: &mut dyn FnMut(&str)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            let room = MAX_BYTES - self.begun.len();
            self.begun.extend(&text[..text.len().min(room)]);
            if text.len() < piece.len() {
                self.end_line(report);
            }
        }
    }

    /// Passes on the last line if it has no line end.
    pub(crate) fn finish(&mut self, report: &mut dyn FnMut(&str)) {
        if !self.begun.is_empty() {
            self.end_line(report);
        }
    }

    fn end_line(&mut self, report: &mut dyn FnMut(&str)) {
        let text = String::from_utf8_lossy(&self.begun);
        self.count += 1;
        if self.count <= MAX_LINES {
            let mut line = String::new();
            push_visibly(&mut line, text.trim_end_matches('\r'), MAX_LINE);
            line.push('\n');
            report(&line);
        } else if self.count == MAX_LINES + 1 {
            report("bulla: more messages are left out\n");
        }
        self.begun.clear();
    }
}

/// Maximum number of lines: enough for a few attempts with a few addresses, each with its reason.
const MAX_LINES: usize = 100;
/// Maximum number of characters of a line.
const MAX_LINE: usize = 500;
/// Bytes to keep of a line: for one character more than is shown, with four bytes each.
const MAX_BYTES: usize = 4 * (MAX_LINE + 1);

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let mut messages = Vec::new();
        let mut lines = Lines::default();
        for piece in pieces {
            lines.take(piece, &mut |line| messages.push(line.to_owned()));
        }
        lines.finish(&mut |line| messages.push(line.to_owned()));
        messages
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        assert_eq!(lines(&[b"o", b"ne\r\ntw", b"o\n", b"\xc3", b"\xa9"]), ["one\n", "two\n", "é\n"]);
        assert_eq!(lines(&[]), Vec::<String>::new());
    }

    #[test]
    fn lines_are_fit_for_a_log() {
        assert_eq!(lines(&[b"a\x1b[2J\xff%s\n"]), ["a\u{fffd}[2J\u{fffd}%s\n"]);
    }

    #[test]
    fn long_lines_are_cut() {
        let messages = lines(&["é".repeat(10_000).as_bytes(), b"\nend"]);
        assert_eq!(messages, ["é".repeat(MAX_LINE) + "…\n", "end\n".to_owned()]);
    }

    #[test]
    fn a_flood_ends() {
        let messages = lines(&["x\n".repeat(10_000).as_bytes()]);
        assert_eq!(messages.len(), MAX_LINES + 1);
        assert_eq!(messages[MAX_LINES], "bulla: more messages are left out\n");
    }
}
