//! What the program says on standard error, as lines for the log of the host program.

use crate::text::push_visibly;

/// Takes bytes as they arrive and gives lines that are fit for a log. A flood ends with a line that says so.
#[derive(Default)]
pub(crate) struct Lines {
    /// The line that has begun, up to as many bytes as are shown of it.
    begun: Vec<u8>,
    given: usize,
}

impl Lines {
    /// Takes `bytes`, and gives each line that they end to `say`.
    pub(crate) fn take(&mut self, bytes: &[u8], say: &mut dyn FnMut(&str)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            let room = MAX_BYTES - self.begun.len();
            self.begun.extend(&text[..text.len().min(room)]);
            if text.len() < piece.len() {
                self.end_line(say);
            }
        }
    }

    /// Gives what was said without a line end.
    pub(crate) fn finish(&mut self, say: &mut dyn FnMut(&str)) {
        if !self.begun.is_empty() {
            self.end_line(say);
        }
    }

    fn end_line(&mut self, say: &mut dyn FnMut(&str)) {
        let text = String::from_utf8_lossy(&self.begun);
        self.given += 1;
        if self.given <= MAX_LINES {
            let mut line = String::new();
            push_visibly(&mut line, text.trim_end_matches('\r'), MAX_LINE);
            line.push('\n');
            say(&line);
        } else if self.given == MAX_LINES + 1 {
            say("bulla: more messages are left out\n");
        }
        self.begun.clear();
    }
}

/// Lines of one answer: a few tries at a few addresses, each with its reason.
const MAX_LINES: usize = 100;
/// Characters of a line.
const MAX_LINE: usize = 500;
/// Bytes that are kept of a line: one character more than is shown, of four bytes each.
const MAX_BYTES: usize = 4 * (MAX_LINE + 1);

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let mut said = Vec::new();
        let mut lines = Lines::default();
        for piece in pieces {
            lines.take(piece, &mut |line| said.push(line.to_owned()));
        }
        lines.finish(&mut |line| said.push(line.to_owned()));
        said
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
        let said = lines(&["é".repeat(10_000).as_bytes(), b"\nend"]);
        assert_eq!(said, ["é".repeat(MAX_LINE) + "…\n", "end\n".to_owned()]);
    }

    #[test]
    fn a_flood_ends() {
        let said = lines(&["x\n".repeat(10_000).as_bytes()]);
        assert_eq!(said.len(), MAX_LINES + 1);
        assert_eq!(said[MAX_LINES], "bulla: more messages are left out\n");
    }
}
