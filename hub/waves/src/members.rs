//! Who belongs to a wave.

use std::collections::BTreeSet;

use pmp_protocol::{Digest, OrganizationId};

/// The members of a wave, before those of earlier waves are taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Members {
    /// Organizations that are named.
    Organizations(BTreeSet<OrganizationId>),
    /// A part of the fleet, whose members the hash of their ids chooses.
    Share(Share),
}

impl Members {
    /// Whether the organization is one of them.
    #[must_use]
    pub fn include(&self, organization: &OrganizationId) -> bool {
        match self {
            Self::Organizations(organizations) => organizations.contains(organization),
            Self::Share(share) => share.includes(organization),
        }
    }
}

/// A part of the fleet in percent, 1 to 100. Which organizations it holds depends on their ids
/// alone: a larger share holds all those of a smaller one, and an organization that joins or leaves
/// moves no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u8);

impl Share {
    /// The share that holds the whole fleet.
    pub const ALL: Self = Self(100);

    /// The share of this many percent; none outside 1 to 100.
    #[must_use]
    pub fn new(percent: u64) -> Option<Self> {
        u8::try_from(percent).ok().filter(|percent| (1..=100).contains(percent)).map(Self)
    }

    /// The share in percent, 1 to 100.
    #[must_use]
    pub fn percent(self) -> u8 {
        self.0
    }

    /// Whether the organization is in it.
    #[must_use]
    pub fn includes(self, organization: &OrganizationId) -> bool {
        // All of them need no hash, and no chance that one is left out.
        self == Self::ALL || place(organization) < u64::from(self.0) * PLACES / 100
    }
}

/// Places among which organizations are distributed: hundredths of a percent.
const PLACES: u64 = 10_000;

/// The place of an organization, the same in every release: changing this moves organizations
/// between waves.
fn place(organization: &OrganizationId) -> u64 {
    let digest = Digest::of(format!("pmp-sync wave 1 {organization}").as_bytes());
    let first = digest.bytes().iter().take(8);
    first.fold(0_u64, |number, byte| number << 8 | u64::from(*byte)) % PLACES
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn organization(n: u32) -> OrganizationId {
        OrganizationId::new(&format!("o-{n:010}")).unwrap()
    }

    #[test]
    fn a_share_of_a_large_fleet_is_about_what_it_says() {
        for percent in [1, 25, 50, 99] {
            let share = Share::new(percent).unwrap();
            let members = (0..10_000).filter(|n| share.includes(&organization(*n))).count();
            let expected = percent as usize * 100;
            assert!(members.abs_diff(expected) < 200, "{percent} %: {members} of 10000");
        }
        assert_eq!((0..1_000).filter(|n| Share::ALL.includes(&organization(*n))).count(), 1_000);
    }

    #[test]
    fn an_organizations_place_is_the_same_in_every_release() {
        // Computed with Python's hashlib: int(sha256(text).hexdigest()[:16], 16) % 10000.
        assert_eq!([1, 2, 3].map(|n| place(&organization(n))), [1975, 7509, 1770]);
    }

    #[test]
    fn a_share_is_between_one_and_a_hundred() {
        assert_eq!([0, 101, 356].map(Share::new), [None; 3]);
        assert_eq!(Share::new(100), Some(Share::ALL));
    }

    proptest! {
        #[test]
        fn a_growing_share_only_adds(n in any::<u32>(), smaller in 1_u64..=100, more in 0_u64..100) {
            let (small, large) = (Share::new(smaller).unwrap(), Share::new((smaller + more).min(100)).unwrap());
            prop_assert!(!small.includes(&organization(n)) || large.includes(&organization(n)));
        }
    }
}
