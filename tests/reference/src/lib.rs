//! The judge: what hub and spokes must do, by the documents alone.
//!
//! It was written from `docs/how-it-works.md` ("HW" in comments, with the section) and
//! `docs/protocol.md` (its sentences, such as M17), without the code that they describe. It depends
//! on the protocol's values and nothing else of this project, so no mistake of a planner, a hub or
//! a spoke is repeated here.
//!
//! Whoever runs a fleet tells a [`Reference`] what can be observed: what the management experience
//! says, what was written into the ledger, which messages were received and deleted, which change
//! sets were started, and what the experiences say. Each such fact is checked as it is told.
//! [`Reference::violations`] names each rule that was broken, by its sentence.
//! [`Reference::unfinished`] says what is missing until all are in step.
//!
//! - `content.rs`: the canonical form of a content, and its digest.
//! - `versions.rs`: the hub's line of versions, the high-water mark, announcements.
//! - `directions.rs`: pins, pauses and turns, and which version an organization is on.
//! - `member.rs`: change sets, live states and receipts of one organization.
//! - `queue.rs`: messages, and when they may be deleted.
//! - `waves.rs`: how many failures a version may have and still go on.

mod content;
mod directions;
mod member;
mod queue;
mod versions;
mod waves;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use pmp_protocol::{Digest, ExperienceId, OrganizationId, ProductId, SnapshotVersion};

pub use content::{Content, Lists};
use directions::Directions;
pub use directions::{Direction, Pause};
use member::Member;
pub use member::{Change, ReceiptSaid};
use versions::Versions;
use waves::Rollouts;

/// A version with the digest of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// The number of the version.
    pub version: SnapshotVersion,
    /// What its content must have for a digest.
    pub digest: Digest,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.version, self.digest.short())
    }
}

/// One life of a process, from its start to its end. No other life has the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Life(pub u32);

/// What must hold, and what was observed so far.
#[derive(Debug)]
pub struct Reference {
    management: ExperienceId,
    versions: Versions,
    directions: Directions,
    members: BTreeMap<OrganizationId, Member>,
    rollouts: Rollouts,
    /// Products that the catalog refuses: they are set aside.
    refused: BTreeSet<ProductId>,
    /// What [`Self::note_reached`] found, on its way.
    reached_now: Vec<(OrganizationId, ExperienceId, Target)>,
    violations: Vec<String>,
}

impl Reference {
    /// A judge of the fleet that follows `management`.
    #[must_use]
    pub fn new(management: ExperienceId) -> Self {
        Self {
            management,
            versions: Versions::default(),
            directions: Directions::default(),
            members: BTreeMap::new(),
            rollouts: Rollouts::default(),
            refused: BTreeSet::new(),
            reached_now: Vec::new(),
            violations: Vec::new(),
        }
    }

    /// The rules that were broken so far, each with its sentence.
    #[must_use]
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// The snapshot in force for an organization; none before the first version, and while the
    /// ledger says nothing that may be applied (L8).
    #[must_use]
    pub fn target(&self, organization: &OrganizationId) -> Option<Target> {
        let head = self.versions.in_force()?;
        Some(self.directions.target(organization, head))
    }

    /// The version that the ledger's head names.
    #[must_use]
    pub fn head(&self) -> Option<Target> {
        self.versions.head()
    }

    /// The versions that the ledger has now, the oldest first.
    #[must_use]
    pub fn kept(&self) -> Vec<Target> {
        let head = self.versions.head().map(|head| head.version);
        let all = self.versions.digests().map(|(version, digest)| Target { version, digest });
        all.filter(|target| Some(target.version) <= head).collect()
    }

    /// The highest version that was ever stored.
    #[must_use]
    pub fn mark(&self) -> Option<Target> {
        self.versions.mark()
    }

    /// What lies in the ledger as the direction of an organization, or of the fleet.
    #[must_use]
    pub fn direction(&self, place: Option<&OrganizationId>) -> Option<&Direction> {
        self.directions.of(place)
    }

    /// The catalog takes no change set with these products.
    pub fn refuses(&mut self, products: BTreeSet<ProductId>) {
        self.refused = products;
    }

    /// A spoke of this organization wrote into this partition of the ledger.
    pub fn wrote(&mut self, organization: &OrganizationId, partition: &str) {
        // L12.
        self.check(partition == organization.as_str(), "L12", || format!("{organization} wrote into {partition}"));
    }

    fn broken(&mut self, sentence: &str, what: impl fmt::Display) {
        self.violations.push(format!("{sentence}: {what}"));
    }

    fn check(&mut self, holds: bool, sentence: &str, what: impl FnOnce() -> String) {
        if !holds {
            self.broken(sentence, what());
        }
    }

    /// After any fact that may change what is in force: notes it for each organization, because a
    /// spoke may act on what it read a moment ago.
    fn note_targets(&mut self) {
        let targets: Vec<_> = self.members.keys().map(|id| (id.clone(), self.target(id))).collect();
        for (id, target) in targets {
            if let Some(member) = self.members.get_mut(&id) {
                member.in_force(target);
            }
        }
    }

    /// What an experience of this organization should say while `target` is in force: the content
    /// as the organization's filter leaves it (HW, "The spoke", 6). None where nobody knows the
    /// content.
    fn asked(&self, organization: &OrganizationId, target: Target) -> Option<Lists> {
        let excluded = &self.members.get(organization)?.excluded;
        let content = self.versions.content(target.digest)?;
        let approved = content.lists.approved.difference(excluded).cloned().collect();
        Some(Lists { approved, rejected: content.lists.rejected.clone() })
    }

    /// What is missing until every experience of `core` is in step and its receipt says so.
    /// Empty where nothing is.
    #[must_use]
    pub fn unfinished<'a>(&self, core: impl IntoIterator<Item = &'a OrganizationId>) -> Vec<String> {
        let mut missing = Vec::new();
        for id in core {
            let (Some(member), Some(target)) = (self.members.get(id), self.target(id)) else {
                missing.push(format!("{id}: nothing is in force"));
                continue;
            };
            let Some(asked) = self.asked(id, target) else {
                missing.push(format!("{id}: nobody knows the content of {target}"));
                continue;
            };
            missing.extend(member.unfinished(id, target, &asked, &self.refused));
        }
        missing
    }
}
