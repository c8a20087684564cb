//! Reads the management experience, whole or not at all (rule 0).

use pmp_catalog::Catalog;
use pmp_protocol::{Content, ExperienceId};

use crate::error::HubError;

/// What the management experience says now. It is read whatever its status: an experience that
/// serves only as the template for others need not be enabled.
pub(crate) async fn management_experience(
    catalog: &dyn Catalog,
    experience: &ExperienceId,
) -> Result<Content, HubError> {
    let failed = |source| HubError::Read { experience: experience.clone(), source };
    let mut described = catalog.describe_experiences(std::slice::from_ref(experience)).await;
    let no_answer = || pmp_catalog::CatalogError::NotFound(experience.to_string());
    let found = described.pop().ok_or_else(no_answer).flatten().map_err(failed)?;
    let policy = found.policies.first().ok_or_else(|| HubError::NoPolicy(experience.clone()))?;
    let mut described = catalog.describe_policies(std::slice::from_ref(policy)).await;
    let no_answer = || pmp_catalog::CatalogError::NotFound(policy.to_string());
    let policy = described.pop().ok_or_else(no_answer).flatten().map_err(failed)?;
    for product in &policy.contradictory {
        tracing::warn!(%experience, %product, "the policy both allows and denies this product; taken as rejected");
    }
    Content::new(experience.clone(), policy.approved, policy.rejected, policy.notes, policy.policy_resource_requests)
        .map_err(|source| HubError::Content { experience: experience.clone(), source })
}
