//! What was decided about every product of a snapshot, in one member experience.
//!
//! Both sides know the snapshot, so a decision names a product by its place in the snapshot's
//! sorted list ([`Listing`]), and says nothing of what is as the hub says.
//! [`crate::DecisionJournal`] keeps these decisions over the versions.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::{Content, Digest, PlainText, ProductId};

/// The longest reason that is kept, in bytes: what a filter's reason may have.
pub(crate) const MAX_REASON: usize = 256;
/// The most grounds of one experience at one version. Of more, the rarest are kept without their
/// reasons.
pub const MAX_GROUNDS: usize = 256;

/// The products of a snapshot, approved and rejected, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing(Vec<ProductId>);

impl Listing {
    /// Both lists of `content` merged into one, sorted by id.
    #[must_use]
    pub fn of(content: &Content) -> Self {
        let mut products: Vec<_> = content.approved().iter().chain(content.rejected()).cloned().collect();
        // Two sorted runs: this merges them.
        products.sort();
        Self(products)
    }

    /// The same, whose ids are those of `pool`, where it has them, and go into it, where it has
    /// not: many listings of one management experience hold nearly the same ids.
    #[must_use]
    pub fn sharing(self, pool: &mut HashSet<ProductId>) -> Self {
        let shared = |product: ProductId| {
            pool.get(&product).cloned().unwrap_or_else(|| {
                pool.insert(product.clone());
                product
            })
        };
        Self(self.0.into_iter().map(shared).collect())
    }

    /// The products, in order.
    pub fn products(&self) -> impl Iterator<Item = &ProductId> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The place of a product; none where the snapshot has it on neither list.
    #[must_use]
    pub fn place(&self, product: &ProductId) -> Option<u32> {
        self.0.binary_search(product).ok().and_then(|place| u32::try_from(place).ok())
    }

    /// The product in a place.
    #[must_use]
    pub fn product(&self, place: u32) -> Option<&ProductId> {
        self.0.get(usize::try_from(place).ok()?)
    }

    /// The places in this list, the older one, of the products that `newer` does not have.
    #[must_use]
    pub fn gone(&self, newer: &Self) -> Vec<u32> {
        self.against(newer).iter().zip(0..).filter(|(there, _)| there.is_none()).map(|(_, place)| place).collect()
    }

    /// For each place in this list, the place of the same product in `other`.
    pub(crate) fn against(&self, other: &Self) -> Vec<Option<u32>> {
        let mut others = (0..).zip(&other.0).peekable();
        let place = |product: &ProductId| {
            while others.next_if(|(_, other)| *other < product).is_some() {}
            others.next_if(|(_, other)| *other == product).map(|(place, _)| place)
        };
        self.0.iter().map(place).collect()
    }
}

/// What was decided otherwise than the hub says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroundKind {
    /// The filter excluded it: not approved here.
    Excluded,
    /// The filter rejected it: not approved here, and on the rejected list.
    Rejected,
    /// It is left as it is: the catalog refused it, or it could not be looked up for the filter.
    Deferred,
}

impl GroundKind {
    /// As it is spelled in every output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Excluded => "excluded",
            Self::Rejected => "rejected",
            Self::Deferred => "set-aside",
        }
    }
}

/// What was decided, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ground {
    /// What was decided about the product.
    pub kind: GroundKind,
    /// Why, in the words of the filter or of the catalog. Absent where none was given, or where
    /// there were too many different ones to keep.
    pub reason: Option<Arc<str>>,
}

impl Ground {
    /// With the reason bounded, and made harmless.
    #[must_use]
    pub fn new(kind: GroundKind, reason: Option<&str>) -> Self {
        let reason = reason.map(|reason| PlainText::bounded(reason, MAX_REASON)).filter(|it| !it.as_str().is_empty());
        Self { kind, reason: reason.map(|reason| reason.as_str().into()) }
    }
}

/// Places in a listing, ascending, each once.
pub(crate) type Places = Vec<u32>;

/// The decisions about one snapshot in one member experience. A product that is not here is as the
/// hub says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decisions(pub(crate) BTreeMap<Ground, Places>);

impl Decisions {
    /// The decisions about products of `listing`; those about others are left out. A product may
    /// have two: the filter excludes it, and the catalog refuses that.
    #[must_use]
    pub fn of<'a>(listing: &Listing, grounds: impl IntoIterator<Item = (&'a ProductId, Ground)>) -> Self {
        let mut found = BTreeMap::<Ground, Places>::new();
        for (product, ground) in grounds {
            if let Some(place) = listing.place(product) {
                found.entry(ground).or_default().push(place);
            }
        }
        Self(bounded(found))
    }

    /// How many decisions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Whether all is as the hub says.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was decided about the product in `place`.
    pub fn at(&self, place: u32) -> impl Iterator<Item = &Ground> {
        self.0.iter().filter(move |(_, places)| places.binary_search(&place).is_ok()).map(|(ground, _)| ground)
    }

    /// The digest of what is decided, and not of how it is packed.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut bytes = Vec::new();
        let number = |bytes: &mut Vec<u8>, number: usize| bytes.extend((number as u64).to_le_bytes());
        for (ground, places) in &self.0 {
            bytes.extend(ground.kind.as_str().as_bytes());
            number(&mut bytes, ground.reason.as_ref().map_or(0, |reason| reason.len() + 1));
            bytes.extend(ground.reason.as_deref().unwrap_or_default().as_bytes());
            number(&mut bytes, places.len());
            bytes.extend(places.iter().flat_map(|place| place.to_le_bytes()));
        }
        Digest::of(&bytes)
    }
}

/// The rarest grounds without their reasons, where there are too many; places in order.
fn bounded(mut found: BTreeMap<Ground, Places>) -> BTreeMap<Ground, Places> {
    // Room for one of each kind without a reason.
    const KEPT: usize = MAX_GROUNDS - 3;
    if found.len() > MAX_GROUNDS {
        let mut by_number: Vec<_> = found.iter().map(|(ground, places)| (places.len(), ground.clone())).collect();
        by_number.sort_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.cmp(other)));
        for (_, rare) in by_number.drain(KEPT..) {
            let places = found.remove(&rare).unwrap_or_default();
            found.entry(Ground { reason: None, ..rare }).or_default().extend(places);
        }
    }
    for places in found.values_mut() {
        places.sort_unstable();
        places.dedup();
    }
    found
}
