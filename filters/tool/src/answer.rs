//! The answers that a filter gives in test cases.

use pmp_filter_host::{Filter, Managed};
use pmp_protocol::Decision;

use crate::cases::Case;
use crate::catalog::{OwnedProduct, Scene};

/// The filter's answer in a case.
pub(crate) enum Answer {
    /// A decision on each product.
    Decided(Vec<Decision>),
    /// The filter does not manage the experience, with its reason.
    NotManaged(String),
    /// The filter refuses its settings, or fails to decide, with its message.
    Refused(String),
}

impl Answer {
    pub(crate) fn of(filter: &Filter, case: &Case, scene: &Scene) -> Self {
        ask(filter, case, scene).unwrap_or_else(Self::Refused)
    }
}

/// Asks in the order of a spoke: first whether it manages the experience, then for its decisions on
/// the products.
fn ask(filter: &Filter, case: &Case, scene: &Scene) -> Result<Answer, String> {
    let settings = serde_json::to_string(&case.settings).map_err(|error| error.to_string())?;
    let configured = filter.configure(&settings).map_err(|error| error.to_string())?;
    let context = &case.context;
    let scene = Scene {
        experience: context.experience.clone().unwrap_or_else(|| scene.experience.clone()),
        experience_name: context.experience_name.clone().or_else(|| scene.experience_name.clone()),
        labels: if context.labels.is_empty() { scene.labels.clone() } else { context.labels.clone() },
        evaluated_at: context.evaluated_at.or(scene.evaluated_at),
        snapshot_version: scene.snapshot_version,
        organization: scene.organization.clone(),
        management_experience: scene.management_experience.clone(),
    }
    .sorted();
    let products: Vec<_> = case.products.iter().map(|expected| OwnedProduct::borrow(&expected.product)).collect();
    if let (Managed::No { reason }, _) = configured.manages(&scene.borrow()).map_err(|error| error.to_string())? {
        return Ok(Answer::NotManaged(reason.unwrap_or_default()));
    }
    let evaluation = configured.evaluate(&scene.borrow(), &products).map_err(|error| error.to_string())?;
    Ok(Answer::Decided(evaluation.decisions))
}
