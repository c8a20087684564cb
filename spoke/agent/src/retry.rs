//! Decides when to try again: [`reaction`] classifies the catalog's errors, [`backoff`] sets the
//! pauses.

pub(crate) mod backoff;
pub(crate) mod reaction;
