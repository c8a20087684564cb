//! What operators and auditors ask about the fleet and its history. Each module answers one kind of
//! question, and is pure: it takes what the hub sees and returns rows. The commands print them.

pub(crate) mod difference;
pub(crate) mod drift;
pub(crate) mod exceptions;
pub(crate) mod kept;
pub(crate) mod members;
pub(crate) mod plan;
pub(crate) mod versions;
pub(crate) mod why;
