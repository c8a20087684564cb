//! The page of the fleet: one HTML file that needs nothing else, for `report --html` and `serve`.
//!
//! [`read::Source`] reads from the ledger what `status`, `history` and `diff` read, into a
//! [`read::Seen`]. [`page::render`] makes the page of it, and is pure: the same moment gives the
//! same page. [`server`] answers requests with it on this machine alone, [`board`] holds what it
//! answers, [`guard`] decides which requests are answered, and [`places`] which connections stay.
//!
//! The page works without a script. Every part is there from the start, in `<details>`, and links
//! lead to what is closed. The script only searches, and in `serve` replaces what is new.
//!
//! Names, reasons and ids come from outside (rule 14). maud escapes what acts in HTML; the page as
//! a whole goes through [`pmp_protocol::plain_document`]. The content security policy allows the
//! one script and the one style of this folder, by their digests, and no request to anywhere: a
//! text that came to be markup all the same would do nothing.
//!
//! - `page`: the frame. Its parts, from the top: `glance`, `attention`, `versions`, `changes`,
//!   `heat`, `filters`, `organizations`.
//! - `fleet`: the rows of `status` by organization. `lag`: how fast a snapshot arrived, and who is
//!   behind. `states`: what a state means, and what to do about it.
//! - `fragments`: what several parts share.

mod attention;
pub(crate) mod board;
mod changes;
mod filters;
mod fleet;
mod fragments;
mod glance;
mod guard;
mod heat;
mod lag;
mod organizations;
pub(crate) mod page;
mod places;
pub(crate) mod read;
pub(crate) mod server;
mod states;
#[cfg(test)]
mod tests;
mod versions;
