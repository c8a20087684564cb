//! The spoke: keeps the experiences of one member organization in step with one management experience.
//!
//! [`Spoke`] is one pass over the member experiences: discover, narrow by the filter, plan, apply, acknowledge. The agent
//! ([`run_agent`]) feeds it from the queue ([`Inbox`]); [`cli`] is the program: `run` as an agent, `sync` once, `plan`
//! without changing anything, `init` of queue and subscription, `env` of a deployed function; where AWS Lambda starts it, a function. Of several spokes of one organization one acts at a time
//! (`lease`). What is to change is decided by `pmp-plan` alone.
//!
//! A pass acts on what the ledger's head names, and on nothing else (`standing`, `snapshot`): a message only says that it is time
//! to look. Every pass starts from the live state, so a message that is lost, late or repeated, and a stop at any point, end in
//! what the newest snapshot and the filter ask for.

mod apply;
pub mod cli;
mod commands;
mod compose;
mod config;
mod draft;
mod error;
mod filters;
mod identity;
mod intake;
mod lambda;
mod lease;
mod mode;
mod pass;
mod progress;
mod retry;

pub use apply::EngineSettings;
pub use error::SpokeError;
pub use identity::Identity;
pub use intake::agent::run as run_agent;
pub use intake::inbox::{Inbox, Received};
pub use pass::tally::Tally;
pub use pass::{PassOutcome, Spoke};
