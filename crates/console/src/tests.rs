//! Pages as people use them.

mod guessing;
mod keys;
mod markup;
mod overview;
mod try_it;
