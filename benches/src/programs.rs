//! What is measured: built by cargo in the profile of this program, and a Python for the guide's scripts.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::process::succeed;

/// Builds `bulla` and the bare server beside this program.
pub(crate) fn build() -> Result<()> {
    cargo(&["-p", "bulla"])?;
    cargo(&["-p", "bulla-server", "--example", "hello"])
}

pub(crate) fn bulla() -> PathBuf {
    folder().join("bulla")
}

/// The bare "hello" on the server's HTTP stack.
pub(crate) fn hello() -> PathBuf {
    folder().join("examples/hello")
}

/// A Python with PyCryptodome, made on first use.
pub(crate) fn python() -> Result<PathBuf> {
    let venv = scratch()?.join("venv");
    let python = venv.join("bin/python");
    if !venv.join("complete").exists() {
        succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        let requirements = source().join("guide/requirements.txt");
        succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(requirements))?;
        fs::write(venv.join("complete"), "")?;
    }
    Ok(python)
}

/// A script of the guide.
pub(crate) fn guide(name: &str) -> PathBuf {
    source().join("guide").join(name)
}

/// A folder for files on the disk that also holds the build: no tmpfs, usually.
pub(crate) fn scratch() -> Result<PathBuf> {
    let scratch = folder().join("benches");
    fs::create_dir_all(&scratch)?;
    Ok(scratch)
}

/// A folder that is empty now and goes in the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(parent: &Path, name: &str) -> Result<Self> {
        let path = parent.join(format!("bulla-{name}-{}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // what is left is in the way of nobody
    }
}

fn cargo(what: &[&str]) -> Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    succeed(Command::new(cargo).args(["build", "--release", "--quiet"]).args(what).current_dir(source()))
}

/// Where cargo put this program.
fn folder() -> PathBuf {
    let program = env::current_exe().expect("Linux knows the path of a running program");
    program.parent().expect("a program lies in a folder").to_owned()
}

fn source() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
