//! Snapshots: which ones there are, and what each says.

use std::collections::{BTreeMap, BTreeSet};

use pmp_protocol::{Digest, SnapshotVersion};

use crate::replay::wrong::{Contradiction, Wrong};
use crate::{Event, Publishing, WaveStep};

/// What entries tell of one snapshot.
#[derive(Debug, Clone)]
struct Told {
    /// The entry that told of it first.
    entry: u64,
    content: Digest,
    /// Approved and rejected products, and the entry that says so.
    counts: Option<((usize, usize), u64)>,
    /// The entry by which it was stored.
    stored: Option<u64>,
}

/// All snapshots that entries tell of, or name.
#[derive(Debug, Clone, Default)]
pub(super) struct Versions {
    told: BTreeMap<SnapshotVersion, Told>,
    /// Those that entries name before one tells of them: by which entries, and with which content,
    /// where that is named, too.
    named: BTreeMap<SnapshotVersion, BTreeMap<u64, Option<Digest>>>,
    /// The newest and the highest version, as each who recovered saw them. Who asks at the same
    /// time saw the same, and may write it after the first has stored another version.
    recovered: BTreeSet<(Option<SnapshotVersion>, Option<SnapshotVersion>)>,
}

impl Versions {
    pub(super) fn lowest(&self) -> Option<SnapshotVersion> {
        self.told.keys().next().copied()
    }

    pub(super) fn highest(&self) -> Option<SnapshotVersion> {
        self.told.keys().next_back().copied()
    }

    /// Takes up what an event tells of snapshots, and compares it.
    pub(super) fn take(&mut self, entry: u64, event: &Event) -> Result<(), Wrong> {
        match event {
            Event::Publish { version, content, approved, rejected, outcome, pinned, .. } => {
                self.tell(entry, *version, *content)?;
                self.count(entry, *version, (*approved, *rejected))?;
                if *outcome == Publishing::Stored {
                    self.store(entry, *version)?;
                }
                pinned.map_or(Ok(()), |pinned| self.pinned(entry, *version, *content, pinned))
            }
            Event::Found { version, content } => self.tell(entry, *version, *content),
            Event::Confirm { version, content, .. } | Event::Pin { version, content, .. } => {
                self.name(entry, *version, Some(*content))
            }
            Event::Unconfirm { version, .. } | Event::Promote { version, .. } | Event::Halt { version, .. } => {
                self.name(entry, *version, None)
            }
            Event::Waves { version, steps } => {
                self.name(entry, *version, None)?;
                steps.iter().try_for_each(|step| match step {
                    WaveStep::RollBack { to, .. } if to >= version => {
                        Err(Wrong::BackToNewer { version: *version, to: *to })
                    }
                    WaveStep::RollBack { to, .. } => self.name(entry, *to, None),
                    WaveStep::Enter { .. } | WaveStep::Stop { .. } | WaveStep::ForEverybody => Ok(()),
                })
            }
            Event::Receipts { changed, .. } => changed.iter().try_for_each(|it| {
                let between = it.between.iter().map(|told| told.version);
                let mut named = between.chain([it.version]).chain(it.applied);
                named.try_for_each(|version| self.name(entry, version, None))
            }),
            Event::Recover { latest, highest } => self.recover(*latest, *highest),
            // Nothing of it was done: whoever asked may have named what there is not.
            Event::Failed { entry: of, not_done, .. } if not_done.is_empty() => {
                self.named.values_mut().for_each(|by| _ = by.remove(of));
                Ok(())
            }
            Event::Unpin { .. }
            | Event::Pause { .. }
            | Event::Resume { .. }
            | Event::Settings(_)
            | Event::Sign { .. }
            | Event::Admit { .. }
            | Event::Forget { .. }
            | Event::Failed { .. } => Ok(()),
        }
    }

    /// Protocol S11: a number is never given to another content.
    fn tell(&mut self, entry: u64, version: SnapshotVersion, content: Digest) -> Result<(), Wrong> {
        let other = |by| Err(Wrong::OtherContent { version, by });
        if let Some(told) = self.told.get(&version) {
            return if told.content == content { Ok(()) } else { other(told.entry) };
        }
        self.told.insert(version, Told { entry, content, counts: None, stored: None });
        let named = self.named.remove(&version).unwrap_or_default();
        match named.into_iter().find(|(_, named)| named.is_some_and(|named| named != content)) {
            Some((by, _)) => other(by),
            None => Ok(()),
        }
    }

    fn count(&mut self, entry: u64, version: SnapshotVersion, counts: (usize, usize)) -> Result<(), Wrong> {
        let Some(told) = self.told.get_mut(&version) else { return Ok(()) };
        let (before, by) = *told.counts.get_or_insert((counts, entry));
        if before == counts { Ok(()) } else { Err(Wrong::OtherCounts { version, by }) }
    }

    /// Protocol S10 and L3: one hub stores a version, and once.
    fn store(&mut self, entry: u64, version: SnapshotVersion) -> Result<(), Wrong> {
        let Some(told) = self.told.get_mut(&version) else { return Ok(()) };
        match told.stored.replace(entry) {
            Some(by) => Err(Wrong::StoredTwice { version, by }),
            None => Ok(()),
        }
    }

    /// Protocol S12: who goes back stores the old content under a new number.
    fn pinned(
        &mut self,
        entry: u64,
        version: SnapshotVersion,
        content: Digest,
        pinned: SnapshotVersion,
    ) -> Result<(), Wrong> {
        if pinned > version {
            return Err(Wrong::OtherPinned { version, pinned });
        }
        match self.name(entry, pinned, Some(content)) {
            Err(Wrong::OtherContent { .. }) => Err(Wrong::OtherPinned { version, pinned }),
            named => named,
        }
    }

    fn name(&mut self, entry: u64, version: SnapshotVersion, content: Option<Digest>) -> Result<(), Wrong> {
        let other = |by| Err(Wrong::OtherContent { version, by });
        if let Some(told) = self.told.get(&version) {
            return if content.is_none_or(|content| content == told.content) { Ok(()) } else { other(told.entry) };
        }
        let by = self.named.entry(version).or_default();
        let before = by.iter().find(|(_, before)| before.is_some() && content.is_some() && **before != content);
        let before = before.map(|(before, _)| *before);
        by.entry(entry).or_insert(content);
        before.map_or(Ok(()), other)
    }

    /// Protocol L7: the mark is never below a version that was stored.
    fn recover(&mut self, latest: Option<SnapshotVersion>, highest: Option<SnapshotVersion>) -> Result<(), Wrong> {
        let is_first = self.recovered.insert((latest, highest));
        match (highest, self.highest()) {
            (Some(mark), Some(told)) if mark < told && is_first => Err(Wrong::MarkBelow { mark, told }),
            _ => Ok(()),
        }
    }

    /// The first entry that names a snapshot, or follows one, of which no entry tells. Snapshots
    /// below the lowest are older than the audit, or than the part that was read.
    pub(super) fn missing(&self) -> Option<Contradiction> {
        let lowest = self.lowest()?;
        let first = |by: &BTreeMap<u64, _>| by.keys().next().copied();
        let untold = self.named.range(lowest..).filter_map(|(version, by)| Some((*version, first(by)?)));
        let untold = untold.map(|(version, entry)| Contradiction { entry, wrong: Wrong::Untold(version) });
        let pairs = self.told.iter().zip(self.told.iter().skip(1));
        let holes = pairs.filter(|((before, _), (version, _))| before.next() != **version);
        let holes = holes.map(|((before, _), (version, told))| Contradiction {
            entry: told.entry,
            wrong: Wrong::Hole { version: *version, missing: before.next() },
        });
        untold.chain(holes).min_by_key(|it| it.entry)
    }
}
