//! The Marketplace Catalog as this system sees it. Nothing here decides what to change; the plan
//! does.
//!
//! - [`Catalog`] is the port: experiences, procurement policies and change sets, and nothing else
//!   of AWS's API. [`SdkCatalog`] is the adapter over the official SDK.
//! - [`Pace`] holds a [`Limiter`] for each [`Operation`], at the rates of [`RateLimits`]. Reads
//!   take their permit by themselves, callers that start and describe change sets take it before
//!   the call.
//! - [`CatalogError`] has an [`ErrorClass`], so that callers decide by type and never by text.
//! - [`ProductDirectory`] is a second, optional port: what AWS Marketplace tells of a product.
//!   [`SdkDirectory`] is its adapter, and [`LookUp`] asks it for many products.
//! - [`ChangeHistory`] is the port that looks back: which change sets there were, and what they
//!   did.
//! - [`Probe`] makes single calls whose answers are returned as they are, for `verify-aws`.
//!
//! No task is spawned here, but that a large answer is read on a thread that may block.

mod change_set;
mod details;
mod directory;
mod error;
mod experience;
mod history;
mod intern;
mod note;
mod operation;
mod pace;
mod policy;
mod port;
mod rate;
mod raw;
mod sdk;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use change_set::{ChangeError, ChangeKind, ChangeSetId, ChangeSetRequest, ChangeSetState, ChangeSetStatus, Part};
pub use directory::{
    LookUp, MAX_SEARCHED, ProductAttributes, ProductDirectory, SdkDirectory, Told, tells_of_listings, tells_of_products,
};
pub use error::{CatalogError, ErrorClass};
pub use experience::{Experience, ExperienceStatus, NotLive, PolicyId, Revision};
pub use history::{ChangeHistory, Edits, PastChangeSet};
pub use operation::{Operation, PerOperation};
pub use pace::{Limiter, Pace};
pub use policy::ProcurementPolicy;
pub use port::{Catalog, Probe, Scope};
pub use rate::{RateLimits, RatesError};
pub use sdk::SdkCatalog;
