//! The measured programs, which cargo builds in the profile of this program, and a Python environment for the scripts.

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

/// Returns the other build of `bulla`, which `BULLA_BEFORE` names.
pub(crate) fn before() -> Result<PathBuf> {
    let path = env::var_os("BULLA_BEFORE").ok_or("BULLA_BEFORE=PATH has to name another build of bulla")?;
    Ok(fs::canonicalize(path)?)
}

/// Returns the path of the bare "hello" on the server's HTTP stack.
pub(crate) fn hello() -> PathBuf {
    folder().join("examples/hello")
}

/// Returns a command for `bulla` in a folder, with the embedded KMS and its store in the same folder.
pub(crate) fn bulla_in(folder: &Path) -> Command {
    with_embedded_kms(&bulla(), folder)
}

/// As [`bulla_in`], for any build.
pub(crate) fn with_embedded_kms(bulla: &Path, folder: &Path) -> Command {
    let mut bulla = Command::new(bulla);
    bulla.current_dir(folder).env("BULLA_DATA", folder.join("kms"));
    bulla.env_remove("BULLA_KMS").env_remove("BULLA_KEY");
    bulla
}

/// Returns a Python with the requirements of the scripts. The environment is created on first use, and again when the
/// requirements change.
pub(crate) fn python() -> Result<PathBuf> {
    let venv = scratch()?.join("venv");
    let python = venv.join("bin/python");
    let needed = source().join("requirements.txt");
    let complete = venv.join("complete");
    if fs::read(&needed)? != fs::read(&complete).unwrap_or_default() {
        succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(&needed))?;
        fs::copy(needed, complete)?;
    }
    Ok(python)
}

/// Returns the path of a script in this crate.
pub(crate) fn script(path: &str) -> PathBuf {
    source().join(path)
}

/// Returns a folder in memory, else the temporary directory.
pub(crate) fn memory() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { env::temp_dir() }
}

/// Returns a folder on the disk of the build, which is usually no tmpfs.
pub(crate) fn scratch() -> Result<PathBuf> {
    let scratch = folder().join("benches");
    fs::create_dir_all(&scratch)?;
    Ok(scratch)
}

/// A new folder, deleted on drop.
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
        let _ = fs::remove_dir_all(&self.0); // a rest does no harm
    }
}

fn cargo(what: &[&str]) -> Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    succeed(Command::new(cargo).args(["build", "--release", "--quiet"]).args(what).current_dir(source()))
}

/// Returns the folder of this program.
fn folder() -> PathBuf {
    let program = env::current_exe().expect("Linux knows the path of a running program");
    program.parent().expect("a program is in a folder").to_owned()
}

fn source() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
