//! The products of a world of pmp-local, as its management experience lists them at the start.
//!
//! `pmp-world` reads the file, as it does for pmp-local: a field that pmp-local would refuse is
//! refused here, with the same words. This module does not check whether the world as a whole is
//! consistent, because a filter only gets products; `pmp-local world check` does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pmp_protocol::{ExperienceId, Hint, IdError, Note, OrganizationId, ProductId};
use pmp_world::{Experience, Format, FormatError, ListedProduct, Product, World};

use crate::catalog::{OwnedProduct, OwnedStatus, Scene};

/// The reason why a world has no products for a filter.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorldError {
    #[error("cannot read the world `{}`", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot understand the world `{}`{}", path.display(), at(field))]
    Parse { path: PathBuf, field: String, source: FormatError },
    #[error("cannot understand the world `{}`", path.display())]
    Id { path: PathBuf, source: IdError },
    #[error("the world has no experience `{wanted}`, but {}; name one with --management-experience", list(found))]
    NoExperience { wanted: ExperienceId, found: Vec<String> },
    #[error("the experience `{0}` of the world has no policy, so it lists no products")]
    NoPolicy(ExperienceId),
}

pmp_protocol::codes!(WorldError {
    Read => "E2137",
    Parse { source } => source,
    Id { source } => source,
    NoExperience => "E2138",
    NoPolicy => "E2139",
});

impl Hint for WorldError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Parse { source, .. } => source.hint(),
            Self::Id { source, .. } => source.hint(),
            Self::Read { .. } | Self::NoExperience { .. } | Self::NoPolicy(_) => None,
        }
    }
}

/// Names the field at which reading ended. The text is empty if the file is not of its format at
/// all.
fn at(field: &str) -> String {
    if field.is_empty() { String::new() } else { format!(" at `{field}`") }
}

fn list(found: &[String]) -> String {
    if found.is_empty() {
        return "none at all".to_owned();
    }
    found.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ")
}

/// Reads a world: YAML or JSON by the file's extension, TOML under any other name. If the scene's
/// member experience is one of the world's, its organization and its name come from the world, too.
pub(crate) fn read(path: &Path, scene: &mut Scene) -> Result<Vec<OwnedProduct>, WorldError> {
    let text = std::fs::read_to_string(path).map_err(|source| WorldError::Read { path: path.to_owned(), source })?;
    let format = Format::of(path).unwrap_or(Format::Toml);
    let world = World::parse(&text, format).map_err(|(field, source)| {
        let path = path.to_owned();
        WorldError::Parse { path, field, source }
    })?;
    let not_an_id = |source| WorldError::Id { path: path.to_owned(), source };
    meet(&world, scene).map_err(not_an_id)?;
    let experience = management(&world, &scene.management_experience)?;
    let policy = experience.policy.as_ref();
    let policy = policy.ok_or_else(|| WorldError::NoPolicy(scene.management_experience.clone()))?;
    let known: BTreeMap<_, _> = world.products.iter().map(|product| (product.id.as_str(), product)).collect();
    let approved = policy.approved.iter().map(|listed| (listed, OwnedStatus::Approved));
    let rejected = policy.rejected.iter().map(|listed| (listed, OwnedStatus::Rejected));
    let products = approved.chain(rejected).map(|(listed, status)| product(listed, status, &known));
    let mut products: Vec<_> = products.collect::<Result<_, _>>().map_err(not_an_id)?;
    // The products as a snapshot has them.
    products
        .sort_by(|a, b| (a.status == OwnedStatus::Rejected, &a.id).cmp(&(b.status == OwnedStatus::Rejected, &b.id)));
    Ok(products)
}

/// Gives the scene the organization and the name of its member experience, if the world has that
/// experience.
fn meet(world: &World, scene: &mut Scene) -> Result<(), IdError> {
    for organization in &world.organizations {
        if let Some(own) = organization.experiences.iter().find(|own| own.id == scene.experience.as_str()) {
            scene.organization = OrganizationId::new(&organization.id)?;
            scene.experience_name.get_or_insert_with(|| own.name.clone());
        }
    }
    Ok(())
}

fn management<'w>(world: &'w World, wanted: &ExperienceId) -> Result<&'w Experience, WorldError> {
    let all = || world.organizations.iter().flat_map(|organization| &organization.experiences);
    all().find(|experience| experience.id == wanted.as_str()).ok_or_else(|| {
        let found = all().map(|experience| experience.id.clone()).collect();
        WorldError::NoExperience { wanted: wanted.clone(), found }
    })
}

/// A listed product with the facts in the world's `products` and in the administrator's note.
fn product(
    listed: &ListedProduct,
    status: OwnedStatus,
    known: &BTreeMap<&str, &Product>,
) -> Result<OwnedProduct, IdError> {
    let mut product = OwnedProduct::new(ProductId::new(&listed.id)?, status);
    if let Some(known) = known.get(listed.id.as_str()) {
        let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        product.name = filled(&known.name);
        product.manufacturer = filled(&known.manufacturer);
        product.categories.clone_from(&known.categories);
        product.fulfillment_types = filled(&known.fulfillment).into_iter().collect();
        product.labels.extend(known.labels.iter().map(|label| label.trim().to_lowercase()));
    }
    product.labels.extend(listed.notes.as_deref().and_then(Note::new).iter().flat_map(Note::labels));
    product.labels.sort();
    product.labels.dedup();
    Ok(product)
}
