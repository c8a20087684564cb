//! What commands show to a person: the screen of the whole fleet and the tables, from rows that `status` and `inspect` made.
//!
//! Words, colours, columns and what fits a screen are decided here, and nothing else is: the rows say how the fleet stands, and
//! nothing in `publish`, `status`, `inspect` or `triggers` knows of a terminal.

pub(crate) mod page;
pub(crate) mod status;
