//! Log lines: the one thing that a filter may tell while it runs.
//!
//! The host keeps the first hundred lines or so, and shows them with the plan. Log what explains a run as a whole; what
//! explains a decision belongs into its reason. In a native test nothing is printed:
//! [`testing::logs`](crate::testing::logs) has the lines.

pub use crate::bindings::pmp_sync::filter::logging::Level;

/// For the filter's author.
pub fn debug(message: &str) {
    emit(Level::Debug, message);
}

/// Worth knowing.
pub fn info(message: &str) {
    emit(Level::Info, message);
}

/// Something is odd; the verdicts hold all the same.
pub fn warn(message: &str) {
    emit(Level::Warn, message);
}

/// Something is wrong; say it before an error is returned.
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
