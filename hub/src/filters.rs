//! What the hub needs to run members' filters again, for a plan: the components and settings in a
//! folder, and the program that runs them.

pub(crate) mod folder;
pub(crate) mod program;
