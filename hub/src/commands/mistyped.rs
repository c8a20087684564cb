//! Suggests the right id if that of a management experience was mistyped, from all that the catalog
//! and the ledger know.

use aws_config::SdkConfig;
use pmp_catalog::{Catalog, ErrorClass, RateLimits, Scope, SdkCatalog};
use pmp_ledger::{DynamoReports, TableName};
use pmp_protocol::{ExperienceId, Hint, alike};
use pmp_terminal::Failure;

use crate::commands::not_known;
use crate::config::Named;
use crate::error::HubError;
use crate::status::fleet::most_like;

/// The experience that may have been meant by `experience`. `None` if the ledger knows no other, or
/// if it cannot be read: the caller reports another failure, and this one would hide it.
pub(crate) async fn meant(
    sdk: &SdkConfig,
    timestamps: Option<&TableName>,
    named: &Named,
    experience: &ExperienceId,
) -> Option<ExperienceId> {
    let reports = DynamoReports::new(sdk, timestamps?.clone());
    most_like(&reports, experience, &named.all).await.ok().flatten()
}

/// The same, where the catalog has no such experience: the one of this account that looks like it.
/// A role that may not list them is told what the ledger knows.
pub(crate) async fn meant_in_the_catalog(
    sdk: &SdkConfig,
    timestamps: Option<&TableName>,
    named: &Named,
    experience: &ExperienceId,
) -> Option<ExperienceId> {
    let catalog = SdkCatalog::new(sdk, RateLimits::default());
    let known = catalog.list_experiences(Scope::Own).await.unwrap_or_default();
    let others = known.into_iter().filter(|known| known != experience && !named.all.contains(known));
    match alike(experience.as_str(), others).into_iter().next() {
        Some(alike) => Some(alike),
        None => meant(sdk, timestamps, named, experience).await,
    }
}

/// The failure for an error of the hub. If the catalog does not find the management experience, it
/// suggests the one that may have been meant.
pub(crate) async fn told(sdk: &SdkConfig, timestamps: Option<&TableName>, named: &Named, error: HubError) -> Failure {
    let unknown = match &error {
        HubError::Read { experience, source } if source.class() == ErrorClass::NotFound => experience.clone(),
        _ => return error.into(),
    };
    let meant = meant_in_the_catalog(sdk, timestamps, named, &unknown).await;
    let hint = error.hint();
    match meant {
        Some(meant) => Failure::from(error).hint_instead(not_known(Some(&meant), named.source)).hint(hint),
        None => Failure::from(error).hint(format!("`{unknown}` is named by {}", named.source)),
    }
}
