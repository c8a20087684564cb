//! The engine that all filters share, and the ticker for its wall-clock limit.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use wasmtime::{Config, Engine, EngineWeak};

use crate::Limits;

/// The step of the wall-clock limit: how often the ticker advances the engine's epoch.
const TICK: Duration = Duration::from_millis(50);
/// Stack limit of a filter in bytes: a quarter of the stack of a thread of tokio's blocking pool.
const STACK_BYTES: usize = 512 * 1024;

/// The reason why a host could not be created.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// WebAssembly can't be run here.
    #[error("cannot set up the WebAssembly engine")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The thread that watches the wall clock can't be started.
    #[error("cannot start the thread that limits how long a filter runs")]
    Clock(#[source] io::Error),
}

pmp_protocol::codes!(HostError {
    Engine => "E2008",
    Clock => "E2009",
});

pmp_protocol::without_hint!(HostError);

/// The engine with its ticker and the limits. Every filter holds it.
pub(crate) struct Runtime {
    pub(crate) engine: Engine,
    pub(crate) limits: Limits,
    ticker: Ticker,
}

impl Runtime {
    pub(crate) fn new(limits: Limits) -> Result<Self, HostError> {
        Self::of(native(), limits)
    }

    /// The same with an engine, or with the reason why there is none.
    fn of(engine: wasmtime::Result<Engine>, limits: Limits) -> Result<Self, HostError> {
        let engine = engine.map_err(|error| HostError::Engine(error.into()))?;
        let ticker = Ticker::start(engine.weak())?;
        Ok(Self { engine, limits, ticker })
    }

    /// Keeps the ticker running until the guard is dropped.
    pub(crate) fn clock(&self) -> Running<'_> {
        self.ticker.run()
    }

    /// The wall-clock limit in ticks, plus one, because the first tick may come at once.
    pub(crate) fn deadline_ticks(&self) -> u64 {
        let ticks = self.limits.wall_clock.as_millis().div_ceil(TICK.as_millis());
        u64::try_from(ticks).unwrap_or(u64::MAX / 2).saturating_add(1)
    }
}

/// An engine for this machine's processor.
pub(crate) fn native() -> wasmtime::Result<Engine> {
    Engine::new(&config())
}

/// An engine whose machine code runs on every processor of this architecture, under Linux, because
/// it does not use this machine's own extensions. Every [`Runtime`] on this architecture loads its
/// code.
pub(crate) fn for_any_processor() -> wasmtime::Result<Engine> {
    Engine::new(config().target(&format!("{}-unknown-linux-gnu", std::env::consts::ARCH))?)
}

/// The settings that make a run repeatable and limited. Features that depend on the processor or
/// the host are fixed or switched off.
fn config() -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        // The bits of a NaN, and the results of relaxed vector instructions, differ between
        // processors.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .wasm_memory64(false)
        .concurrency_support(false);
    config
}

/// Advances the engine's epoch while filters run, and sleeps otherwise.
struct Ticker {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    running: usize,
    stopped: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is two plain values, so it is valid even if a thread panicked under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticker {
    fn start(engine: EngineWeak) -> Result<Self, HostError> {
        let shared = Arc::new(Shared::default());
        let ticking = Arc::clone(&shared);
        thread::Builder::new()
            .name("filter-clock".to_owned())
            .spawn(move || tick(&ticking, &engine))
            .map_err(HostError::Clock)?;
        Ok(Self { shared })
    }

    fn run(&self) -> Running<'_> {
        self.shared.lock().running += 1;
        self.shared.changed.notify_one();
        Running { shared: &self.shared }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_one();
    }
}

/// A guard of a running filter: the ticker runs while it exists.
pub(crate) struct Running<'a> {
    shared: &'a Shared,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.shared.lock().running -= 1;
    }
}

fn tick(shared: &Shared, engine: &EngineWeak) {
    loop {
        let idle = shared
            .changed
            .wait_while(shared.lock(), |state| state.running == 0 && !state.stopped)
            .unwrap_or_else(PoisonError::into_inner);
        let (state, _) = shared
            .changed
            .wait_timeout_while(idle, TICK, |state| !state.stopped)
            .unwrap_or_else(PoisonError::into_inner);
        let stopped = state.stopped;
        drop(state);
        // A weak reference, so that this thread does not keep an unused engine alive.
        match engine.upgrade() {
            Some(engine) if !stopped => engine.increment_epoch(),
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use pmp_protocol::Coded as _;

    use super::*;

    #[test]
    fn a_machine_that_the_engine_does_not_know_runs_no_filter() {
        let engine = config().target("no-such-machine").and_then(|config| Engine::new(config));
        let error = Runtime::of(engine, Limits::default()).map(drop).unwrap_err();
        assert_eq!(error.code().to_string(), "E2008");
    }
}
