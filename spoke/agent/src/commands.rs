//! The commands of `pmp-spoke`, one file each. Commands that are a single call have none.

pub(crate) mod doctor;
pub(crate) mod env;
pub(crate) mod hold;
pub(crate) mod init;
pub(crate) mod metrics;
pub(crate) mod mistyped;
pub(crate) mod plan;
pub(crate) mod plan_file;
pub(crate) mod plan_rows;
pub(crate) mod progress;
pub(crate) mod render;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod sync;
pub(crate) mod unfiltered;
