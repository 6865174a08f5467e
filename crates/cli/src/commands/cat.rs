//! `bulla cat`: the content of a file on standard output, or some of its bytes.

use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use bulla_envelope::native::MAGIC;
use bulla_files::{Decryptor, Format};

use super::{is_standard, shown, standard_output};
use crate::args::{ByteRange, Cat, KmsLocation};
use crate::failure::{Destination, Exit, Failure};
use crate::kms::Kms;

pub(crate) fn run(location: &KmsLocation, args: &Cat) -> Result<(), Failure> {
    let source = super::open(&args.path)?;
    let kms = Kms::connect(location)?;
    let mut options = super::decrypt::reading(&args.reading, &kms)?;
    options.whole = args.whole;
    let context = super::context(&args.reading.opening.context)?;
    let decryptor = Decryptor::new(kms.service(), context, options);
    let failed = |error| Failure::of_file(&error, shown(&args.path), Destination::StandardOutput);
    let output = standard_output()?;
    let Some(range) = args.range else {
        return decryptor.decrypt_to_stream(source, &args.path, output).map_err(failed);
    };
    if !source.metadata().is_ok_and(|source| source.is_file()) {
        let what =
            format!("{} is not a file, so no part of it can be read alone", shown(&args.path).display());
        return Err(Failure::new(Exit::Usage, what, "leave --range out, or name a file"));
    }
    let mut magic = [0; MAGIC.len()];
    let native = source.read_exact_at(&mut magic, 0).is_ok() && magic == MAGIC;
    let as_text = args.reading.format.is_some_and(|format| super::format(format) == Format::Text);
    if native && !as_text && !is_standard(&args.path) {
        return decryptor.range_to_stream(source, range.from..range.to, output).map_err(failed);
    }
    // The text format is verified as a whole before anything of it is seen.
    decryptor.decrypt_to_stream(source, &args.path, Part::new(output, range)).map_err(failed)
}

/// Lets some of the bytes through.
struct Part<W> {
    output: W,
    skip: u64,
    left: u64,
}

impl<W> Part<W> {
    fn new(output: W, range: ByteRange) -> Self {
        Self { output, skip: range.from, left: range.to - range.from }
    }
}

impl<W: Write> Write for Part<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let skipped = self.skip.min(bytes.len() as u64) as usize;
        let taken = self.left.min((bytes.len() - skipped) as u64) as usize;
        self.output.write_all(&bytes[skipped..skipped + taken])?;
        self.skip -= skipped as u64;
        self.left -= taken as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}
