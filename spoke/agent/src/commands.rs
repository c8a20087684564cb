//! The commands that take more than a call: a file each.

pub(crate) mod plan;
pub(crate) mod status;
pub(crate) mod sync;
