//! For authors of filters: look into a filter, run it, test it, measure it. Needs no AWS and no network.
//!
//! - [`cli`]: the program `pmp-filter`.
//! - `catalog`: the products and the context that a filter is given, from a file.
//! - `cases`: the test cases of a filter, in a file that people read and write.
//! - `inspect`, `run`, `test`, `bench`: one command each.
//!
//! It runs filters as a spoke does, by the same host and within the same limits, and never in any other way: what passes
//! here passes there.

mod bench;
mod cases;
mod catalog;
pub mod cli;
mod component;
mod inspect;
mod run;
mod test;
