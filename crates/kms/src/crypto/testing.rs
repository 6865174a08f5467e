//! What the tests of the families share: the `openssl` command as the other side, digests, hexadecimal.

use std::fs;
use std::process::Command;

use aws_lc_rs::digest;
use tempfile::TempDir;

/// A directory of files in which `openssl` runs.
pub(super) struct OpenSsl(TempDir);

impl OpenSsl {
    pub(super) fn with(files: &[(&str, &[u8])]) -> Self {
        let openssl = Self(tempfile::tempdir().unwrap());
        for (name, bytes) in files {
            openssl.write(name, bytes);
        }
        openssl
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.path().join(name), bytes).unwrap();
    }

    /// Runs `openssl` with the arguments of one line, which must succeed; gives its output.
    pub(super) fn run(&self, line: &str) -> Vec<u8> {
        let output = Command::new("openssl")
            .args(line.split_whitespace())
            .current_dir(self.0.path())
            .output()
            .expect("these tests need the command openssl: apt-get install openssl");
        assert!(output.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

pub(super) fn sha256(message: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, message).as_ref().try_into().unwrap()
}
