//! Snapshot versions: 1, 2, 3 … for each management experience, without gaps.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The number of a snapshot. It grows by one each time the content changed, and never otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SnapshotVersion(NonZeroU64);

/// A number that cannot be a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a snapshot version (1, 2, 3, …)")]
pub struct VersionError(String);

crate::codes!(VersionError => "E1027");

crate::without_hint!(VersionError);

impl SnapshotVersion {
    /// The first version of every management experience.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// The version with this number; 0 is none.
    pub fn new(number: u64) -> Result<Self, VersionError> {
        NonZeroU64::new(number).map(Self).ok_or_else(|| VersionError(number.to_string()))
    }

    /// The version as a number, 1 or more.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// The next version, without a gap. At the end of `u64` it stays: at one version a millisecond,
    /// half a billion years.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for SnapshotVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for SnapshotVersion {
    type Err = VersionError;
    fn from_str(text: &str) -> Result<Self, VersionError> {
        text.parse().map(Self).map_err(|_| VersionError(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Coded as _;

    #[test]
    fn versions_are_whole_numbers_from_one_on() {
        assert_eq!("1".parse(), Ok(SnapshotVersion::FIRST));
        for none in ["0", "-1", "1.5", "", "newest"] {
            assert_eq!(none.parse::<SnapshotVersion>().unwrap_err().code().to_string(), "E1027", "{none}");
        }
        assert_eq!(SnapshotVersion::new(0).unwrap_err().code().to_string(), "E1027");
    }
}
