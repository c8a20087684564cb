//! Reads the snapshots of earlier versions that decisions refer to. Each is read once, for all
//! member experiences.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use jiff::Timestamp;
use pmp_ledger::{DynamoSnapshots, LedgerError, SnapshotStore};
use pmp_protocol::{Digest, ExperienceId, JournalEntry, Listing, Listings, Note, ProductId, Snapshot, SnapshotVersion};

use crate::inspect::difference::Listed;

/// Snapshots that are read at the same time.
const AT_ONCE: usize = 8;

/// The parts of a snapshot that matter for one product.
#[derive(Debug, Clone)]
pub(crate) struct KeptSnapshot {
    pub(crate) digest: Digest,
    pub(crate) taken_at: Timestamp,
    /// The list that holds the product. `None` if neither does.
    pub(crate) listed: Option<Listed>,
    pub(crate) note: Option<Note>,
    pub(crate) listing: Arc<Listing>,
}

/// A version, and the version that it is compared with.
type Pair = (SnapshotVersion, SnapshotVersion);
/// Positions in the list of a snapshot's products.
type Places = Arc<Vec<u32>>;

/// The snapshots that an answer needs, by version.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) snapshots: BTreeMap<SnapshotVersion, KeptSnapshot>,
    /// The products that one version lacks of the other, remembered after the first comparison.
    gone: Mutex<HashMap<Pair, Places>>,
}

impl KeptSnapshot {
    pub(crate) fn of(snapshot: &Snapshot, product: &ProductId, pool: &mut HashSet<ProductId>) -> Self {
        let content = snapshot.content();
        Self {
            digest: snapshot.digest(),
            taken_at: snapshot.taken_at(),
            listed: Listed::of(content, product),
            note: content.note(product).cloned(),
            listing: Arc::new(Listing::of(content).sharing(pool)),
        }
    }
}

impl Kept {
    /// Takes snapshots that were read already, so that no read is needed for them.
    pub(crate) fn new(snapshots: BTreeMap<SnapshotVersion, KeptSnapshot>) -> Self {
        Self { snapshots, gone: Mutex::default() }
    }

    /// Reads `versions`. Versions that are not kept any more, or are damaged, are left out.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub(crate) async fn read(
        snapshots: &DynamoSnapshots,
        experience: &ExperienceId,
        versions: BTreeSet<SnapshotVersion>,
        product: &ProductId,
    ) -> Result<Self, LedgerError> {
        let mut kept = Self::new(BTreeMap::new());
        let mut pool = HashSet::new();
        let fetch = async |version: SnapshotVersion| (version, snapshots.fetch(experience, version).await);
        let mut found = futures::stream::iter(versions.into_iter().map(fetch)).buffer_unordered(AT_ONCE);
        while let Some((version, snapshot)) = found.next().await {
            match snapshot {
                Ok(snapshot) => {
                    kept.snapshots.insert(version, KeptSnapshot::of(&snapshot, product, &mut pool));
                }
                Err(LedgerError::NoSnapshot { .. } | LedgerError::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(kept)
    }

    /// The snapshot that an entry is about. `None` if it is not kept, or if the entry is about
    /// another content with the same number.
    pub(crate) fn of(&self, entry: &JournalEntry) -> Option<&KeptSnapshot> {
        self.snapshots.get(&entry.version).filter(|kept| entry.is_about(entry.version, kept.digest))
    }
}

impl Listings for Kept {
    fn listing(&self, entry: &JournalEntry) -> Option<Arc<Listing>> {
        self.of(entry).map(|kept| kept.listing.clone())
    }

    fn gone(&self, older: &JournalEntry, newer: &JournalEntry) -> Option<Arc<Vec<u32>>> {
        let (one, other) = (self.of(older)?, self.of(newer)?);
        let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        let found = gone.entry((older.version, newer.version));
        Some(found.or_insert_with(|| Arc::new(one.listing.gone(&other.listing))).clone())
    }
}
