//! One run of a filter: a fresh instance with full limits, used once and dropped.
//!
//! No state passes from one run to the next. So a filter can neither remember nor leak anything,
//! and a run that trapped leaves nothing behind.

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

/// The resources that a run used, and its log lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// The filter's log lines, up to the limits.
    pub logs: Vec<LogLine>,
    /// The number of log lines that were dropped because of the limits.
    pub logs_dropped: u64,
    /// The fuel that was used, including start-up. The same component with the same input uses the
    /// same amount on every machine.
    pub fuel_used: u64,
    /// The largest total of all memories and tables, in bytes.
    pub peak_memory_bytes: usize,
    /// The duration of the run. Only this value differs from run to run.
    pub elapsed: Duration,
}

/// The reason why a run did not finish.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The filter used more fuel than it may.
    #[error("the filter used up its {budget} units of fuel: it loops, or needs too much for so many products")]
    OutOfFuel {
        /// The limit in units of fuel.
        budget: u64,
    },
    /// The filter ran too long by the clock, before its fuel was used up.
    #[error("the filter was stopped after {} s", limit.as_secs_f64())]
    WallClock {
        /// The limit by the clock.
        limit: Duration,
    },
    /// The filter asked for more memory than it may have, and then failed.
    #[error("the filter asked for {asked} bytes of memory, more than its limit of {limit}")]
    Memory {
        /// The limit in bytes.
        limit: usize,
        /// The total that the request would have led to.
        asked: usize,
    },
    /// The filter's recursion was too deep.
    #[error("the filter ran out of stack: it calls itself too deeply")]
    Stack,
    /// The filter trapped: a panic, an assertion, an access out of bounds.
    #[error("the filter trapped{}{}", after(last_error.as_deref()), usual.map(|usual| format!(" ({usual})")).unwrap_or_default())]
    Trap {
        /// The last line that it logged as an error. It may be the message of its panic.
        last_error: Option<String>,
        /// The usual reason, if nothing was logged and the filter contains a known interpreter.
        usual: Option<&'static str>,
        /// The trap, as wasmtime names it.
        #[source]
        trap: Trap,
    },
    /// The filter's output cannot be read: a pointer out of bounds, a text that isn't UTF-8, or too
    /// much of it.
    #[error("what the filter handed over cannot be read (at most {limit} bytes in one call)")]
    Output {
        /// The limit in bytes.
        limit: usize,
        /// The fault of the output.
        #[source]
        source: BoxError,
    },
    /// The instance could not be started.
    #[error("the filter could not be started")]
    Start(#[source] BoxError),
}

pmp_protocol::codes!(RunError {
    OutOfFuel => "E2037",
    WallClock => "E2038",
    Memory => "E2039",
    Stack => "E2040",
    Trap => "E2041",
    Output => "E2042",
    Start => "E2043",
});

pmp_protocol::without_hint!(RunError);

fn after(last_error: Option<&str>) -> String {
    last_error.map(|line| format!(" after it logged: {line}")).unwrap_or_default()
}

/// A component that is compiled and linked: the part that all its runs share.
pub(crate) struct Prepared {
    filter: FilterPre<Guest>,
    scope: Option<ScopedFilterPre<Guest>>,
    /// The usual reason for a trap.
    usual: Option<&'static str>,
}

impl Prepared {
    /// Fails if the component's types are not those of the contract.
    pub(crate) fn new(
        linked: InstancePre<Guest>,
        offers: Offers,
        usual: Option<&'static str>,
    ) -> wasmtime::Result<Self> {
        let scope = if offers.scope { Some(ScopedFilterPre::new(linked.clone())?) } else { None };
        Ok(Self { filter: FilterPre::new(linked)?, scope, usual })
    }

    /// Whether the component exports `scope`.
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

    /// Runs the interface `scope` in an instance. Returns `None` if the component does not export
    /// it.
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

    // Fuel is set before the instance is created, because the start of an instance runs the
    // filter's code as well.
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
        // Many languages trap after a refused allocation. The refusal is the reason that the
        // operator can act on.
        (_, Some(asked)) => RunError::Memory { limit: limits.memory_bytes, asked },
        (Some(trap), None) => {
            let last_error = guest.log.last_error();
            // The filter's own message is better than the usual reason.
            RunError::Trap { usual: usual.filter(|_| last_error.is_none()), last_error, trap }
        }
        (None, None) if starting => RunError::Start(error.into()),
        (None, None) => RunError::Output { limit: limits.output_bytes, source: error.into() },
    }
}
