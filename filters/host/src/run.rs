//! One run of a filter: a fresh instance with full limits, used once and dropped.
//!
//! Nothing is carried from one run to the next, so that a filter can neither remember nor leak, and a run that trapped
//! leaves nothing behind.

use std::time::{Duration, Instant};

use wasmtime::component::InstancePre;
use wasmtime::{Store, Trap, WasmBacktrace};

use crate::contract::Offers;
use crate::contract::bindings::{Filter as Exports, FilterPre};
use crate::contract::scoped::{ScopedFilter as ScopedExports, ScopedFilterPre};
use crate::engine::Runtime;
use crate::guest::Guest;
use crate::log::{Log, LogLine};
use crate::memory::Memory;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a run used up and said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// What the filter logged, up to the limits.
    pub logs: Vec<LogLine>,
    /// How many lines came after the limits were reached.
    pub logs_dropped: u64,
    /// Fuel, start-up included. The same component with the same input uses the same, on every machine.
    pub fuel_used: u64,
    /// The most that all memories and tables had together.
    pub peak_memory_bytes: usize,
    /// How long it took. The only figure here that differs from run to run.
    pub elapsed: Duration,
}

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It ran longer than it may.
    #[error("the filter used up its {budget} units of fuel: it loops, or needs too much for so many products")]
    OutOfFuel {
        /// The limit.
        budget: u64,
    },
    /// The machine was too slow, or fuel alone did not stop it.
    #[error("the filter was stopped after {} s", limit.as_secs_f64())]
    WallClock {
        /// The limit.
        limit: Duration,
    },
    /// It asked for more memory than it may have, and could not go on without.
    #[error("the filter asked for {asked} bytes of memory, more than its limit of {limit}")]
    Memory {
        /// The limit.
        limit: usize,
        /// What it would have had in all.
        asked: usize,
    },
    /// It called itself too deeply.
    #[error("the filter ran out of stack: it calls itself too deeply")]
    Stack,
    /// It broke off by itself: a panic, an assertion, an access out of bounds.
    #[error("the filter trapped{}{}", after(last_error.as_deref()), usual.map(|usual| format!(" ({usual})")).unwrap_or_default())]
    Trap {
        /// The last line that it logged as an error, which may be the message of its panic.
        last_error: Option<String>,
        /// What it mostly means, where nothing was logged and the filter holds an interpreter that is known.
        usual: Option<&'static str>,
        /// What happened.
        #[source]
        trap: Trap,
    },
    /// What it handed over cannot be read: a pointer out of bounds, text that isn't UTF-8, or too much of it.
    #[error("what the filter handed over cannot be read (at most {limit} bytes in one call)")]
    Output {
        /// The limit.
        limit: usize,
        /// What is wrong with it.
        #[source]
        source: BoxError,
    },
    /// It could not be started.
    #[error("the filter could not be started")]
    Start(#[source] BoxError),
}

fn after(last_error: Option<&str>) -> String {
    last_error.map(|line| format!(" after it logged: {line}")).unwrap_or_default()
}

/// A component that is compiled and linked: everything that is the same for all its runs.
pub(crate) struct Prepared {
    filter: FilterPre<Guest>,
    scope: Option<ScopedFilterPre<Guest>>,
    /// What a trap mostly means.
    usual: Option<&'static str>,
}

impl Prepared {
    /// An error where the component's types are not the contract's.
    pub(crate) fn new(
        linked: InstancePre<Guest>,
        offers: Offers,
        usual: Option<&'static str>,
    ) -> wasmtime::Result<Self> {
        let scope = if offers.scope { Some(ScopedFilterPre::new(linked.clone())?) } else { None };
        Ok(Self { filter: FilterPre::new(linked)?, scope, usual })
    }

    /// Whether it says which experiences are managed.
    pub(crate) fn has_scope(&self) -> bool {
        self.scope.is_some()
    }

    /// Starts an instance, calls what every filter exports, and drops the instance.
    pub(crate) fn run<T>(
        &self,
        runtime: &Runtime,
        call: impl FnOnce(&Exports, &mut Store<Guest>) -> wasmtime::Result<T>,
    ) -> (Result<T, RunError>, Usage) {
        run(runtime, self.usual, |store| self.filter.instantiate(store), call)
    }

    /// The same for the interface `scope`; none where the component doesn't export it.
    pub(crate) fn run_scope<T>(
        &self,
        runtime: &Runtime,
        call: impl FnOnce(&ScopedExports, &mut Store<Guest>) -> wasmtime::Result<T>,
    ) -> Option<(Result<T, RunError>, Usage)> {
        let scope = self.scope.as_ref()?;
        Some(run(runtime, self.usual, |store| scope.instantiate(store), call))
    }
}

fn run<E, T>(
    runtime: &Runtime,
    usual: Option<&'static str>,
    start: impl FnOnce(&mut Store<Guest>) -> wasmtime::Result<E>,
    call: impl FnOnce(&E, &mut Store<Guest>) -> wasmtime::Result<T>,
) -> (Result<T, RunError>, Usage) {
    let started = Instant::now();
    let limits = &runtime.limits;
    let guest = Guest { log: Log::new(limits), memory: Memory::new(limits.memory_bytes) };
    let mut store = Store::new(&runtime.engine, guest);
    store.limiter(|guest| &mut guest.memory);
    store.set_hostcall_fuel(limits.output_bytes);
    store.set_epoch_deadline(runtime.deadline_ticks());
    let clock = runtime.clock();

    // Fuel before the instance exists: starting it runs the filter's code too.
    let result = match store.set_fuel(limits.fuel).and_then(|()| start(&mut store)) {
        Ok(exports) => call(&exports, &mut store).map_err(|error| (false, error)),
        Err(error) => Err((true, error)),
    };
    drop(clock);

    let fuel_used = limits.fuel.saturating_sub(store.get_fuel().unwrap_or_default());
    let mut guest = store.into_data();
    let result = result.map_err(|(starting, error)| explain(error, starting, &mut guest, runtime, usual));
    let peak_memory_bytes = guest.memory.used();
    let (logs, logs_dropped) = guest.log.into_lines();
    let elapsed = started.elapsed();
    (result, Usage { logs, logs_dropped, fuel_used, peak_memory_bytes, elapsed })
}

fn explain(
    error: wasmtime::Error,
    starting: bool,
    guest: &mut Guest,
    runtime: &Runtime,
    usual: Option<&'static str>,
) -> RunError {
    let limits = &runtime.limits;
    let trap = error.downcast_ref::<Trap>().copied();
    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
        tracing::debug!(%backtrace, ?trap, "the filter's stack");
    }
    match (trap, guest.memory.refused()) {
        (Some(Trap::OutOfFuel), _) => RunError::OutOfFuel { budget: limits.fuel },
        (Some(Trap::Interrupt), _) => RunError::WallClock { limit: limits.wall_clock },
        (Some(Trap::StackOverflow), _) => RunError::Stack,
        // Languages answer a refused allocation with a trap: the refusal is what the operator can do something about.
        (_, Some(asked)) => RunError::Memory { limit: limits.memory_bytes, asked },
        (Some(trap), None) => {
            let last_error = guest.log.last_error();
            // What it said itself says more.
            RunError::Trap { usual: usual.filter(|_| last_error.is_none()), last_error, trap }
        }
        (None, None) if starting => RunError::Start(error.into()),
        (None, None) => RunError::Output { limit: limits.output_bytes, source: error.into() },
    }
}
