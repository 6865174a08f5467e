//! Pages as people use them.

mod keys;
mod overview;
mod try_it;
