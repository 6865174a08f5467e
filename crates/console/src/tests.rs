//! Pages as people use them.

mod keys;
mod markup;
mod overview;
mod try_it;
