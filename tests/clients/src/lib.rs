//! AWS's own SDK clients, as all tests against an endpoint use them: the end-to-end tests, the
//! tests of the embedded AWS, and those of the program pmp-local.
//!
//! [`account`] and [`config()`] make a client's configuration. [`change`] writes a change of a
//! catalog's change set, [`lists`] reads what a procurement policy says, and [`json`] and
//! [`document()`] convert between the SDK's documents and JSON. The crate knows neither a server
//! nor a program, so that a test of one waits for no other to compile.

// It serves tests: what it cannot do ends the test, with the reason.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

mod catalog;
mod config;
mod document;

pub use catalog::{Lists, change, change_with, lists, products};
pub use config::{account, config, without_retries};
pub use document::{document, json};
