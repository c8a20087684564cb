//! The program `pmp-filter`, as authors of filters use it.
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[path = "../../../host/tests/guests/guests.rs"]
mod guests;

mod cli;
mod compiler;
mod copies;
mod projects;
mod scope;
mod signatures;
