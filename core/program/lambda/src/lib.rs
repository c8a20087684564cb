//! How both programs run as an AWS Lambda function: found by Lambda's own variable, started once,
//! called many times.
//!
//! [`main`] reads the settings, starts the log, prepares the [`Function`] (clients, filter) and
//! serves invocations until Lambda ends the environment. Each invocation has its own
//! [`Stop`](pmp_runtime::Stop), which its deadline cancels early enough to write down how far the
//! work got, and SIGTERM at once; whatever hangs, it is answered before the deadline. What cannot
//! start says so to Lambda and in the log. It knows nothing of snapshots or AWS's other services.
//!
//! Lambda's runtime itself is behind the feature `runtime`. The programs have it by default; the
//! demo, which starts them as agents, builds without it.

mod function;
mod invocation;
#[cfg(feature = "runtime")]
mod runtime;

pub use function::{Function, is_called, main};
pub use invocation::Invocation;
