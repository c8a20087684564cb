//! The program `pmp-filter`, for authors of filters: it starts a filter, builds it, inspects it,
//! runs it, tests it and measures it. It needs no AWS and no network.
//!
//! - [`cli`]: the program `pmp-filter`.
//! - `project`: a folder in which a filter is written.
//! - `catalog`, `world`, `ledger`: the sources of the products and the context that a filter gets.
//! - `cases`: the test cases of a filter, in a file that people read and write.
//! - `new`, `build`, `inspect`, `run`, `test`, `bench`, `compile`, `sign` (and `verify`): one
//!   command each.
//! - `decide`: the command that `pmp-hub plan` starts, to foresee what members' filters decide.
//! - `signers`: the keys whose signatures count.
//!
//! It runs filters with the same host and the same limits as a spoke, so a filter that works here
//! works there. Of AWS it uses only the ledger, for `run --ledger`, and only reads it. `pmp-world`
//! reads world files of pmp-local; no server is needed for that.

mod answer;
mod bench;
mod build;
mod cases;
mod catalog;
pub mod cli;
mod compile;
mod component;
mod decide;
mod inspect;
mod ledger;
mod new;
mod project;
mod run;
#[cfg(test)]
mod schema;
mod sign;
mod signers;
mod test;
mod world;
