//! The spoke: keeps the experiences of one member organization in step with one management
//! experience.
//!
//! # Entry points
//!
//! - [`cli::main`] is the program. It starts a command from `commands`, or the Lambda function in
//!   `lambda`. `compose` makes the [`Spoke`] from the settings (`config`).
//! - [`run_agent`] is the long-running spoke. It receives messages from an [`Inbox`], and gives
//!   them to `intake::handler`, as the function does with its batches.
//! - `Spoke::sync` is one pass: it discovers the member experiences, narrows each by its filter,
//!   plans, applies, and writes a receipt for each. `pass` tells the steps.
//!
//! What is to be changed is decided by `pmp-plan` alone. A pass acts on what the ledger's head
//! names (rule 9), and starts from the live state (rule 2). So a message that is lost, late or
//! repeated, and a stop at any point, end in what the newest snapshot and the filter ask for.
//!
//! # Tasks
//!
//! - The lease keeper (`lease`, one for each pass) renews the lease, and cancels the pass's `Stop`
//!   when the lease is lost. A token ends it.
//! - The starter (`apply::starter`, one for each pass) receives parts of change sets over an `mpsc`
//!   channel. It answers each over a `oneshot` channel: started, refused or stopped. For each
//!   change set it spawns a task that asks the catalog and gives the change set to the poller.
//! - The poller (`apply::poller`, one for each pass) receives open change sets over an `mpsc`
//!   channel. It answers over a `oneshot` channel how each ended, and wakes a `Notify` when any of
//!   them ended.
//! - Two batchers (`apply::batcher`, for experiences and for policies) receive ids over an `mpsc`
//!   channel, and answer over a `oneshot` channel what was read. Each batch is a task of its own.
//! - The reporter (`pass::reporter`, one for each experience that is applied) reads the
//!   experience's progress from a `watch` channel, and writes `applying` receipts into the ledger.
//!
//! Filters run on threads of tokio's blocking pool (`filters::narrow`, `filters::load`). Each task
//! ends when its handle is dropped or finished.
//!
//! # Ports
//!
//! The catalog, the ledger's tables and the lease are ports of `pmp-catalog` and `pmp-ledger`. Here
//! are [`Inbox`] (its adapter is `intake::sqs`), and `ShowProgress` and `MetricsSink`, which the
//! commands implement for the terminal.

mod apply;
pub mod cli;
mod commands;
mod compose;
mod config;
mod draft;
mod erosion;
mod error;
mod filters;
mod identity;
mod intake;
mod lambda;
mod lease;
mod metrics;
mod metrics_sink;
mod mode;
mod not_obeyed;
mod pass;
mod progress;
mod retry;
#[cfg(test)]
mod schema;

pub use error::SpokeError;
pub use identity::Identity;
pub use intake::agent::run as run_agent;
pub use intake::backlog::{Backlog, Worth, weigh};
pub use intake::inbox::{Inbox, Received};
pub use intake::sqs::SqsInbox;
pub use pass::tally::Tally;
pub use pass::{PassOutcome, Spoke};
