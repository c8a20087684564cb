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

mod agent;
mod answer;
mod apply;
mod attributes;
mod backlog;
mod beside;
pub mod cli;
mod commands;
mod config;
mod doctor;
mod drift;
mod env;
mod erosion;
mod error;
mod figures;
mod filter_rules;
mod filters;
mod function;
mod identity;
mod inbox;
mod init;
mod lease;
mod lists;
mod load;
mod member;
mod mistyped;
mod mode;
mod narrow;
mod pass;
mod patience;
mod plan_file;
mod preview;
mod receipt;
mod record;
mod render;
mod reporter;
mod set_aside;
mod snapshot;
mod standing;
mod tally;
mod trust;

pub use agent::run as run_agent;
pub use apply::EngineSettings;
pub use error::SpokeError;
pub use identity::Identity;
pub use inbox::{Inbox, Received};
pub use pass::{Pass, Spoke};
pub use tally::Tally;
