//! Answers questions of operators and auditors about the fleet and its history. Each module answers
//! one kind of question. It is pure: it takes the hub's view and returns rows, which the commands
//! print.

pub(crate) mod change_sets;
pub(crate) mod difference;
pub(crate) mod drift;
pub(crate) mod exceptions;
pub(crate) mod kept;
pub(crate) mod members;
pub(crate) mod not_published;
pub(crate) mod plan;
pub(crate) mod report;
pub(crate) mod versions;
pub(crate) mod why;
