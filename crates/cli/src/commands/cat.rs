//! `bulla cat`: prints the plaintext of a file, or a byte range of it.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use bulla_envelope::native::MAGIC;
use bulla_files::{Decryptor, Format};

use super::reading::{decrypt_options, standard_output};
use crate::args::{ByteRange, Cat, KmsFlags};
use crate::failure::files::Destination;
use crate::failure::{Exit, Failure};
use crate::kms::KmsConnection;
use crate::paths::{FileOrStdin, file_len};

pub(crate) fn run(kms: &KmsFlags, args: &Cat) -> Result<(), Failure> {
    let context = args.reading.opening.context.encryption_context()?;
    let file = args.path.open()?;
    let kms = KmsConnection::connect(kms)?;
    let options = decrypt_options(&args.reading, &kms)?.whole(args.whole);
    let format = args.reading.format.map(Into::into);
    let decryptor = Decryptor::new(kms.service(), context, options);
    let output = standard_output()?;
    let name = args.path.name();
    let Some(range) = args.range else {
        let printed = decryptor.decrypt_open_to_stream(&file, name, output);
        return printed
            .map(drop)
            .map_err(|error| Failure::of_file(&error, name, Destination::StandardOutput));
    };
    if file_len(&file).is_none() {
        let what = format!("{} is not a file, so --range cannot be used", name.display());
        return Err(Failure::new(Exit::Usage, what, "leave --range out, or name a file"));
    }
    let printed = match args.path {
        FileOrStdin::File(_) if format != Some(Format::Text) && is_native(&file) => {
            decryptor.decrypt_range(&file, range.from..range.to, output)
        }
        // The text format is verified in full before any of it is printed.
        _ => decryptor.decrypt_open_to_stream(&file, name, Part::new(output, range)),
    };
    printed.map(drop).map_err(|error| Failure::of_file(&error, name, Destination::StandardOutput))
}

fn is_native(file: &File) -> bool {
    let mut magic = [0; MAGIC.len()];
    file.read_exact_at(&mut magic, 0).is_ok() && magic == MAGIC
}

/// A writer that passes on only a byte range.
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
