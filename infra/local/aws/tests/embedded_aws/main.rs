//! The embedded AWS as clients see it: every test runs the real SDK clients over HTTP.
//!
//! One binary, because each one links every SDK client.

// `allow-unwrap-in-tests` covers the test functions, not what they share.
#![allow(clippy::unwrap_used)]

mod accounts;
mod across_accounts;
mod authorizations;
mod bad_input;
mod catalog_change_types;
mod catalog_changes;
mod catalog_operations;
mod catalog_reads;
mod change_events;
mod clock;
mod control;
mod discovery;
mod faults;
mod keys;
mod organizations;
mod page;
mod queues;
mod raw;
mod rig;
mod sessions;
mod state;
mod tables;
mod topics;
