//! When to try again: what an error of the catalog means for an experience, and how long to wait.

pub(crate) mod backoff;
pub(crate) mod reaction;
