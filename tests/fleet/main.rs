//! A fleet in a box: hubs and 1 to 20 spokes in one process, with one clock and one seed.
//!
//! The programs' own libraries run with their real adapters over the AWS SDK's clients. What the
//! clients send goes to services in memory, by an HTTP client that never leaves the process
//! (`line.rs`): pmp-local's catalog and DynamoDB, and small queues, topics and sessions (`cloud/`).
//! There requests and answers are lost, refused and delayed, and processes die, as the seed says
//! (`faults.rs`). Meanwhile people edit, pin, pause, restore, revoke and forge (`people.rs`). What
//! can be observed is told to a judge that knows the documents and none of the code
//! (`tests/reference`, by `watch.rs`), and is checked as it happens. In the end all heals, or a
//! core does, and that must come to what the hub says last (`history.rs`).
//!
//! - `PMP_SEED=7` runs that seed alone, exactly as before, and prints what happened;
//! - `PMP_SOAK=1000` runs that many more seeds;
//! - `PMP_FULL=1` writes requests and answers into the log as they are, and not their digests.

// Tests end with the reason where something cannot be.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod arrivals;
mod cloud;
mod faults;
mod fleet;
mod history;
mod items;
mod line;
mod people;
mod process;
mod rare;
mod seeded;
mod seeds;
mod told;
mod watch;
mod world;
