//! The program `pmp-local`: its commands, and the demo.
//!
//! [`cli::main`] is where it starts. What it serves is the embedded AWS of `pmp-local-aws`; `pmp-local hub …` and
//! `pmp-local spoke …` are the programs of those names. No other crate knows all three.
//!
//! - [`cli`]: one file a command.
//! - `demo`: a world of four organizations in the embedded AWS, with the real hub and spokes at work.

pub mod cli;
mod demo;
