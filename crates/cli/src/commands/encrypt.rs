//! `bulla encrypt`: gets data keys from the KMS and encrypts files with them; each file holds its wrapped key.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use bulla_envelope::KeyService;
use bulla_files::{EncryptOptions, Encryptor, FileError, FileSummary, Format, Progress, TreeSummary};

use super::convert::{Conversion, Converter};
use super::walk::Listener;
use crate::args::{DataKeyPer, EncryptFiles, KmsFlags};
use crate::failure::{Exit, Failure};
use crate::kms::KmsConnection;
use crate::process;
use crate::progress::Total;
use crate::report::Report;

pub(crate) fn run(kms: &KmsFlags, args: EncryptFiles) -> Result<(), Failure> {
    process::clean_up_on_signals()?;
    let conversion = Conversion::of(args.paths, args.output, args.batch)?;
    let context = args.context.encryption_context()?;
    let kms = KmsConnection::connect(kms)?;
    let keys = kms.keys(&args.keys)?;
    let format = args.format.into();
    if format == Format::Text && keys.len() > 1 {
        let what = "the text format stores the wrapped data key of one key only";
        return Err(Failure::new(Exit::Usage, what, "name one key, or use --format bulla"));
    }
    let options =
        options(&conversion, &kms).format(format).data_key_per_file(args.data_key_per == DataKeyPer::File);
    let report = Report::new("encrypted", keys.first().cloned(), conversion.inputs.len(), &conversion.run);
    let encryptor = Encryptor::new(kms.service(), keys, context, options);
    conversion.run(&kms, &Encryption { encryptor, format }, report)
}

fn options(conversion: &Conversion, kms: &KmsConnection) -> EncryptOptions {
    EncryptOptions::new()
        .replace(conversion.replace)
        .resume(conversion.resume)
        .remove_source(conversion.remove_source)
        .durability(conversion.durability)
        .jobs(conversion.run.threads())
        .files(kms.files_at_once(&conversion.run))
        .region(kms.region())
        .spared(kms.spared())
}

struct Encryption<K> {
    encryptor: Encryptor<K>,
    format: Format,
}

impl<K: KeyService> Converter for Encryption<K> {
    fn progress(&self) -> &Progress {
        self.encryptor.progress()
    }

    fn file(&self, from: &Path, to: &Path) -> Result<FileSummary, FileError> {
        self.encryptor.encrypt_file(from, to)
    }

    fn open_file(&self, source: File, _name: &Path, to: &Path) -> Result<FileSummary, FileError> {
        self.encryptor.encrypt_open(&source, to)
    }

    fn stream(&self, source: File, _name: &Path, output: File) -> Result<(), FileError> {
        self.encryptor.encrypt_open_to_stream(&source, output).map(drop)
    }

    fn tree(&self, from: &Path, to: Option<&Path>, listener: Listener<'_>) -> Result<TreeSummary, FileError> {
        self.encryptor.encrypt_tree(from, to, listener)
    }

    fn path_beside(&self, source: &Path) -> Result<PathBuf, Failure> {
        let mut path = source.as_os_str().to_owned();
        path.push(self.format.suffix());
        Ok(path.into())
    }

    fn check_standard_output(&self) -> Result<(), Failure> {
        if self.format == Format::Native && io::stdout().is_terminal() {
            let what = "the output is binary, and standard output is a terminal";
            let hint = "name a file with -o, pipe it to another program, or use --format text";
            return Err(Failure::new(Exit::Usage, what, hint));
        }
        Ok(())
    }

    fn tree_total<'a>(&self, tree: &'a Path) -> Total<'a> {
        Total::Tree(tree, |_, len| Some(len))
    }

    fn opens_files(&self) -> bool {
        false
    }
}
