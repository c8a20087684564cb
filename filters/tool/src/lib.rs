//! For authors of filters: start one, build it, look into it, run it, test it, measure it. Needs no AWS and no network.
//!
//! - [`cli`]: the program `pmp-filter`.
//! - `project`: a folder in which a filter is written.
//! - `catalog`, `world`, `ledger`: the products and the context that a filter is given, and where they come from.
//! - `cases`: the test cases of a filter, in a file that people read and write.
//! - `new`, `build`, `inspect`, `run`, `test`, `bench`, `compile`, `sign` (and `verify`): one command each.
//! - `signers`: whose signature counts.
//!
//! It runs filters as a spoke does, by the same host and within the same limits, and never in any other way: what passes
//! here passes there. Of AWS it knows the ledger alone, for `run --ledger`, and only reads it.

mod bench;
mod build;
mod cases;
mod catalog;
pub mod cli;
mod compile;
mod component;
mod inspect;
mod ledger;
mod new;
mod project;
mod run;
mod sign;
mod signers;
mod test;
mod world;
