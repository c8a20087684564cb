//! How every AWS client of this system is made, and how its errors read.
//!
//! [`load`] gives the SDK configuration (profiles, regions and endpoints in the SDK's own way),
//! [`assume_role`] a second one with another account's credentials, [`caller`] who this is,
//! [`network`] how AWS is reached, [`ApiError`] what came back when a call failed and which
//! [`Permission`] it needs, [`throttles`] how often AWS asked to slow down, and [`ResourcePolicy`]
//! whom a resource lets in. It knows no service but STS, and never retries by itself: retries are
//! the SDK's.

mod arn;
mod caller;
mod cause;
mod credentials;
mod environment;
mod error;
mod files;
mod network;
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
    has_own_endpoint, hurried, in_region, in_region_of, is_queue_url, load, nothing,
};
pub use throttles::throttles;
