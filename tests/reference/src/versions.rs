//! The hub's line of versions: HW, "The hub", 3 to 5; protocol M2, S3, S9 to S12, L7 to L9.

use std::collections::BTreeMap;

use pmp_protocol::{Digest, SnapshotVersion};

use crate::{Content, Reference, Target};

/// What the ledger says of versions, and what the management experience ever said.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    /// By digest, each content that the management experience ever had.
    said: BTreeMap<Digest, Content>,
    /// Every number that was ever given, with its digest: also those that a restored table lost.
    given: BTreeMap<SnapshotVersion, Digest>,
    head: Option<Target>,
    published: Option<SnapshotVersion>,
    mark: Option<Target>,
}

impl Versions {
    pub(crate) fn head(&self) -> Option<Target> {
        self.head
    }

    pub(crate) fn mark(&self) -> Option<Target> {
        self.mark
    }

    /// L8: where the mark is above the head, or both have the same version and different digests,
    /// the table was restored, and nothing may be changed.
    pub(crate) fn in_force(&self) -> Option<Target> {
        let restored = |head: &Target| {
            self.mark.is_some_and(|mark| {
                mark.version > head.version || (mark.version == head.version && mark.digest != head.digest)
            })
        };
        self.head.filter(|head| !restored(head))
    }

    pub(crate) fn content(&self, digest: Digest) -> Option<&Content> {
        self.said.get(&digest)
    }

    pub(crate) fn digests(&self) -> impl Iterator<Item = (SnapshotVersion, Digest)> {
        self.given.iter().map(|(version, digest)| (*version, *digest))
    }

    pub(crate) fn was_given(&self, target: Target) -> bool {
        self.given.get(&target.version) == Some(&target.digest)
    }
}

impl Reference {
    /// The management experience says this now.
    pub fn says(&mut self, content: Content) {
        let digest = content.digest(&self.management);
        self.versions.said.insert(digest, content);
    }

    /// The item `head` was written. `published` is its attribute of this name.
    pub fn head_written(&mut self, head: Target, published: Option<SnapshotVersion>) {
        let before = self.versions.head;
        if before.is_none_or(|before| before.version != head.version) {
            self.stored(before, head);
        } else {
            let same = before.is_some_and(|before| before.digest == head.digest);
            self.check(same, "S11", || format!("the content of version {head} was exchanged"));
        }
        let older = self.versions.published.filter(|known| published.is_none_or(|said| said < *known));
        self.check(older.is_none(), "L9", || format!("`published` went back from {older:?} to {published:?}"));
        if let Some(published) = published.filter(|published| Some(*published) != self.versions.published) {
            let marked = self.versions.mark.is_some_and(|mark| mark.version >= published);
            self.check(marked, "L7", || format!("{published} is marked as published, and the mark is not raised"));
        }
        self.versions.head = Some(head);
        self.versions.published = published.or(self.versions.published);
        self.note_targets();
    }

    fn stored(&mut self, before: Option<Target>, head: Target) {
        // S10; and S11: after the table was restored, the number after the mark's.
        let highest = self.versions.given.keys().next_back().copied();
        let next = highest.map_or(SnapshotVersion::FIRST, SnapshotVersion::next);
        self.check(head.version == next, "S10", || format!("version {head} was stored, and {next} is next"));
        // S9, while the table is as it was.
        let same = before.is_some_and(|before| before.digest == head.digest && Some(before.version) == highest);
        self.check(!same, "S9", || format!("version {head} has the content of the one before it"));
        // S2 and S3: the digest is that of what the management experience said, or, going back, of
        // an older version (S12).
        let known =
            self.versions.said.contains_key(&head.digest) || self.versions.given.values().any(|it| *it == head.digest);
        self.check(known, "S3", || format!("the digest of {head} is of nothing that was ever said"));
        self.versions.given.insert(head.version, head.digest);
        self.rollouts.forget_runs();
        self.note_reached();
    }

    /// The table of snapshots was restored to the moment at which this was its head. No fault of
    /// anybody.
    pub fn went_back(&mut self, head: Option<Target>, published: Option<SnapshotVersion>) {
        (self.versions.head, self.versions.published) = (head, published);
        self.note_targets();
    }

    /// The high-water mark was written.
    pub fn marked(&mut self, mark: Target) {
        let lowered = self.versions.mark.is_some_and(|before| before.version > mark.version);
        self.check(!lowered, "L7", || format!("the mark was lowered to {mark}"));
        let stored = self.versions.was_given(mark);
        self.check(stored, "L7", || format!("the mark says {mark}, which was never stored"));
        self.versions.mark = Some(mark);
        self.note_targets();
    }

    /// A message about a version was sent to the topic.
    pub fn announced(&mut self, message: Target) {
        // M2.
        let stored = self.versions.was_given(message);
        self.check(stored, "M2", || format!("{message} was announced, and is not in the ledger"));
        // HW, "The hub", 3: the mark goes before the announcement.
        let marked = self.versions.mark.is_some_and(|mark| mark.version >= message.version);
        self.check(marked, "L7", || format!("{message} was announced before the mark was raised"));
    }
}
