//! Log lines: the only output of a filter while it runs.
//!
//! The host keeps the first hundred lines or so, and shows them with the plan. Log facts
//! about a run as a whole; the reason of a decision belongs into the decision. In a native test nothing is printed:
//! [`testing::logs`](crate::testing::logs) returns the lines.

pub use crate::bindings::pmp_sync::filter::logging::Level;

/// A line for the filter's author.
pub fn debug(message: &str) {
    emit(Level::Debug, message);
}

/// A line for operators.
pub fn info(message: &str) {
    emit(Level::Info, message);
}

/// Something is unusual; the verdicts are valid all the same.
pub fn warn(message: &str) {
    emit(Level::Warn, message);
}

/// Something is wrong. Log it before you return an error.
pub fn error(message: &str) {
    emit(Level::Error, message);
}

#[cfg(target_arch = "wasm32")]
fn emit(level: Level, message: &str) {
    crate::bindings::pmp_sync::filter::logging::log(level, message);
}

#[cfg(not(target_arch = "wasm32"))]
fn emit(level: Level, message: &str) {
    crate::testing::record(level, message);
}
