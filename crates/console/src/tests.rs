//! Tests of pages, through a browser.

mod backups;
mod denied;
mod guessing;
mod keys;
mod markup;
mod overview;
mod try_it;
