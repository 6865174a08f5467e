//! `bulla encrypt`: a data key from the KMS, the file encrypted with it, the wrapped key kept with it.

use std::io;
use std::path::{Path, PathBuf};

use bulla_envelope::{EncryptionContext, GeneratedDataKey, text_format};

use super::SUFFIX;
use crate::args::{Encrypt, Format, Place};
use crate::failure::Failure;
use crate::input::Input;
use crate::kms::Kms;
use crate::messages::note;
use crate::output::Output;
use crate::process;

pub(crate) fn run(place: &Place, args: &Encrypt) -> Result<(), Failure> {
    process::clean_up_on_signals();
    let context = super::context(&args.context)?;
    let kms = Kms::connect(place)?;
    super::for_each_path(&args.paths, &args.output, |path| encrypt(&kms, path, args, &context))
}

fn encrypt(kms: &Kms, path: &Path, args: &Encrypt, context: &EncryptionContext) -> Result<(), Failure> {
    let Format::Text = args.format;
    let mut input = Input::open(path)?;
    let output = Output::choose(&args.output, path, &input, |path| Ok(encrypted_name(path)))?;
    let key = kms.key(args.key.as_deref())?;
    let GeneratedDataKey { data_key, wrapped } = kms.service().generate_data_key(key, context)?;
    let from = input.path().to_owned();
    match output {
        Output::Standard => {
            text_format::seal(&mut input, io::stdout(), &data_key, &wrapped.ciphertext_blob)
                .map_err(|error| Failure::encrypting(&from, Path::new("standard output"), &error))?;
        }
        Output::File(target) => {
            let to = target.path().to_owned();
            let mut pending = target.create(0o666)?;
            text_format::seal(&mut input, &mut pending, &data_key, &wrapped.ciphertext_blob)
                .map_err(|error| Failure::encrypting(&from, &to, &error))?;
            pending.publish(input.metadata())?;
            let key = if key == wrapped.key_id { String::new() } else { format!("{key}, ") };
            let (from, to) = (from.display(), to.display());
            note(format_args!("encrypted {from} -> {to} ({key}key {})", wrapped.key_id));
        }
    }
    Ok(())
}

fn encrypted_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(SUFFIX);
    name.into()
}
