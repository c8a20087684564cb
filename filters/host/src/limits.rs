//! The limits on the resources of a filter.

use std::time::Duration;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The limits on the resources of a filter, for each run. A filter that exceeds one fails with an
/// error that names it, and nothing of the run is used.
///
/// The defaults run a catalog of 20,000 products through a filter in any language that builds
/// components, with room to spare. They are high because a filter comes from the organization
/// itself. They exist because it can still be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Size of the component file in bytes. It is checked before anything else.
    pub file_bytes: usize,
    /// Processor time of the compiler, of all its threads together, if it has a process of its own.
    pub compile_cpu: Duration,
    /// Address space of the compiler in bytes, if it has a process of its own.
    pub compile_memory: usize,
    /// All memories and tables of an instance together, in bytes.
    pub memory_bytes: usize,
    /// Instructions, roughly. Exact and repeatable, start-up included: this is the budget that
    /// normally ends a loop.
    pub fuel: u64,
    /// The wall-clock limit behind `fuel`, for a machine that is much slower than expected. Its
    /// step is 50 ms.
    pub wall_clock: Duration,
    /// Bytes that the filter may pass to the host in one call.
    pub output_bytes: usize,
    /// Size of the configuration in bytes.
    pub config_bytes: usize,
    /// The number of log lines that are kept. Further ones are only counted.
    pub log_lines: usize,
    /// Bytes of all log lines that are kept.
    pub log_bytes: usize,
    /// Length of a reason in bytes; longer ones are cut.
    pub reason_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 4 * MIB,
            compile_cpu: Duration::from_secs(120),
            compile_memory: 2048 * MIB,
            memory_bytes: 64 * MIB,
            fuel: 5_000_000_000,
            wall_clock: Duration::from_secs(20),
            output_bytes: 16 * MIB,
            config_bytes: 256 * KIB,
            log_lines: 100,
            log_bytes: 16 * KIB,
            reason_bytes: 256,
        }
    }
}
