//! Shared helpers of the tests: the `openssl` command as the peer, and the stack that a computation leaves.

use std::fs::{self, File};
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::sync::mpsc;
use std::thread;

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

    /// Runs `openssl` with the arguments of one line, which must succeed. Returns its output.
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

pub(super) fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Returns the part of a thread's stack that `work` used.
pub(super) fn stack_after(work: impl FnOnce() + Send) -> Vec<u8> {
    let (done, is_done) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            done.send(below(work)).unwrap();
            ended.recv().unwrap_err();
        });
        let stack = stack_around(is_done.recv().unwrap());
        drop(end);
        stack
    })
}

/// Runs `work` so deep in the stack that nothing else overwrites what it leaves. Returns an address of the stack.
#[inline(never)]
fn below(work: impl FnOnce()) -> usize {
    let distance = [0_u8; 64 * 1024];
    work();
    black_box(&raw const distance).addr()
}

fn stack_around(address: usize) -> Vec<u8> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let range = maps.lines().find_map(|line| {
        let (start, end) = line.split_once(' ')?.0.split_once('-')?;
        let range = usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?;
        range.contains(&address).then_some(range)
    });
    let range = range.unwrap();
    let mut stack = vec![0; range.len()];
    File::open("/proc/self/mem").unwrap().read_exact_at(&mut stack, range.start as u64).unwrap();
    let untouched = stack.iter().position(|byte| *byte != 0).unwrap();
    stack.split_off(untouched)
}
