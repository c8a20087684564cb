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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::{Duration, Instant};

    use super::*;

    /// A thread of a runtime that has ended meanwhile: nothing hears signals there any more.
    #[test]
    fn a_program_that_would_hear_no_signal_does_not_begin() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ((go, wait), (tell, told)) = (channel::<()>(), channel());
        runtime.spawn_blocking(move || {
            wait.recv().unwrap();
            let until = Instant::now() + Duration::from_secs(10);
            let outcome = loop {
                match stop_on_signal() {
                    Ok(_) if Instant::now() < until => std::thread::yield_now(),
                    outcome => break outcome,
                }
            };
            tell.send(outcome.map(drop)).unwrap();
        });
        runtime.shutdown_background();
        go.send(()).unwrap();
        let failure = told.recv().unwrap().unwrap_err();
        assert_eq!(failure.code().to_string(), "E1733");
    }
}
