//! Histories of snapshots, and the hub's facts about products.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;
use pmp_protocol::{Answers, Digest, ExperienceId, Sealed, SealedAnswers, Snapshot, SnapshotVersion};

use super::{MemoryLedger, unreadable};
use crate::chunks::CHUNK_BYTES;
use crate::large::{self, MAX_STORED_BYTES, ONE_TRANSACTION_BYTES};
use crate::{AnswerStore, AnswersHead, Head, LedgerError, NewSnapshot, SnapshotStore, Stored};

/// The history of one management experience.
#[derive(Debug, Default)]
pub(super) struct History {
    head: Option<Head>,
    versions: BTreeMap<SnapshotVersion, Version>,
}

/// One stored version, packed as the adapter packs it.
#[derive(Debug)]
struct Version {
    sealed: Sealed,
    taken_at: Timestamp,
}

/// The newest answers, and those before them.
#[derive(Debug)]
pub(super) struct KeptAnswers {
    head: AnswersHead,
    packed: Vec<u8>,
    before: Option<(Digest, Vec<u8>)>,
}

fn chunks(packed: &[u8]) -> usize {
    packed.chunks(CHUNK_BYTES).count()
}

/// In how many items the content of a version is.
fn items(sealed: &Sealed) -> usize {
    if large::is_large(sealed) { large::cut(sealed.compressed()).len() } else { chunks(sealed.compressed()) }
}

impl History {
    pub(super) fn keep(&mut self, snapshot: &Snapshot) {
        let sealed = Sealed::new(snapshot.content()).unwrap();
        let (latest, taken_at) = (snapshot.version(), snapshot.taken_at());
        if self.head.as_ref().is_none_or(|head| head.latest <= latest) {
            let (digest, chunks) = (sealed.digest(), items(&sealed));
            self.head = Some(Head { latest, digest, taken_at, chunks, published: Some(latest), statement: None });
        }
        self.versions.insert(latest, Version { sealed, taken_at });
    }

    /// The head, if it still names this version and digest.
    fn head_if(&mut self, version: SnapshotVersion, digest: Digest) -> Option<&mut Head> {
        self.head.as_mut().filter(|head| (head.latest, head.digest) == (version, digest))
    }
}

#[async_trait]
impl SnapshotStore for MemoryLedger {
    async fn head(&self, experience: &ExperienceId) -> Result<Option<Head>, LedgerError> {
        self.call("head").await?;
        Ok(self.tables().histories.get(experience).and_then(|history| history.head.clone()))
    }

    async fn store(&self, snapshot: &NewSnapshot<'_>) -> Result<Stored, LedgerError> {
        self.call("store").await?;
        let NewSnapshot { experience, previous, version, taken_at, sealed, statement, pinned: _ } = *snapshot;
        let bytes = sealed.compressed().len();
        if bytes > MAX_STORED_BYTES {
            return Err(LedgerError::TooLarge { counts: sealed.counts(), bytes, limit: MAX_STORED_BYTES });
        }
        let mut tables = self.tables();
        let history = tables.histories.entry(experience.clone()).or_default();
        if history.head.as_ref().map(|head| head.latest) != previous {
            return Ok(Stored::Lost);
        }
        let chunks = items(sealed);
        history.head = Some(Head {
            latest: version,
            digest: sealed.digest(),
            taken_at,
            chunks,
            published: history.head.as_ref().and_then(|head| head.published),
            statement: statement.map(str::to_owned),
        });
        history.versions.insert(version, Version { sealed: sealed.clone(), taken_at });
        Ok(Stored::Won { chunks })
    }

    async fn put_statement(
        &self,
        experience: &ExperienceId,
        version: SnapshotVersion,
        digest: Digest,
        statement: &str,
    ) -> Result<bool, LedgerError> {
        self.call("put_statement").await?;
        let mut tables = self.tables();
        let head = tables.histories.get_mut(experience).and_then(|history| history.head_if(version, digest));
        Ok(head.map(|head| head.statement = Some(statement.to_owned())).is_some())
    }

    async fn mend(&self, experience: &ExperienceId, head: &Head, sealed: &Sealed) -> Result<bool, LedgerError> {
        self.call("mend").await?;
        let mut tables = self.tables();
        let Some(history) = tables.histories.get_mut(experience) else { return Ok(false) };
        let Some(found) = history.head_if(head.latest, head.digest) else { return Ok(false) };
        found.chunks = items(sealed);
        history.versions.insert(head.latest, Version { sealed: sealed.clone(), taken_at: head.taken_at });
        Ok(true)
    }

    async fn mark_published(
        &self,
        experience: &ExperienceId,
        version: SnapshotVersion,
        _: Timestamp,
    ) -> Result<(), LedgerError> {
        self.call("mark_published").await?;
        let mut tables = self.tables();
        if let Some(head) = tables.histories.get_mut(experience).and_then(|history| history.head.as_mut()) {
            head.published = head.published.max(Some(version));
        }
        Ok(())
    }

    async fn fetch(&self, experience: &ExperienceId, version: SnapshotVersion) -> Result<Snapshot, LedgerError> {
        self.call("fetch").await?;
        let tables = self.tables();
        let found = tables.histories.get(experience).and_then(|history| history.versions.get(&version));
        let experience = experience.clone();
        let Some(Version { sealed, taken_at }) = found else {
            return Err(LedgerError::NoSnapshot { experience, version });
        };
        Snapshot::open(&experience, version, *taken_at, sealed).map_err(|error| LedgerError::Damaged {
            experience,
            version,
            problem: error.to_string(),
        })
    }

    async fn digests(&self, experience: &ExperienceId) -> Result<BTreeMap<SnapshotVersion, Digest>, LedgerError> {
        self.call("digests").await?;
        let tables = self.tables();
        let versions = tables.histories.get(experience).into_iter().flat_map(|history| &history.versions);
        Ok(versions.map(|(version, kept)| (*version, kept.sealed.digest())).collect())
    }

    async fn prune(
        &self,
        experience: &ExperienceId,
        latest: SnapshotVersion,
        keep: u64,
        pinned: &BTreeSet<SnapshotVersion>,
    ) -> Result<usize, LedgerError> {
        self.call("prune").await?;
        let mut tables = self.tables();
        let Some(history) = tables.histories.get_mut(experience) else { return Ok(0) };
        let last_to_go = latest.get().saturating_sub(keep);
        let goes = |version: &SnapshotVersion| version.get() <= last_to_go && !pinned.contains(version);
        let (old, kept): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut history.versions).into_iter().partition(|(version, _)| goes(version));
        history.versions = kept;
        // Each version is its chunks and one item with its digest. Parts are named by one more.
        let of = |version: &Version| items(&version.sealed) + 1 + usize::from(large::is_large(&version.sealed));
        Ok(old.values().map(of).sum())
    }
}

#[async_trait]
impl AnswerStore for MemoryLedger {
    async fn latest(&self, experience: &ExperienceId) -> Result<Option<AnswersHead>, LedgerError> {
        self.call("latest_answers").await?;
        Ok(self.tables().answers.get(experience).map(|kept| kept.head))
    }

    async fn fetch(&self, experience: &ExperienceId, head: &AnswersHead) -> Result<Answers, LedgerError> {
        self.call("fetch_answers").await?;
        let tables = self.tables();
        let packed = tables.answers.get(experience).and_then(|kept| {
            let before = kept.before.as_ref().filter(|(digest, _)| *digest == head.digest).map(|(_, packed)| packed);
            if kept.head.digest == head.digest { Some(&kept.packed) } else { before }
        });
        let packed = packed.ok_or_else(|| unreadable(format!("no answers with the digest {}", head.digest)))?;
        SealedAnswers::from_parts(head.digest, packed.clone()).open(experience).map_err(unreadable)
    }

    async fn store(&self, answers: &Answers, at: Timestamp) -> Result<AnswersHead, LedgerError> {
        self.call("store_answers").await?;
        let sealed = answers.seal().map_err(unreadable)?;
        let packed = sealed.compressed().to_vec();
        if packed.len() > ONE_TRANSACTION_BYTES {
            return Err(LedgerError::AnswersTooLarge { bytes: packed.len(), limit: ONE_TRANSACTION_BYTES });
        }
        let (chunks, products) = (chunks(&packed), answers.products.len());
        let head = AnswersHead { digest: sealed.digest(), chunks, products, at };
        let mut tables = self.tables();
        let before = tables.answers.remove(&answers.experience).map(|kept| (kept.head.digest, kept.packed));
        tables.answers.insert(answers.experience.clone(), KeptAnswers { head, packed, before });
        Ok(head)
    }
}
