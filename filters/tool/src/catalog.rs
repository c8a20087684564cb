//! The input of a filter: products and context, read from a file or generated. [`crate::world`] and
//! [`crate::ledger`] read them from other sources.
//!
//! A file of products has one of two forms, both JSON. It holds either the products as a filter
//! sees them (`{"products": [{"id": …, "labels": […]}, …]}`), or the content of a snapshot
//! (`{"approved": […], "rejected": […], "notes": {…}}`). The notes of a snapshot become labels, as
//! in a spoke.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap::Args;
use jiff::Timestamp;
use pmp_filter_host::{Context, Product, Status};
use pmp_protocol::{ExperienceId, IdError, Note, OrganizationId, ProductId, SnapshotVersion};
use pmp_terminal::Failure;
use serde::Deserialize;

/// A product as a file describes it. Everything except the id may be absent, because a spoke may
/// not know it either.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnedProduct {
    pub(crate) id: ProductId,
    #[serde(default)]
    pub(crate) status: OwnedStatus,
    pub(crate) name: Option<String>,
    pub(crate) manufacturer: Option<String>,
    #[serde(default)]
    pub(crate) categories: Vec<String>,
    #[serde(default)]
    pub(crate) fulfillment_types: Vec<String>,
    #[serde(default)]
    pub(crate) labels: Vec<String>,
}

/// The hub's decision on a product.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OwnedStatus {
    #[default]
    Approved,
    Rejected,
}

impl OwnedProduct {
    pub(crate) fn new(id: ProductId, status: OwnedStatus) -> Self {
        let (categories, fulfillment_types, labels) = (Vec::new(), Vec::new(), Vec::new());
        Self { id, status, name: None, manufacturer: None, categories, fulfillment_types, labels }
    }

    /// The product in the form of the filter host.
    pub(crate) fn borrow(&self) -> Product<'_> {
        Product {
            id: &self.id,
            status: match self.status {
                OwnedStatus::Approved => Status::Approved,
                OwnedStatus::Rejected => Status::Rejected,
            },
            name: self.name.as_deref(),
            manufacturer: self.manufacturer.as_deref(),
            manufacturer_id: None,
            categories: &self.categories,
            category_ids: &[],
            fulfillment_types: &self.fulfillment_types,
            labels: &self.labels,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Products {
    products: Vec<OwnedProduct>,
}

/// A snapshot's content. Fields that filters do not get are ignored.
#[derive(Deserialize)]
struct Content {
    approved: BTreeSet<ProductId>,
    #[serde(default)]
    rejected: BTreeSet<ProductId>,
    #[serde(default)]
    notes: BTreeMap<ProductId, String>,
}

/// Reads products from a file of either form.
pub(crate) fn read(path: &Path) -> Result<Vec<OwnedProduct>, Failure> {
    let cannot = |what: &str| format!("cannot {what} the products `{}`", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| Failure::tried("E1750", cannot("read"), error))?;
    parse(&text).map_err(|error| Failure::tried("E2141", cannot("understand"), error))
}

fn parse(text: &str) -> Result<Vec<OwnedProduct>, serde_json::Error> {
    let document: serde_json::Value = serde_json::from_str(text)?;
    if document.get("approved").is_some() {
        // This parses the text, not a value, because then an error names the line.
        return Ok(serde_json::from_str::<Content>(text)?.into_products());
    }
    Ok(serde_json::from_str::<Products>(text)?.products)
}

impl Content {
    fn into_products(self) -> Vec<OwnedProduct> {
        let listed = |ids: BTreeSet<ProductId>, status| ids.into_iter().map(move |id| OwnedProduct::new(id, status));
        let mut products: Vec<_> =
            listed(self.approved, OwnedStatus::Approved).chain(listed(self.rejected, OwnedStatus::Rejected)).collect();
        for product in &mut products {
            let note = self.notes.get(&product.id).and_then(|note| Note::new(note));
            product.labels = note.iter().flat_map(Note::labels).collect();
        }
        products
    }
}

/// Generates `count` products for measurements. A tenth is rejected, and each has the attributes of
/// a real one.
pub(crate) fn made_up(count: usize) -> Result<Vec<OwnedProduct>, IdError> {
    let product = |n: usize| {
        let id = ProductId::new(&format!("prod-{n:013}"))?;
        let status = if n % 10 == 9 { OwnedStatus::Rejected } else { OwnedStatus::Approved };
        Ok(OwnedProduct {
            name: Some(format!("Product number {n}")),
            manufacturer: Some(format!("Vendor {}", n % 97)),
            categories: vec![format!("Category {}", n % 7), "Infrastructure Software".into()],
            fulfillment_types: vec![["SaaS", "AmazonMachineImage", "Container"][n % 3].into()],
            labels: if n.is_multiple_of(5) { vec!["genai".into()] } else { Vec::new() },
            ..OwnedProduct::new(id, status)
        })
    };
    (0..count).map(product).collect()
}

/// A fixed moment, the same in every run: 2026-01-01T00:00:00Z.
const LONG_AGO: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// The ids of a context where nothing else is said.
const ORGANIZATION: &str = "o-example0000";
const MANAGEMENT: &str = "exp-management";
const EXPERIENCE: &str = "exp-example";

/// The context of an evaluation.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Context")]
pub(crate) struct Scene {
    /// The version of the snapshot, a number from 1
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) snapshot_version: SnapshotVersion,
    /// The id of the member organization
    #[arg(long, value_name = "ID", default_value = ORGANIZATION)]
    pub(crate) organization: OrganizationId,
    /// The id of the management experience
    #[arg(long, value_name = "ID", default_value = MANAGEMENT)]
    pub(crate) management_experience: ExperienceId,
    /// The id of the member experience
    #[arg(long, value_name = "ID", default_value = EXPERIENCE)]
    pub(crate) experience: ExperienceId,
    /// The member experience's name [default: the world's, or Example]
    #[arg(long, value_name = "NAME")]
    pub(crate) experience_name: Option<String>,
    /// A label of the member experience; may be given several times
    #[arg(long = "label", value_name = "LABEL")]
    pub(crate) labels: Vec<String>,
    /// The moment of the evaluation, the only clock that a filter has [default: now with --ledger,
    /// or 2026-01-01T00:00:00Z]
    #[arg(long, value_name = "TIME")]
    pub(crate) evaluated_at: Option<Timestamp>,
}

impl Scene {
    /// The context if no option is given.
    pub(crate) fn made_up() -> Result<Self, IdError> {
        Ok(Self {
            snapshot_version: SnapshotVersion::FIRST,
            organization: OrganizationId::new(ORGANIZATION)?,
            management_experience: ExperienceId::new(MANAGEMENT)?,
            experience: ExperienceId::new(EXPERIENCE)?,
            experience_name: None,
            labels: Vec::new(),
            evaluated_at: None,
        })
    }

    /// The context with its labels sorted and unique, as the host requires.
    pub(crate) fn sorted(mut self) -> Self {
        self.labels.sort();
        self.labels.dedup();
        self
    }

    pub(crate) fn borrow(&self) -> Context<'_> {
        Context {
            snapshot_version: self.snapshot_version,
            organization: &self.organization,
            management_experience: &self.management_experience,
            experience: &self.experience,
            experience_name: self.experience_name.as_deref().unwrap_or("Example"),
            labels: &self.labels,
            evaluated_at: self.evaluated_at.unwrap_or(LONG_AGO),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshots_notes_become_labels() {
        let text = r#"{"approved":["prod-a","prod-b"],"experience":"exp-1","notes":{"prod-b":"GenAI, eu"},"rejected":["prod-c"]}"#;
        let products = parse(text).unwrap();
        let labels: Vec<_> = products.iter().map(|product| (product.id.as_str(), product.labels.len())).collect();
        assert_eq!(labels, [("prod-a", 0), ("prod-b", 2), ("prod-c", 0)]);
        assert_eq!(products[2].status, OwnedStatus::Rejected);
    }

    #[test]
    fn a_misspelt_field_is_named() {
        let error = parse(r#"{"products":[{"id":"prod-a","lables":[]}]}"#).unwrap_err().to_string();
        assert!(error.contains("unknown field `lables`"), "{error}");
    }

    #[test]
    fn a_made_up_context_is_that_of_a_command_without_options() {
        #[derive(clap::Parser)]
        struct Options {
            #[command(flatten)]
            scene: Scene,
        }
        let Options { scene } = clap::Parser::try_parse_from([""]).unwrap();
        assert_eq!(format!("{scene:?}"), format!("{:?}", Scene::made_up().unwrap()));
    }

    #[test]
    fn made_up_products_are_as_many_as_asked_for() {
        let products = made_up(20).unwrap();
        assert_eq!(products.iter().filter(|product| product.status == OwnedStatus::Rejected).count(), 2);
    }
}
