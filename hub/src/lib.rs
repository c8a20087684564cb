//! The hub: reads one management experience, stores it as a versioned snapshot, and publishes it.
//!
//! The hub reads the catalog and never changes it. One command does, and only the experience that
//! it is given: `verify-aws`, which a person runs to try what AWS documents nowhere.
//!
//! # Where to start
//!
//! [`Hub::publish`] is the use case, over ports for the catalog, the snapshot store, the mark of
//! the highest version and the topic. It is reached in three ways:
//!
//! - [`cli::main`] decides whether this process is a command or a function. `commands` holds a file
//!   for each command, and `publish` runs the use case once.
//! - `triggers::agent` is the loop of `run`: it publishes by schedule and on change events.
//! - `lambda` is the function: each invocation is one event.
//!
//! # The folders
//!
//! - `publish`: the use case, the read of the management experience, the topic, and the lookup of
//!   products for the members' filters.
//! - `status`: how the fleet stands. `fleet` reads the ledger, `judge` makes rows of it.
//! - `notify`: tells operations what changed in the fleet, once. `follow_up` does it after a run.
//! - `inspect`: what operators ask of the fleet and its history. Each module is pure.
//! - `render`: what a person sees of rows. Nothing above it knows of a terminal.
//! - `web`: the page of the fleet, as a file and as it is served on this machine.
//! - `rollout`: the state of waves. `publish/waves` carries out the steps that `pmp-waves` decides.
//! - `triggers`: what makes the hub look.
//! - `commands`, `lambda`, `compose`, `config`: the program, the function, the parts of a hub, and
//!   its settings.
//! - `filters`: runs members' filters again, in a process of its own, to foresee a publish.
//! - `audit`: writes who did what into the ledger's chain.
//! - `confirm`, `signing`, `metrics`: one use case each beside these. `known_keys` keeps the keys
//!   of before, `published` is what a run tells of itself, and `several` tells what came of more
//!   than one management experience.
//! - `verify`: the command that tries AWS's undocumented behaviour.
//!
//! # The tasks
//!
//! `run` spawns no task. It drives two futures side by side in one task for each management
//! experience: `triggers::agent::run`, which publishes, and `publish::products::run`, which looks
//! products up after each publish that succeeded and is woken by a
//! [`Notify`](tokio::sync::Notify). Where there are several, `triggers::calls` takes the change
//! events, and has each of them look. `serve` spawns a task for each connection (`web::server`).
//! All end when the process is told to stop. The task that waits for signals belongs to
//! `pmp-terminal`.

mod audit;
pub mod cli;
mod commands;
mod compose;
mod config;
mod confirm;
mod directed;
mod error;
mod filters;
mod follow_up;
mod inspect;
mod known_keys;
mod lambda;
mod metrics;
mod notify;
mod publish;
mod published;
mod render;
mod rollout;
#[cfg(test)]
mod schema;
mod several;
mod signing;
mod status;
mod steer;
#[cfg(feature = "testing")]
pub mod testing;
mod triggers;
mod verify;
mod web;

pub use error::HubError;
pub use inspect::plan::{
    FilteredCase, FleetPlan, Foresight, Outlook, PlannedProduct, PlannedRow, PlannedStep, ProductsFrom,
};
pub use pmp_aws::TopicArn;
pub use publish::topic::{SnsTopic, Topic};
pub use publish::waves::Rollouts;
pub use publish::{Decision, Hub, Outcome, Published, Sent, Trigger, decide};
pub use signing::{Signer, Signing, SigningError, SigningKey, SigningKeyError};
pub use status::fleet::Restored;
pub use status::{SpokeState, SpokeStatus};
