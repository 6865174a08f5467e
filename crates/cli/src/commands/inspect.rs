//! `bulla inspect`: prints what the header of a file contains, unverified, without a key.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Chain, Cursor, Read};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bulla_envelope::cobblestone::plaintext_len;
use bulla_envelope::native::{Header, MAGIC, WrapKind};
use bulla_envelope::text_format::Reader;
use bulla_files::FileError;
use serde_json::{Value, json};

use crate::args::Inspect;
use crate::failure::{Exit, Failure};
use crate::messages::on_one_line;
use crate::paths::{FileOrStdin, file_len};
use crate::results::{print, print_raw};

pub(crate) fn run(args: &Inspect) -> Result<(), Failure> {
    let mut failed = 0;
    let several = args.paths.len();
    for source in &args.paths {
        match inspect(source, args.json) {
            Ok(()) => {}
            Err(failure) if several == 1 || failure.is_quiet() => return Err(failure),
            Err(failure) => {
                failure.print();
                failed += 1;
            }
        }
    }
    match failed {
        0 => Ok(()),
        _ => {
            let what = format!("{failed} of {several} files failed");
            Err(Failure::new(Exit::SomeFailed, what, "the others are done"))
        }
    }
}

fn inspect(source: &FileOrStdin, as_json: bool) -> Result<(), Failure> {
    let name = source.name();
    let failed = |error: FileError| Failure::of_file(&error, name, name);
    let file = source.open()?;
    let size = file_len(&file);
    let mut magic = Vec::new();
    (&file).take(MAGIC.len() as u64).read_to_end(&mut magic).map_err(|error| Failure::io(name, &error))?;
    let native = magic == MAGIC;
    let input: Chain<Cursor<Vec<u8>>, File> = Cursor::new(magic).chain(file);
    let (value, text) = if native {
        let header = Header::read(input).map_err(|error| failed(error.into()))?;
        let length = size.and_then(|size| plaintext_len(size.saturating_sub(header.len() as u64)));
        (native_json(&header, length), native_text(&header, length))
    } else {
        let reader = Reader::new(input).map_err(|error| failed(error.into()))?;
        let blob = reader.ciphertext_blob();
        let value = json!({ "format": "text", "wraps": [{ "blob": blob }] });
        (value, format!("  format    four lines of text\n  wrapped   {blob}\n"))
    };
    if as_json {
        let mut named = json!({ "path": name.to_string_lossy() });
        if let (Value::Object(named), Value::Object(fields)) = (&mut named, value) {
            named.extend(fields);
        }
        return print_raw(named);
    }
    print(name.display())?;
    text.lines().try_for_each(print)
}

fn native_json(header: &Header, plaintext_len: Option<u64>) -> Value {
    let source = header.source();
    let context: Value =
        header.context().iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    let slots: Vec<_> = header
        .slots()
        .iter()
        .map(|slot| match slot {
            Some(slot) => json!({ "generation": slot.generation, "wraps": slot.wraps.len() }),
            None => json!({ "damaged": true }),
        })
        .collect();
    let wraps: Vec<_> = header
        .wraps()
        .map(|wrap| {
            json!({
                "kind": wrap.kind.name(),
                "key_id": wrap.key.key_id,
                "key_version_id": wrap.key.key_version_id,
                "region": wrap.region,
                "blob": wrap.key.ciphertext_blob,
            })
        })
        .collect();
    json!({
        "format": "bulla",
        "version": 1,
        "suite": "Cobblestone-256",
        "body_offset": header.len(),
        "plaintext_len": plaintext_len,
        "body_context": BASE64_STANDARD.encode(header.body_context()),
        "file_id": BASE64_STANDARD.encode(header.file_id().as_bytes()),
        "set_id": BASE64_STANDARD.encode(header.set_id().as_bytes()),
        "context": context,
        "mode": source.mode,
        "size": source.size,
        "modified": source.modified.map(|(seconds, nanos)| json!({ "seconds": seconds, "nanos": nanos })),
        "slots": slots,
        "wraps": wraps,
    })
}

fn native_text(header: &Header, plaintext_len: Option<u64>) -> String {
    let mut text = String::from("  format    bulla 1, Cobblestone-256\n");
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        // The author of the file chose the values, so none of them may break out of its line.
        let _ = writeln!(text, "  {name:<8}  {}", on_one_line(&value.to_string()));
    };
    match (plaintext_len, header.source().size) {
        (Some(length), Some(size)) if length != size => {
            line("content", &format_args!("{length} bytes, but {size} were encrypted: damaged"));
        }
        (Some(length), _) => line("content", &format_args!("{length} bytes")),
        (None, Some(size)) => line("content", &format_args!("{size} bytes")),
        (None, None) => {}
    }
    if let Some(mode) = header.source().mode {
        line("mode", &format_args!("{mode:04o}"));
    }
    for (name, value) in header.context().iter() {
        line("context", &format_args!("{name}={value}"));
    }
    line("body", &format_args!("from byte {}", header.len()));
    for (index, slot) in header.slots().iter().enumerate() {
        match slot {
            Some(slot) => line("slot", &format_args!("{index}, generation {}", slot.generation)),
            None => line("slot", &format_args!("{index}, damaged")),
        }
    }
    for wrap in header.wraps() {
        let at = if wrap.region.is_empty() { String::new() } else { format!(" in {}", wrap.region) };
        let kind = match wrap.kind {
            WrapKind::Set => "data key of the run",
            WrapKind::File => "key of this file",
        };
        line("wrapped", &format_args!("{kind}, by key {}{at}", wrap.key.key_id));
    }
    text
}
