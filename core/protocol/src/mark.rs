//! The high-water mark: how far a hub ever came, beside the head that says where it stands.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Digest, SnapshotVersion};

/// The highest version that the hub ever stored for a management experience.
///
/// It lies in another table than the head, so that a table which was restored to an earlier moment
/// can be told from a receipt that somebody made up: a mark above the head means the former.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HeadMark {
    /// The highest version that was stored.
    pub version: SnapshotVersion,
    /// The digest of its content.
    pub digest: Digest,
    /// When the hub stored it.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DateTime"))]
    pub at: Timestamp,
}
