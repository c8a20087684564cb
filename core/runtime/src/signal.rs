//! Stopping in two stages: the first signal asks, the second ends the process.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{Stop, StopReason};

/// A signal that asks to stop.
#[derive(Debug, Clone, Copy)]
enum Asked {
    Interrupt,
    Terminate,
}

impl Asked {
    fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT (Ctrl-C)",
            Self::Terminate => "SIGTERM",
        }
    }

    /// The code of a process that it ends: 128 and its number, as shells have it.
    fn code(self) -> i32 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// A token that is cancelled at the first SIGINT or SIGTERM: start nothing new, write down how far
/// you are, leave. A second signal ends the process at once, with the exit code that shells expect;
/// that is safe where every run goes on from the live state.
///
/// `tell` is called once, at the first signal, with the sentence for a person: what happens now,
/// and what a second signal does. The task that waits for the signals is spawned here, so this
/// needs a runtime.
///
/// # Errors
/// Where the system refuses signal handlers.
pub fn stop_on_signal(tell: impl FnOnce(&'static str) + Send + 'static) -> std::io::Result<Stop> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = Stop::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        let first = next(&mut interrupt, &mut terminate).await;
        tell(match first {
            Asked::Interrupt => "stopping; press Ctrl-C again to stop at once",
            Asked::Terminate => "stopping; a second signal stops it at once",
        });
        asked.stop(StopReason::Signal(first.name()));
        let second = next(&mut interrupt, &mut terminate).await;
        std::process::exit(second.code());
    });
    Ok(stop)
}

async fn next(interrupt: &mut Signal, terminate: &mut Signal) -> Asked {
    // Both are cancel-safe: a signal that is not received now is received by the next call.
    tokio::select! {
        biased;
        _ = interrupt.recv() => Asked::Interrupt,
        _ = terminate.recv() => Asked::Terminate,
    }
}
