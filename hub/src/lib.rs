//! The hub: reads one management experience, stores it as a versioned snapshot, and publishes it.
//!
//! [`Hub`] is the use case over three ports: the catalog, the snapshot store, and the topic.
//! [`cli`] is the program: `publish` once, `run` as an agent, `status` of the spokes, `members` who
//! are admitted, `recover` after a restore, `init` of tables and topic, `doctor`; where AWS Lambda
//! starts it, a function. The hub reads the catalog and never changes it. One command does, and
//! only the experience that it is given: `verify-aws`, which a person runs to try what AWS
//! documents nowhere.

pub mod cli;
mod commands;
mod compose;
mod config;
mod confirm;
mod error;
mod inspect;
mod metrics;
mod publish;
mod render;
#[cfg(test)]
mod schema;
mod signing;
mod status;
mod triggers;
mod verify;

pub use error::HubError;
pub use pmp_aws::TopicArn;
pub use publish::topic::{SnsTopic, Topic};
pub use publish::{Hub, Outcome, Published, Sent, Trigger};
pub use signing::{Signer, Signing, SigningError, SigningKey, SigningKeyError};
pub use status::fleet::Restored;
pub use status::{SpokeState, SpokeStatus};
