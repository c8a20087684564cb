//! The Marketplace Catalog as this system sees it.
//!
//! [`Catalog`] is the port: experiences, procurement policies, change sets, and nothing else of
//! AWS's API. [`SdkCatalog`] is the adapter over the official SDK, one attempt per call, under the
//! account's rate limits ([`RateLimits`], [`Pace`]). [`CatalogError`] says of every failure what
//! kind it is, so that callers decide by type and never by text. [`Probe`] is for those who try
//! what the catalog answers: the same calls, one by one, and no other way where one is refused.
//!
//! [`ProductDirectory`] is a second, optional port: what AWS Marketplace tells of a product
//! ([`SdkDirectory`]); [`LookUp`] asks it for many.
//!
//! [`ChangeHistory`] looks back: which change sets of whom there were, and what they did.
//!
//! It never decides what to change; that is the plan's part.

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
