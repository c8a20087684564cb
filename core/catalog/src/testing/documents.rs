//! What the adapter reads out of AWS's documents, without a call: for tests that give it documents
//! which AWS would not write.

use crate::details::{self, Entity};
use crate::intern::Interner;
use crate::{CatalogError, Experience, PolicyId, ProcurementPolicy};

/// Identifier and details of an entity, in an answer of `DescribeEntity` to a call for `asked`.
///
/// # Errors
/// Where the answer is none, is about another entity, or has no details.
pub fn described(asked: &str, answer: &str) -> Result<(String, String), CatalogError> {
    let entity: Entity<'_> = serde_json::from_str(answer)
        .map_err(|error| CatalogError::Unexpected { entity: asked.to_owned(), problem: error.to_string() })?;
    let entity = entity.about(asked)?;
    Ok((entity.identifier(asked).to_owned(), entity.json(asked)?.into_owned()))
}

/// An experience, from its details.
///
/// # Errors
/// Where they are not understood.
pub fn experience(identifier: &str, details: &str) -> Result<Experience, CatalogError> {
    details::experience(identifier, details)
}

/// A procurement policy, from its details.
///
/// # Errors
/// Where they are not understood.
pub fn policy(id: &PolicyId, details: &str) -> Result<ProcurementPolicy, CatalogError> {
    details::policy(id, details, &Interner::new()).map(ProcurementPolicy::from)
}
