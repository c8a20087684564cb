//! The input of a filter: our types in the layout of the contract, without copies of texts.

use std::ops::Range;

use jiff::Timestamp;
use pmp_protocol::{ExperienceId, OrganizationId, ProductId, SnapshotVersion};

use crate::contract::bindings::pmp_sync::filter::types;

/// The subject of one evaluation: one member experience and one snapshot.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The version of the snapshot.
    pub snapshot_version: SnapshotVersion,
    /// The id of the member organization.
    pub organization: &'a OrganizationId,
    /// The management experience whose snapshot this is.
    pub management_experience: &'a ExperienceId,
    /// The member experience that the products are for.
    pub experience: &'a ExperienceId,
    /// The member experience's name.
    pub experience_name: &'a str,
    /// The member experience's labels, sorted and unique, as `key` or `key=value`.
    pub labels: &'a [String],
    /// The present time, in whole seconds: the only clock that a filter has. A replay passes the
    /// original time.
    pub evaluated_at: Timestamp,
}

/// The hub's decision on a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The hub approves the product; a filter may take it away.
    Approved,
    /// The hub rejects the product; a filter cannot change that.
    Rejected,
}

/// One product of the snapshot.
#[derive(Debug, Clone, Copy)]
pub struct Product<'a> {
    /// The product's id, `prod-…`.
    pub id: &'a ProductId,
    /// The hub's decision on it.
    pub status: Status,
    /// Its title, if it is known.
    pub name: Option<&'a str>,
    /// The name of its vendor, if it is known.
    pub manufacturer: Option<&'a str>,
    /// The id of its vendor's profile, if it is known. Only built-in filters get it.
    pub manufacturer_id: Option<&'a str>,
    /// Its categories, as far as they are known.
    pub categories: &'a [String],
    /// The ids of its categories, as far as they are known. Only built-in filters get them.
    pub category_ids: &'a [String],
    /// Its ways of delivery, as far as they are known.
    pub fulfillment_types: &'a [String],
    /// The labels that the management organization put on it.
    pub labels: &'a [String],
}

impl<'a> Product<'a> {
    /// A product whose id and status alone are known.
    #[must_use]
    pub fn new(id: &'a ProductId, status: Status) -> Self {
        Self {
            id,
            status,
            name: None,
            manufacturer: None,
            manufacturer_id: None,
            categories: &[],
            category_ids: &[],
            fulfillment_types: &[],
            labels: &[],
        }
    }

    fn lists(&self) -> [&'a [String]; 3] {
        [self.categories, self.fulfillment_types, self.labels]
    }
}

/// A context in the layout of the contract.
pub(crate) struct LoweredContext<'a> {
    context: Context<'a>,
    labels: Vec<&'a str>,
    evaluated_at: String,
}

impl<'a> Context<'a> {
    pub(crate) fn lower(&self) -> LoweredContext<'a> {
        // Whole seconds, so that a filter which compares texts never gets two forms of the same
        // time.
        let evaluated_at = self.evaluated_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        LoweredContext { context: *self, labels: self.labels.iter().map(String::as_str).collect(), evaluated_at }
    }
}

impl LoweredContext<'_> {
    pub(crate) fn with_config<'a>(&'a self, config: &'a str) -> types::Context<'a> {
        types::Context {
            snapshot_version: self.context.snapshot_version.get(),
            organization_id: self.context.organization.as_str(),
            management_experience_id: self.context.management_experience.as_str(),
            experience_id: self.context.experience.as_str(),
            experience_name: self.context.experience_name,
            labels: &self.labels,
            evaluated_at: &self.evaluated_at,
            config,
        }
    }
}

/// The lists of all products in one vector: 20,000 products need three slices each, and not three
/// vectors.
pub(crate) struct Table<'a> {
    texts: Vec<&'a str>,
    ranges: Vec<[Range<usize>; 3]>,
}

impl<'a> Table<'a> {
    pub(crate) fn new(products: &[Product<'a>]) -> Self {
        let mut texts = Vec::with_capacity(products.iter().flat_map(Product::lists).map(<[String]>::len).sum());
        let ranges = products
            .iter()
            .map(|product| {
                product.lists().map(|list| {
                    let start = texts.len();
                    texts.extend(list.iter().map(String::as_str));
                    start..texts.len()
                })
            })
            .collect();
        Self { texts, ranges }
    }

    /// The products in the layout of the contract. They must be those that the table was made of.
    pub(crate) fn rows<'t>(&'t self, products: &[Product<'t>]) -> Vec<types::Product<'t>> {
        let row = |(product, [categories, fulfillment_types, labels]): (&Product<'t>, &'t [Range<usize>; 3])| {
            types::Product {
                id: product.id.as_str(),
                status: match product.status {
                    Status::Approved => types::Status::Approved,
                    Status::Rejected => types::Status::Rejected,
                },
                name: product.name,
                manufacturer: product.manufacturer,
                categories: &self.texts[categories.clone()],
                fulfillment_types: &self.texts[fulfillment_types.clone()],
                labels: &self.texts[labels.clone()],
            }
        };
        products.iter().zip(&self.ranges).map(row).collect()
    }
}
