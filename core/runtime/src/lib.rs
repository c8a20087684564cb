//! What asynchronous work needs, whatever it does: when to stop and why, how long to wait before
//! another try, what time it is, and chance.
//!
//! - [`Stop`] is one token for everything that ends work early, with its [`StopReason`].
//!   [`stop_on_signal`] makes one that the first SIGINT or SIGTERM cancels, and spawns the one task
//!   of this crate that outlives a call: it waits for the signals. [`Stop::before`] spawns another
//!   one, which ends with the token.
//! - [`Backoff`] is the pauses between tries: they grow, with jitter, up to a bound.
//! - [`Clock`] and [`Chance`] are ports. What decides takes them as parameters, and a test hands in
//!   its own; [`SystemClock`] and [`SystemChance`] are those of the programs.
//!
//! This crate knows nothing of snapshots, of AWS, or of a terminal. What a person is told at a
//! signal, the caller says.

mod backoff;
mod chance;
mod clock;
mod signal;
mod stop;

pub use backoff::{Backoff, Waited};
pub use chance::{Chance, SystemChance};
pub use clock::{Clock, SystemClock};
pub use signal::stop_on_signal;
pub use stop::{Stop, StopReason};
