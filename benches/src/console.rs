//! The console of `bulla serve`: the time of its pages with many keys, its cost while no browser is open, and the effect of a
//! flood of sign-ins on users and programs.

mod fill;
mod flood;
mod idle;
mod pages;
mod visitor;

use crate::Result;
use crate::programs::{self, Folder};

pub(crate) fn run() -> Result<()> {
    let folder = Folder::new(&programs::scratch()?, "console")?;
    let folder = folder.path();
    pages::run(&folder.join("pages"))?;
    idle::memory(&folder.join("memory"))?;
    idle::data_keys(folder)
}

/// A flood of sign-ins.
pub(crate) fn sign_ins() -> Result<()> {
    flood::run(Folder::new(&programs::scratch()?, "flood")?.path())
}

/// The flag that turns the console off.
const OFF: &str = "--no-console";
