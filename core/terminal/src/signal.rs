//! Stopping in two stages: the first signal asks, the second ends the process.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{Stop, StopReason, progress};

/// The code of a process that a second signal ended: 128 + SIGINT, as shells have it.
const INTERRUPTED: i32 = 130;

/// A token that is cancelled at the first SIGINT or SIGTERM: start nothing new, write down how far you are, leave. A
/// second signal ends the process at once; that is safe too, since every run goes on from the live state.
///
/// # Errors
/// Where the system refuses signal handlers.
pub fn stop_on_signal() -> std::io::Result<Stop> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = Stop::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        let name = next(&mut interrupt, &mut terminate).await;
        progress::step(progress::Step::Waiting, "stopping; once more to stop at once");
        asked.stop(StopReason::Signal(name));
        next(&mut interrupt, &mut terminate).await;
        std::process::exit(INTERRUPTED);
    });
    Ok(stop)
}

async fn next(interrupt: &mut Signal, terminate: &mut Signal) -> &'static str {
    // Both are cancel-safe: a signal that is not received now is received by the next call.
    tokio::select! {
        _ = interrupt.recv() => "SIGINT (Ctrl-C)",
        _ = terminate.recv() => "SIGTERM",
    }
}
