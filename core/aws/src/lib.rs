//! How every AWS client of this system is made, and how its errors read.
//!
//! - [`load`] gives the SDK's configuration: profiles, regions and endpoints in the SDK's own way.
//!   [`assume_role`] gives a second one with another account's credentials, [`in_region`] and
//!   [`for_queue`] one for another region.
//! - [`network`] and [`reached`] say by which way AWS is reached, [`caller`] who this is.
//! - [`ApiError`] is a failed call, with the [`Permission`] that it needs and the [`Refuser`] that
//!   denied it. [`throttles`] counts how often AWS asked to slow down.
//! - [`Arn`] and its kinds, and [`QueueUrl`], are parsed where they enter the process.
//! - [`ResourcePolicy`] tells whom a queue or a topic lets in.
//!
//! This crate calls no service but STS, spawns no task, and never retries by itself: retries are
//! the SDK's.

mod arn;
mod caller;
mod cause;
mod credentials;
mod environment;
mod error;
mod files;
mod network;
mod one_piece;
mod permission;
mod policy;
mod profile;
mod queue_url;
mod refuser;
mod renewal;
mod session;
mod sign_in;
mod throttles;

pub use arn::{Arn, ArnError, QueueArn, QueueArnError, RoleArn, RoleArnError, TopicArn, TopicArnError};
pub use caller::{Caller, caller};
pub use cause::{Cause, root_cause};
pub use environment::{ConfigError, is_region};
pub use error::{ApiError, Outcome};
pub use network::{Network, Reached, network, reached};
pub use permission::Permission;
pub use policy::{Admission, Asker, PolicyError, Request, ResourcePolicy};
pub use queue_url::{QueueUrl, QueueUrlError};
pub use refuser::Refuser;
pub use renewal::AskWithNewSession;
pub use session::{
    AssumedRole, DEFAULT_REGION, assume_role, assume_role_now, endpoint_origin, for_catalog, for_queue,
    has_own_endpoint, hurried, in_region, in_region_of, load, nothing,
};
pub use throttles::{Throttled, throttled, throttles};
