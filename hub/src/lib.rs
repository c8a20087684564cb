//! The hub: reads one management experience, stores it as a versioned snapshot, and publishes it.
//!
//! [`Hub`] is the use case over three ports: the catalog, the snapshot store, and the topic. [`cli`] is the program:
//! `publish` once, `run` as an agent, `status` of the spokes, `members` who are admitted, `recover` after a restore, `init`
//! of tables and topic, `doctor`; where AWS Lambda starts
//! it, a function. The hub reads the catalog and never changes it. One command does, and only the experience that it is given:
//! `verify-aws`, which a person runs to try what AWS documents nowhere.

mod agent;
mod cause;
pub mod cli;
mod commands;
mod compose;
mod config;
mod confirm;
mod difference;
mod doctor;
mod drift;
mod error;
mod events;
mod exceptions;
mod figures;
mod fleet;
mod fleet_plan;
mod function;
mod group;
mod init;
mod kept;
mod members;
mod mistyped;
mod named;
mod page;
mod products;
mod publish;
mod read;
#[cfg(test)]
mod schema;
mod select;
mod shown;
mod signing;
mod status;
mod topic;
mod trigger;
mod verify;
mod versions;
mod why;

pub use error::HubError;
pub use fleet::Restored;
pub use publish::{Hub, Outcome, Published, Trigger};
pub use signing::{Signer, Signing, SigningError, SigningKey, SigningKeyError};
pub use status::{SpokeState, SpokeStatus};
pub use topic::{SnsTopic, Topic, TopicArn};
