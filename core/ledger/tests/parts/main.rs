//! Snapshots that are too large for one transaction: over the real client, wherever a hub stops,
//! whatever somebody does to the items, and however many read them at once.

#![allow(clippy::unwrap_used, missing_docs)]

mod crowd;
mod damage;
mod hubs;
mod table;
mod tearing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jiff::Timestamp;
use pmp_ledger::NewSnapshot;
use pmp_protocol::{Content, Digest, ExperienceId, ProductId, ResourceRequests, Sealed, SnapshotVersion};

/// Two contents that are too large for one transaction, and one that is not.
static LARGE: LazyLock<Sealed> = LazyLock::new(|| sealed(165_000, "a"));
static OTHER: LazyLock<Sealed> = LazyLock::new(|| sealed(165_000, "b"));
static SMALL: LazyLock<Sealed> = LazyLock::new(|| sealed(100, "c"));

fn management() -> ExperienceId {
    ExperienceId::new("exp-management").unwrap()
}

fn version(number: u64) -> SnapshotVersion {
    SnapshotVersion::new(number).unwrap()
}

fn at() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

/// Products with random ids, which do not pack well.
fn sealed(products: usize, seed: &str) -> Sealed {
    let id = |n: usize| {
        let hex = Digest::of(format!("{seed}{n}").as_bytes()).hex();
        ProductId::new(&format!("prod-{}", &hex[..40])).unwrap()
    };
    let approved: BTreeSet<_> = (0..products).map(id).collect();
    let content = Content::new(management(), approved, BTreeSet::new(), BTreeMap::new(), ResourceRequests::Allow);
    Sealed::new(&content.unwrap()).unwrap()
}

fn new<'a>(experience: &'a ExperienceId, previous: Option<u64>, number: u64, sealed: &'a Sealed) -> NewSnapshot<'a> {
    NewSnapshot {
        experience,
        previous: previous.map(version),
        version: version(number),
        taken_at: at(),
        sealed,
        statement: None,
        pinned: None,
    }
}
