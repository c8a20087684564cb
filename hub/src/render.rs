//! What commands show to a person: the screen of the whole fleet and the tables, from rows that
//! `status` and `inspect` made.
//!
//! Words, colours, columns and what fits a screen are decided here, and nothing else is: the rows
//! say how the fleet stands, and nothing in `publish`, `status`, `inspect` or `triggers` knows of a
//! terminal.

pub(crate) mod color;
pub(crate) mod drift;
pub(crate) mod exceptions;
pub(crate) mod members;
pub(crate) mod page;
pub(crate) mod plan;
pub(crate) mod status;
pub(crate) mod versions;
