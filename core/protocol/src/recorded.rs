//! How far the record of decisions and outcomes goes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Digest;

/// How far the record of a member experience goes, as its receipt says: the next pass goes on from
/// there without reading it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Recorded {
    /// How many outcomes were kept so far: the next one takes the place of the hundredth before it.
    #[serde(default)]
    pub outcomes: u64,
    /// What the newest entry of the journal of decisions says, as a digest; absent where it was not
    /// written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decisions: Option<Digest>,
    /// When that was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::DateTime>"))]
    pub written_at: Option<Timestamp>,
}
