//! How both programs run as an AWS Lambda function. Lambda starts the process once and calls it
//! many times; [`is_called`] tells by Lambda's own variable whether it did.
//!
//! [`main`] is the entry point. It reads the settings, starts the log, prepares the [`Function`]
//! (clients, filter), and serves invocations until Lambda ends the environment. Each [`Invocation`]
//! has its own [`Stop`](pmp_runtime::Stop). The deadline cancels it early enough to write down how
//! far the work got, and SIGTERM cancels it at once. An invocation is answered before its deadline,
//! whatever hangs. A program that cannot start says so to Lambda and in the log.
//!
//! Two tasks are spawned, both in `runtime/extension.rs`: one waits for SIGTERM, the other is the
//! extension that makes Lambda send it.
//!
//! Lambda's runtime itself is behind the feature `runtime`. The programs have it by default; the
//! demo, which starts them as agents, builds without it. This crate knows nothing of snapshots or
//! of AWS's other services.

mod function;
mod invocation;
#[cfg(feature = "runtime")]
mod runtime;
mod start;

pub use function::Function;
pub use invocation::Invocation;
pub use start::{is_called, main};
