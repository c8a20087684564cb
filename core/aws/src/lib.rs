//! How every AWS client of this system is made, and how its errors read.
//!
//! [`load`] gives the SDK configuration (profiles, regions and endpoints in the SDK's own way), [`assume_role`] a second
//! one with another account's credentials, [`ApiError`] what came back when a call failed, and [`throttles`] how often AWS
//! asked to slow down. It knows no service but STS, and never retries by itself: retries are the SDK's.

mod error;
mod session;
mod throttles;

pub use error::{ApiError, Outcome};
pub use session::{AssumedRole, DEFAULT_REGION, assume_role, for_queue, in_region, load};
pub use throttles::throttles;
