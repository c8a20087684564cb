//! A spoke in a world where everything goes wrong, in simulated time.
//!
//! The real library runs against ports in memory. Faults strike at the calls, by plan or by chance
//! from a seed; after every event the rules that must always hold are checked (`world.rs`); once
//! the faults stop, the spoke must reach what the newest snapshot asks for, and say so truly. A
//! failure prints its seed and what happened:
//!
//! - `PMP_SEED=7` runs that seed alone, and exactly as before (`replay.rs`);
//! - `PMP_SOAK=1000` runs that many more seeds.

// Tests end with the reason where something cannot be.
#![allow(clippy::unwrap_used)]

mod answers;
mod catalog;
mod chance;
mod faults;
mod forged;
mod hanging;
mod pairs;
mod planned;
mod ports;
mod predicted;
mod rare;
mod replay;
mod run;
mod seeded;
mod steered;
mod windows;
mod world;
