//! Reads the snapshots of earlier versions that decisions refer to. Each is read once, for all
//! member experiences.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use jiff::Timestamp;
use pmp_ledger::{DynamoSnapshots, LedgerError, SnapshotStore};
use pmp_protocol::{
    Digest, ExperienceId, JournalEntry, Listing, Listings, Note, Pin, ProductId, Snapshot, SnapshotVersion,
};

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
    /// How many products it approves.
    pub(crate) approved: usize,
}

/// A version, and the version that it is compared with.
type Pair = (SnapshotVersion, SnapshotVersion);
/// Positions in the list of a snapshot's products.
type Places = Arc<Vec<u32>>;

/// The snapshots that an answer needs, by version.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) snapshots: BTreeMap<SnapshotVersion, KeptSnapshot>,
    /// The versions that have the content of an older one, and why: nothing of them is what the
    /// management experience said then.
    pub(crate) content_of: BTreeMap<SnapshotVersion, Pin>,
    /// The products that one version lacks of the other, remembered after the first comparison.
    gone: Arc<Mutex<HashMap<Pair, Places>>>,
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
            approved: content.approved().len(),
        }
    }
}

impl Kept {
    /// Takes snapshots that were read already, so that no read is needed for them.
    pub(crate) fn new(snapshots: BTreeMap<SnapshotVersion, KeptSnapshot>) -> Self {
        Self { snapshots, content_of: BTreeMap::new(), gone: Arc::default() }
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
        let stored = snapshots.versions(experience).await?;
        kept.content_of = stored.into_iter().filter_map(|it| Some((it.version, it.pinned?))).collect();
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

/// A snapshot without its notes, of which what matters for any product can be taken.
#[derive(Debug)]
struct WholeSnapshot {
    digest: Digest,
    taken_at: Timestamp,
    listing: Arc<Listing>,
    /// By the places in the listing: whether the product there is rejected.
    rejected: Vec<bool>,
}

/// Snapshots that answers about all products need, by version. They share the ids of products.
#[derive(Debug, Default)]
pub(crate) struct KeptWhole {
    snapshots: BTreeMap<SnapshotVersion, Option<WholeSnapshot>>,
    pool: HashSet<ProductId>,
    gone: Arc<Mutex<HashMap<Pair, Places>>>,
}

impl KeptWhole {
    /// Reads those of `versions` that were not read yet. Versions that are not kept any more, or
    /// are damaged, are left out.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub(crate) async fn read(
        &mut self,
        snapshots: &dyn SnapshotStore,
        experience: &ExperienceId,
        versions: &BTreeSet<SnapshotVersion>,
    ) -> Result<(), LedgerError> {
        for version in versions {
            if self.snapshots.contains_key(version) {
                continue;
            }
            let whole = match snapshots.fetch(experience, *version).await {
                Ok(snapshot) => Some(self.whole(&snapshot)),
                Err(LedgerError::NoSnapshot { .. } | LedgerError::Damaged { .. }) => None,
                Err(error) => return Err(error),
            };
            self.snapshots.insert(*version, whole);
        }
        Ok(())
    }

    fn whole(&mut self, snapshot: &Snapshot) -> WholeSnapshot {
        let content = snapshot.content();
        let listing = Listing::of(content).sharing(&mut self.pool);
        let is_rejected = |product: &ProductId| content.rejected().contains(product);
        let rejected = listing.products().map(is_rejected).collect();
        WholeSnapshot { digest: snapshot.digest(), taken_at: snapshot.taken_at(), listing: Arc::new(listing), rejected }
    }

    /// Whether this version was read, and is kept.
    pub(crate) fn has(&self, version: SnapshotVersion) -> bool {
        self.snapshots.get(&version).is_some_and(Option::is_some)
    }

    /// The products of these versions, each once, in order.
    pub(crate) fn products(&self, versions: impl IntoIterator<Item = SnapshotVersion>) -> BTreeSet<ProductId> {
        let whole = versions.into_iter().filter_map(|version| self.snapshots.get(&version)?.as_ref());
        whole.flat_map(|whole| whole.listing.products()).cloned().collect()
    }

    /// What these versions say of one product.
    pub(crate) fn of(&self, versions: &BTreeSet<SnapshotVersion>, product: &ProductId) -> Kept {
        let of = |version: &SnapshotVersion| {
            let whole = self.snapshots.get(version)?.as_ref()?;
            let place = whole.listing.place(product).and_then(|place| usize::try_from(place).ok());
            let listed = place
                .and_then(|place| whole.rejected.get(place))
                .map(|rejected| if *rejected { Listed::Rejected } else { Listed::Approved });
            let WholeSnapshot { digest, taken_at, listing, .. } = whole;
            let listing = listing.clone();
            let approved = whole.rejected.iter().filter(|rejected| !**rejected).count();
            let (digest, taken_at) = (*digest, *taken_at);
            Some((*version, KeptSnapshot { digest, taken_at, listed, note: None, listing, approved }))
        };
        let snapshots = versions.iter().filter_map(of).collect();
        Kept { snapshots, content_of: BTreeMap::new(), gone: self.gone.clone() }
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
