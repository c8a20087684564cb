//! The host, as a spoke uses it. One binary, since each holds all of wasmtime and takes seconds to
//! link.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail where it stands, and tells its figures")]

#[path = "../guests/guests.rs"]
mod guests;

mod compiled;
mod example;
mod hostile;
mod look;
mod rules;
