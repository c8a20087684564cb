//! The program `pmp-local`: its commands, and the demo.
//!
//! [`cli::main`] is the entry point. `pmp-local serve` runs the embedded AWS of `pmp-local-aws`;
//! `pmp-local hub …` and `pmp-local spoke …` are the programs of those names. No other crate knows
//! all three.
//!
//! - [`cli`]: one file for each command. The commands that control a running server talk to its
//!   control endpoint over HTTP (`cli::control`).
//! - `demo`: starts the embedded AWS with four organizations in this process, and the hub and three
//!   spokes as child processes of the same executable. It watches the catalogs with SDK clients.

pub mod cli;
mod demo;
#[cfg(test)]
mod schema;
