//! Pages as people use them.

mod keys;
mod try_it;
