//! Reads the value of a parameter: text, a file or standard input. The last two keep a secret out of the list of
//! processes, which every user of the machine can read.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::{Zeroize, Zeroizing};

use crate::failure::{Exit, Failure};
use crate::paths::FileOrStdin;

/// The values of one command; at most one is read from standard input.
#[derive(Default)]
pub(super) struct Values {
    standard_input_is_read: bool,
}

impl Values {
    /// Returns the value of `--Name Value`; `-` is standard input.
    pub(super) fn separate(&mut self, name: &str, typed: &str) -> Result<Zeroizing<String>, Failure> {
        match typed {
            "-" => self.standard_input(name),
            _ => self.joined(name, typed),
        }
    }

    /// Returns the value of `--Name=Value`; `@FILE` is the content of a file, and `@@text` is `@text`.
    pub(super) fn joined(&mut self, name: &str, typed: &str) -> Result<Zeroizing<String>, Failure> {
        let path = match typed.strip_prefix('@') {
            None => return Ok(Zeroizing::new(typed.to_owned())),
            Some(text) if text.starts_with('@') => return Ok(Zeroizing::new(text.to_owned())),
            Some("") => {
                let what = format!("--{name}: @ names no file");
                return Err(Failure::new(Exit::Usage, what, "write @FILE; @@ is the text @"));
            }
            Some(path) => PathBuf::from(path),
        };
        content(name, &FileOrStdin::File(path))
    }

    fn standard_input(&mut self, name: &str) -> Result<Zeroizing<String>, Failure> {
        if self.standard_input_is_read {
            let what = format!("--{name}: standard input is the value of another parameter already");
            return Err(Failure::new(Exit::Usage, what, "give one of them as @FILE"));
        }
        self.standard_input_is_read = true;
        content(name, &FileOrStdin::Stdin)
    }
}

fn content(name: &str, source: &FileOrStdin) -> Result<Zeroizing<String>, Failure> {
    let path = source.name();
    let bytes = source.open_any().and_then(read).map_err(|error| Failure::io(path, &error))?;
    text(name, path, bytes)
}

/// Reads all bytes into one buffer that is never moved, because a growing buffer leaves copies in memory.
fn read(input: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + SPARE));
    input.take(LONGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Converts the bytes to text, without one trailing newline.
fn text(name: &str, path: &Path, mut bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>, Failure> {
    let refused = |what: &str, hint: &str| {
        Failure::new(Exit::Usage, format!("--{name}: {} {what}", path.display()), hint)
    };
    if bytes.len() > LONGEST {
        return Err(refused("is longer than a parameter can be", "use `bulla encrypt` for large data"));
    }
    let text = String::from_utf8(std::mem::take(&mut *bytes)).map_err(|error| {
        error.into_bytes().zeroize();
        refused("is not UTF-8", "encode it as the action expects it, such as with base64")
    })?;
    let mut text = Zeroizing::new(text);
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

/// Four times the largest request that a server of bulla accepts.
const LONGEST: usize = 1 << 20;
/// Spare capacity, with which `read_to_end` detects the end without growing the buffer.
const SPARE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(bytes: &[u8]) -> Result<String, Exit> {
        let bytes = read(bytes).unwrap();
        text("Name", Path::new("file"), bytes).map(|text| text.to_string()).map_err(|failure| failure.exit)
    }

    #[test]
    fn bytes_are_the_value_without_one_newline() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"\n", ""),
            (b"a\n", "a"),
            (b"a\n\n", "a\n"),
            (b"a\r\n", "a\r"),
            (b" @-\0 ", " @-\0 "),
            ("密".as_bytes(), "密"),
        ] {
            assert_eq!(text_of(bytes).as_deref(), Ok(text));
        }
        assert_eq!(text_of(b"a\xff"), Err(Exit::Usage));
        assert_eq!(text_of(&[b'x'; LONGEST]).map(|text| text.len()), Ok(LONGEST));
        assert_eq!(text_of(&[b'x'; LONGEST + 1]), Err(Exit::Usage));
    }

    #[test]
    fn a_buffer_is_not_moved_while_it_is_filled() {
        for length in [0, 1, 40_000, LONGEST, LONGEST + 1, LONGEST + 1000] {
            assert_eq!(read(&*vec![1; length]).unwrap().capacity(), LONGEST + SPARE);
        }
    }

    #[test]
    fn typed_values() {
        let mut values = Values::default();
        for (typed, value) in [("", ""), ("a@b", "a@b"), ("@@x", "@x"), ("@@", "@"), ("@@@x", "@@x")] {
            assert_eq!(*values.joined("Name", typed).unwrap(), value);
            assert_eq!(*values.separate("Name", typed).unwrap(), value);
        }
        assert_eq!(*values.joined("Name", "-").unwrap(), "-");
        for wrong in ["@", "@no/such/file", "@/"] {
            assert!(values.joined("Name", wrong).is_err() && values.separate("Name", wrong).is_err());
        }
    }
}
