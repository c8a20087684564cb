//! Reads what the page shows: what `status`, `history` and `diff` read, and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_config::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use pmp_ledger::{DynamoSnapshots, KeptVersion, LedgerError, SnapshotStore, TableName};
use pmp_protocol::{Content, Digest, ExperienceId, NamedProduct, ProductId, SnapshotVersion};
use pmp_runtime::Clock;

use crate::inspect::difference::{self, Difference};
use crate::status::SpokeStatus;
use crate::status::fleet::{Fleet, View};
use crate::status::judge;
use crate::status::named::Names;

/// The most changes that the page tells product by product: each costs the read of a snapshot.
const MOST_CHANGES: usize = 5;

/// What the page shows, as it was at one moment.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) experience: ExperienceId,
    pub(crate) view: View,
    /// The rows of `status`, worst first.
    pub(crate) rows: Vec<SpokeStatus>,
    /// The versions that the ledger keeps up to its head, oldest first.
    pub(crate) kept: Vec<KeptVersion>,
    /// What the newest versions changed, the newest first.
    pub(crate) changes: Vec<Change>,
    /// When it was read, by the hub's clock.
    pub(crate) at: Timestamp,
}

/// What one version changed.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) before: SnapshotVersion,
    pub(crate) after: SnapshotVersion,
    /// `None` where one of the two is not kept any more, or is damaged.
    pub(crate) difference: Option<Difference>,
    /// What is known of its products.
    pub(crate) names: BTreeMap<ProductId, NamedProduct>,
}

/// Where the page is read from. It remembers the contents that it has read: they never change.
#[derive(Debug)]
pub(crate) struct Source {
    experience: ExperienceId,
    fleet: Fleet,
    snapshots: DynamoSnapshots,
    table: TableName,
    sdk: SdkConfig,
    stale_after: SignedDuration,
    clock: Arc<dyn Clock>,
    contents: BTreeMap<(SnapshotVersion, Digest), Arc<Content>>,
}

impl Source {
    pub(crate) fn new(
        sdk: &SdkConfig,
        experience: &ExperienceId,
        fleet: Fleet,
        table: &TableName,
        stale_after: SignedDuration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            experience: experience.clone(),
            fleet,
            snapshots: DynamoSnapshots::new(sdk, table.clone()),
            table: table.clone(),
            sdk: sdk.clone(),
            stale_after,
            clock,
            contents: BTreeMap::new(),
        }
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// Where the ledger cannot be read. One organization that cannot be read is told on the page.
    pub(crate) async fn read(&mut self) -> Result<Seen, LedgerError> {
        let view = self.fleet.look(&self.experience).await?;
        let at = self.clock.now();
        let rows = judge::rows(&view, at, self.stale_after);
        let latest = view.head.as_ref().map(|head| head.latest);
        let mut kept = match latest {
            Some(_) => self.snapshots.versions(&self.experience).await?,
            None => Vec::new(),
        };
        // A restored table may hold versions above its head. No spoke ever followed them.
        kept.retain(|kept| Some(kept.version) <= latest);
        let changes = self.changes(&kept).await?;
        Ok(Seen { experience: self.experience.clone(), view, rows, kept, changes, at })
    }

    /// The experience that may have been meant where the ledger knows nothing of this one.
    pub(crate) async fn meant(&self) -> Result<Option<ExperienceId>, LedgerError> {
        self.fleet.meant(&self.experience).await
    }

    async fn changes(&mut self, kept: &[KeptVersion]) -> Result<Vec<Change>, LedgerError> {
        let newest = &kept[kept.len().saturating_sub(MOST_CHANGES + 1)..];
        let needed = |key: &(SnapshotVersion, Digest)| newest.iter().any(|kept| (kept.version, kept.digest) == *key);
        self.contents.retain(|key, _| needed(key));
        let mut changes = Vec::new();
        for pair in newest.windows(2).rev() {
            let (before, after) = (self.content(&pair[0]).await?, self.content(&pair[1]).await?);
            let difference = before.zip(after).map(|(before, after)| difference::between(&before, &after));
            let (before, after) = (pair[0].version, pair[1].version);
            changes.push(Change { before, after, difference, names: BTreeMap::new() });
        }
        if !changes.is_empty() {
            let names = Names::read(&self.sdk, &self.table, &self.experience).await;
            for change in &mut changes {
                let products = change.difference.iter().flat_map(|found| &found.products);
                let named = names.of_known(products.map(|changed| &changed.product));
                change.names = named.into_iter().map(|named| (named.id.clone(), named)).collect();
            }
        }
        Ok(changes)
    }

    async fn content(&mut self, kept: &KeptVersion) -> Result<Option<Arc<Content>>, LedgerError> {
        let key = (kept.version, kept.digest);
        if let Some(content) = self.contents.get(&key) {
            return Ok(Some(content.clone()));
        }
        match self.snapshots.fetch(&self.experience, kept.version).await {
            Ok(snapshot) => {
                let content = Arc::new(snapshot.content().clone());
                self.contents.insert(key, content.clone());
                Ok(Some(content))
            }
            Err(LedgerError::NoSnapshot { .. } | LedgerError::Damaged { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
