//! bulla.
fn main() {}
