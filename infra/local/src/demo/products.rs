//! Which products the demo is about: real ones from `data/products.csv`, chosen by the seed.

use std::collections::BTreeSet;

use pmp_protocol::{Hint, ProductId};
use pmp_world::Dice;
use serde::Deserialize;

const CSV: &[u8] = include_bytes!("../../data/products.csv");
/// The label that one member organization's filter excludes.
pub(super) const EXCLUDED_LABEL: &str = "generative-ai";
/// Products on no list of the management experience; members may have them.
const STRANGERS: usize = 12;
/// One of this many listed products is rejected.
const REJECTED_SHARE: usize = 20;

/// A product, and the labels that the management organization puts on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Product {
    pub(super) id: ProductId,
    pub(super) name: String,
    pub(super) manufacturer: String,
    pub(super) labels: Vec<String>,
}

/// The products of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selection {
    /// Approved in the management experience from the start.
    pub(super) approved: Vec<Product>,
    /// Rejected there from the start.
    pub(super) rejected: Vec<Product>,
    /// On neither list there.
    pub(super) strangers: Vec<Product>,
    /// What a person approves later: the first goes everywhere, the second carries the excluded
    /// label.
    pub(super) newcomers: [Product; 2],
    /// What the same person rejects: approved so far, and without the excluded label.
    pub(super) retiree: Product,
    /// Approved products without the excluded label that a filter excludes by id.
    pub(super) excluded: [Product; 2],
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProductsError {
    #[error("the list of products that is built into this program cannot be read")]
    Unreadable(#[from] csv::Error),
    #[error("the list of products that is built into this program names an impossible id")]
    Id(#[from] pmp_protocol::IdError),
    #[error("there are too few products of each kind to choose from")]
    TooFew,
}

pmp_protocol::codes!(ProductsError {
    Unreadable => "E3031",
    Id(source) => source,
    TooFew => "E3032",
});

impl Hint for ProductsError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Id(source) => source.hint(),
            Self::Unreadable(_) | Self::TooFew => None,
        }
    }
}

#[derive(Deserialize)]
struct Row {
    id: String,
    name: String,
    manufacturer: String,
    categories: String,
}

impl Product {
    /// The labels as the note that carries them.
    pub(super) fn note(&self) -> String {
        self.labels.join(",")
    }

    fn is_excluded_by_label(&self) -> bool {
        self.labels.iter().any(|label| label == EXCLUDED_LABEL)
    }
}

impl From<&Product> for pmp_world::Product {
    fn from(product: &Product) -> Self {
        Self {
            id: product.id.to_string(),
            name: product.name.clone(),
            manufacturer: product.manufacturer.clone(),
            // The list gives categories; the demo labels products by them.
            categories: product.labels.clone(),
            labels: product.labels.clone(),
            ..Self::default()
        }
    }
}

impl Selection {
    /// Chooses `count` products for the management experience, and those that come later.
    pub(super) fn new(seed: u64, count: usize) -> Result<Self, ProductsError> {
        let mut pool = shuffled(read(CSV)?, seed);
        let newcomers =
            [take(&mut pool, |p| !p.is_excluded_by_label())?, take(&mut pool, Product::is_excluded_by_label)?];
        let strangers: Vec<_> = pool.drain(..STRANGERS.min(pool.len())).collect();
        let mut approved: Vec<_> = pool.drain(..count.min(pool.len())).collect();
        let rejected: Vec<_> = approved.drain(..(count / REJECTED_SHARE).max(1).min(approved.len())).collect();
        let mut plain = approved.iter().filter(|p| !p.is_excluded_by_label()).cloned();
        let (Some(retiree), Some(first), Some(second)) = (plain.next(), plain.next(), plain.next()) else {
            return Err(ProductsError::TooFew);
        };
        Ok(Self { approved, rejected, strangers, newcomers, retiree, excluded: [first, second] })
    }

    /// Every product that the run may name.
    pub(super) fn all(&self) -> impl Iterator<Item = &Product> {
        self.approved.iter().chain(&self.rejected).chain(&self.strangers).chain(&self.newcomers)
    }
}

fn read(csv: &[u8]) -> Result<Vec<Product>, ProductsError> {
    let product = |row: Result<Row, csv::Error>| {
        let row = row?;
        let labels = row.categories.split(';').map(str::to_owned).collect();
        Ok(Product { id: ProductId::new(&row.id)?, name: row.name, manufacturer: row.manufacturer, labels })
    };
    csv::Reader::from_reader(csv).into_deserialize().map(product).collect()
}

/// Shuffles by the seed (Fisher and Yates).
fn shuffled(mut products: Vec<Product>, seed: u64) -> Vec<Product> {
    let mut dice = Dice::new(seed);
    for last in (1..products.len()).rev() {
        products.swap(last, dice.position(last + 1));
    }
    products
}

fn take(pool: &mut Vec<Product>, wanted: impl Fn(&Product) -> bool) -> Result<Product, ProductsError> {
    let position = pool.iter().position(wanted).ok_or(ProductsError::TooFew)?;
    Ok(pool.remove(position))
}

/// The ids of products.
pub(super) fn ids<'p>(products: impl IntoIterator<Item = &'p Product>) -> BTreeSet<ProductId> {
    products.into_iter().map(|product| product.id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use pmp_protocol::Coded;

    use super::*;

    #[test]
    fn the_whole_range_of_counts_can_be_chosen_for_many_seeds() {
        for (seed, count) in (0..50).flat_map(|seed| [(seed, 40), (seed, 300), (seed, 500)]) {
            let selection = Selection::new(seed, count).unwrap();
            assert_eq!(selection.approved.len() + selection.rejected.len(), count, "seed {seed}");
            assert_eq!(ids(selection.all()).len(), count + STRANGERS + 2, "no product is there twice, seed {seed}");
            assert_eq!(selection.newcomers.each_ref().map(Product::is_excluded_by_label), [false, true]);
            assert!(selection.approved.contains(&selection.retiree));
            assert!(!selection.excluded.contains(&selection.retiree));
        }
    }

    #[test]
    fn a_seed_means_the_same_products_every_time() {
        assert_eq!(Selection::new(7, 100).unwrap(), Selection::new(7, 100).unwrap());
        assert_ne!(Selection::new(7, 100).unwrap(), Selection::new(8, 100).unwrap());
    }

    #[test]
    fn a_list_that_is_damaged_or_too_short_is_an_error() {
        assert_eq!(read(b"id,name\nprod-a,A\n").unwrap_err().code().to_string(), "E3031");
        assert_eq!(Selection::new(1, 2).unwrap_err().code().to_string(), "E3032");
    }

    #[test]
    fn labels_fit_into_a_note() {
        assert!(read(CSV).unwrap().iter().all(|product| (1..=50).contains(&product.note().chars().count())));
    }
}
