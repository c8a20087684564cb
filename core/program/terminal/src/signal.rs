//! What a person sees at a signal that asks to stop.

use pmp_runtime::Stop;

use crate::{Failure, progress};

/// A token that is cancelled at the first SIGINT or SIGTERM. A line on standard error says so, and
/// what a second signal does ([`pmp_runtime::stop_on_signal`]).
///
/// # Errors
/// Where the system refuses signal handlers.
pub fn stop_on_signal() -> Result<Stop, Failure> {
    listen(|sentence| progress::step(progress::Step::Waiting, sentence))
}

/// The same for a command that only reads, again and again: it has nothing to bring to an end, so
/// nothing is said.
///
/// # Errors
/// As [`stop_on_signal`].
pub fn leave_on_signal() -> Result<Stop, Failure> {
    listen(|_| {})
}

fn listen(tell: impl Fn(&str) + Send + Sync + 'static) -> Result<Stop, Failure> {
    pmp_runtime::stop_on_signal(tell).map_err(|error| Failure::tried("E1733", "cannot listen for signals", error))
}
