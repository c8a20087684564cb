//! Placeholder until the program's own entry lands.
fn main() {}
