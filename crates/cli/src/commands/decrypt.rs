//! `bulla decrypt`: the wrapped key unwrapped by the KMS, the file decrypted with it; nothing unverified is seen.

use std::io;
use std::path::{Path, PathBuf};

use bulla_envelope::EncryptionContext;
use bulla_envelope::text_format::Reader;

use super::SUFFIX;
use crate::args::{Decrypt, Place};
use crate::failure::{Exit, Failure};
use crate::input::Input;
use crate::kms::Kms;
use crate::messages::note;
use crate::output::{Output, Target};
use crate::process;

pub(crate) fn run(place: &Place, args: &Decrypt) -> Result<(), Failure> {
    process::clean_up_on_signals();
    let context = super::context(&args.context)?;
    let kms = Kms::connect(place)?;
    super::for_each_path(&args.paths, &args.output, |path| {
        let input = Input::open(path)?;
        match Output::choose(&args.output, path, &input, decrypted_name)? {
            Output::Standard => to_standard_output(&kms, input, &context),
            Output::File(target) => to_file(&kms, input, target, &context),
        }
    })
}

/// In one pass, into a file that nobody sees before the tag was verified.
fn to_file(kms: &Kms, input: Input, target: Target, context: &EncryptionContext) -> Result<(), Failure> {
    let (from, to) = (input.path().to_owned(), target.path().to_owned());
    let source = input.metadata().clone();
    let failed = |error| Failure::decrypting(&from, &to, &error);
    let reader = Reader::new(input).map_err(failed)?;
    let unwrapped = kms
        .service()
        .unwrap(reader.ciphertext_blob(), context)
        .map_err(|error| Failure::from(error).about(&from))?;
    let pending = target.create(0o600)?;
    let opened = reader.open_into_discardable(&unwrapped.data_key, pending).map_err(failed)?;
    opened.out.publish(&source)?;
    note(format_args!("decrypted {} -> {} (key {})", from.display(), to.display(), unwrapped.key_id));
    Ok(())
}

/// In two passes, because what was printed cannot be taken back: the first verifies, the second prints.
fn to_standard_output(kms: &Kms, input: Input, context: &EncryptionContext) -> Result<(), Failure> {
    let from = input.path().to_owned();
    let failed = |error| Failure::decrypting(&from, Path::new("standard output"), &error);
    let reader =
        Reader::new(input.rewindable(|head| Reader::new(head).map(drop).map_err(failed))?).map_err(failed)?;
    let unwrapped = kms
        .service()
        .unwrap(reader.ciphertext_blob(), context)
        .map_err(|error| Failure::from(error).about(&from))?;
    reader.open_verified(&unwrapped.data_key, io::stdout()).map_err(failed)?;
    Ok(())
}

fn decrypted_name(path: &Path) -> Result<PathBuf, Failure> {
    match path.extension() {
        Some(suffix) if suffix == SUFFIX => Ok(path.with_extension("")),
        _ => {
            let what = format!("{} does not end in .{SUFFIX}", path.display());
            Err(Failure::new(Exit::Usage, what, "name the output with -o"))
        }
    }
}
