//! Values for tests, of this crate and of others: everything is there, and each test says what is
//! different about its own: `Receipt { filtered: 3, ..receipt(42, status, None) }`. In no program:
//! only the feature `testing` compiles it.
//!
//! The values agree with each other. All are of one organization, which follows one management
//! experience, and of one moment.

// An id that is none ends the test that spells it.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    AccountId, Content, Digest, ExperienceId, OrganizationId, OrganizationSeen, ProductId, Receipt, ReceiptStatus,
    ResourceRequests, Sealed, Snapshot, SnapshotVersion,
};

/// Characters that act on a terminal, or that nobody sees: written down once more by their meaning,
/// and not taken from the code that keeps them away.
#[must_use]
pub fn acts(c: char) -> bool {
    let number = u32::from(c);
    c.is_control()
        || [0x061c, 0x200b, 0x200e, 0x200f, 0x2028, 0x2029, 0x00ad, 0x034f, 0x3164, 0xfeff].contains(&number)
        || (0x202a..=0x202e).contains(&number)
        || (0x2060..=0x206f).contains(&number)
        || (0xe0000..=0xe00ff).contains(&number)
        || (0xe01f0..=0xe0fff).contains(&number)
}

/// The moment of all values: 2026-11-24, at noon.
#[must_use]
pub fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

/// The member organization of all values: `o-alpha00000`.
#[must_use]
pub fn alpha() -> OrganizationId {
    organization("o-alpha00000")
}

/// The management experience of all values: `exp-management`.
#[must_use]
pub fn management() -> ExperienceId {
    experience("exp-management")
}

/// The organization with this id.
#[must_use]
pub fn organization(id: &str) -> OrganizationId {
    OrganizationId::new(id).unwrap()
}

/// The experience with this id.
#[must_use]
pub fn experience(id: &str) -> ExperienceId {
    ExperienceId::new(id).unwrap()
}

/// The product with this id.
#[must_use]
pub fn product(id: &str) -> ProductId {
    ProductId::new(id).unwrap()
}

/// The version with this number.
#[must_use]
pub fn version(number: u64) -> SnapshotVersion {
    SnapshotVersion::new(number).unwrap()
}

/// A receipt of `exp-member`, for a snapshot of content `now`. Nothing is applied, and nothing out
/// of the ordinary happened: no filter, no drift, no change set.
#[must_use]
pub fn receipt(number: u64, status: ReceiptStatus, error: Option<&str>) -> Receipt {
    Receipt {
        organization: alpha(),
        experience: management(),
        member_experience: experience("exp-member"),
        version: version(number),
        digest: Digest::of(b"now"),
        line: 0,
        status,
        paused: None,
        windows: None,
        received_at: now(),
        applied_at: None,
        applied: None,
        allowed: 3,
        denied: 1,
        pending: 2,
        would_change: None,
        left: None,
        drift: None,
        filtered: 0,
        filtered_for: Vec::new(),
        filter_warnings: Vec::new(),
        deferred: Vec::new(),
        change_sets: Vec::new(),
        running: None,
        filter: None,
        filter_input: None,
        confirmed: None,
        removals: Vec::new(),
        owner: None,
        recorded: None,
        spoke_version: "0.1.0".into(),
        error: error.map(str::to_owned),
    }
}

/// The sign of life of a spoke that keeps one experience in step, and does not say which spoke it
/// is.
#[must_use]
pub fn seen() -> OrganizationSeen {
    OrganizationSeen {
        organization: alpha(),
        experience: management(),
        last_seen: now(),
        account: AccountId::new("111111111111").unwrap(),
        region: "us-east-1".into(),
        experiences: 1,
        spoke: None,
        spoke_version: "0.1.0".into(),
        error: None,
        change_set_times: None,
        needs: None,
        ledger: None,
        hold: None,
        disputed: Vec::new(),
        filter_settings: Vec::new(),
    }
}

/// A content of the management experience, without notes, that allows requests for resources.
#[must_use]
pub fn content(approved: &[&str], rejected: &[&str]) -> Content {
    content_of(&management(), approved, rejected)
}

/// The same, of another management experience.
#[must_use]
pub fn content_of(experience: &ExperienceId, approved: &[&str], rejected: &[&str]) -> Content {
    let ids = |ids: &[&str]| ids.iter().map(|id| product(id)).collect();
    let (approved, rejected) = (ids(approved), ids(rejected));
    Content::new(experience.clone(), approved, rejected, BTreeMap::new(), ResourceRequests::Allow).unwrap()
}

/// The content as the hub stores and sends it.
#[must_use]
pub fn sealed(content: &Content) -> Sealed {
    Sealed::new(content).unwrap()
}

/// The content as a release to come may store it: with something that this one does not know.
#[must_use]
pub fn sealed_by_a_newer_release(content: &Content) -> Sealed {
    let mut canonical = serde_json::to_value(content).unwrap();
    canonical["later"] = serde_json::json!({"by": "a newer release"});
    let canonical = serde_json::to_vec(&canonical).unwrap();
    Sealed::from_parts(Digest::of(&canonical), content.counts(), crate::seal::pack(&canonical).unwrap())
}

/// The content as the snapshot with this number.
#[must_use]
pub fn snapshot(number: u64, content: &Content) -> Snapshot {
    Snapshot::open(content.experience(), version(number), now(), &sealed(content)).unwrap()
}
