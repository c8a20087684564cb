//! The products of a pmp-local world, as its management experience lists them at the start.
//!
//! Only what a filter is told is read, so that this program needs nothing of pmp-local: whether a world is whole is for
//! `pmp-local world check` to say. The format is documented in docs/pmp-local.md, as are its three spellings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pmp_protocol::{ExperienceId, Note, OrganizationId, ProductId};
use serde::Deserialize;

use crate::catalog::{OwnedProduct, OwnedStatus, Scene};

/// Why a world has no products for a filter.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorldError {
    #[error("cannot read the world `{}`", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot understand the world `{}`: {problem}", path.display())]
    Parse { path: PathBuf, problem: String },
    #[error("the world has no experience `{wanted}`, but {}; name one with --management-experience", list(found))]
    NoExperience { wanted: ExperienceId, found: Vec<String> },
    #[error("the experience `{0}` of the world has no policy, so it lists no products")]
    NoPolicy(ExperienceId),
}

fn list(found: &[String]) -> String {
    if found.is_empty() {
        return "none at all".to_owned();
    }
    found.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ")
}

#[derive(Deserialize)]
struct World {
    #[serde(default)]
    organizations: Vec<Organization>,
    #[serde(default)]
    products: Vec<Product>,
}

#[derive(Deserialize)]
struct Organization {
    id: OrganizationId,
    #[serde(default)]
    experiences: Vec<Experience>,
}

#[derive(Deserialize)]
struct Experience {
    id: ExperienceId,
    name: String,
    policy: Option<Policy>,
}

#[derive(Deserialize)]
struct Policy {
    #[serde(default)]
    approved: Vec<Listed>,
    #[serde(default)]
    rejected: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Listed {
    Id(ProductId),
    Noted { id: ProductId, notes: Option<String> },
}

#[derive(Deserialize)]
struct Product {
    id: ProductId,
    #[serde(default)]
    name: String,
    #[serde(default)]
    manufacturer: String,
    #[serde(default)]
    categories: Vec<String>,
    #[serde(default)]
    fulfillment: String,
    #[serde(default)]
    labels: Vec<String>,
}

/// Reads a world: TOML, YAML or JSON, by the file's extension. Where the scene's member experience is one of the world's, its
/// organization and its name are the world's, too.
pub(crate) fn read(path: &Path, scene: &mut Scene) -> Result<Vec<OwnedProduct>, WorldError> {
    let text = std::fs::read_to_string(path).map_err(|source| WorldError::Read { path: path.to_owned(), source })?;
    let parsed = match path.extension().and_then(|extension| extension.to_str()) {
        Some("yaml" | "yml") => serde_saphyr::from_str(&text).map_err(|error| error.without_snippet().to_string()),
        Some("json") => serde_json::from_str(&text).map_err(|error| error.to_string()),
        _ => toml::from_str(&text).map_err(|error: toml::de::Error| error.to_string()),
    };
    let world: World = parsed.map_err(|problem| WorldError::Parse { path: path.to_owned(), problem })?;
    world.meet(scene);
    world.products(&scene.management_experience)
}

impl World {
    fn meet(&self, scene: &mut Scene) {
        for organization in &self.organizations {
            if let Some(own) = organization.experiences.iter().find(|own| own.id == scene.experience) {
                scene.organization = organization.id.clone();
                scene.experience_name.get_or_insert_with(|| own.name.clone());
            }
        }
    }

    fn products(self, management: &ExperienceId) -> Result<Vec<OwnedProduct>, WorldError> {
        let all = || self.organizations.iter().flat_map(|organization| &organization.experiences);
        let Some(experience) = all().find(|experience| experience.id == *management) else {
            let found = all().map(|experience| experience.id.to_string()).collect();
            return Err(WorldError::NoExperience { wanted: management.clone(), found });
        };
        let policy = experience.policy.as_ref().ok_or_else(|| WorldError::NoPolicy(management.clone()))?;
        let known: BTreeMap<_, _> = self.products.iter().map(|product| (&product.id, product)).collect();
        let approved = policy.approved.iter().map(|listed| (listed, OwnedStatus::Approved));
        let rejected = policy.rejected.iter().map(|listed| (listed, OwnedStatus::Rejected));
        let mut products: Vec<_> =
            approved.chain(rejected).map(|(listed, status)| listed.product(status, &known)).collect();
        // As a snapshot has them.
        products.sort_by(|a, b| {
            (a.status == OwnedStatus::Rejected, &a.id).cmp(&(b.status == OwnedStatus::Rejected, &b.id))
        });
        Ok(products)
    }
}

impl Listed {
    fn product(&self, status: OwnedStatus, known: &BTreeMap<&ProductId, &Product>) -> OwnedProduct {
        let (id, notes) = match self {
            Self::Id(id) => (id, None),
            Self::Noted { id, notes } => (id, notes.as_deref()),
        };
        let mut product = OwnedProduct::new(id.clone(), status);
        if let Some(known) = known.get(id) {
            let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            product.name = filled(&known.name);
            product.manufacturer = filled(&known.manufacturer);
            product.categories.clone_from(&known.categories);
            product.fulfillment_types = filled(&known.fulfillment).into_iter().collect();
            product.labels.extend(known.labels.iter().map(|label| label.trim().to_lowercase()));
        }
        product.labels.extend(notes.and_then(Note::new).iter().flat_map(Note::labels));
        product.labels.sort();
        product.labels.dedup();
        product
    }
}
