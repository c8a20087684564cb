//! Suggests the right id where one was mistyped, from all that the catalog and the ledger know.

use std::collections::{BTreeMap, BTreeSet};

use aws_config::SdkConfig;
use pmp_catalog::{Catalog, ErrorClass, RateLimits, Scope, SdkCatalog};
use pmp_ledger::{DynamoReports, TableName};
use pmp_protocol::{ExperienceId, Hint, IdError, OrganizationId, alike};
use pmp_terminal::Failure;

use crate::commands::not_known;
use crate::config::{ConfigArgs, Named};
use crate::error::{HubError, sdk};
use crate::status::fleet::{Fleet, most_like};

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

/// The id that may have been meant by what is none: it has another length or shape. `None` if no
/// known one looks like it, or if the ledger cannot be read: what was typed is wrong in any case.
pub(crate) async fn id_meant(config: &ConfigArgs, wrong: &IdError) -> Option<String> {
    let config = config.for_status().ok()?;
    let fleet = Fleet::new(&sdk().await.ok()?, &config.snapshots, &config.timestamps, config.members);
    let view = fleet.look(&config.experience).await.ok()?;
    let admitted = view.roster.iter().flat_map(BTreeMap::keys);
    let organizations = admitted.chain(view.looked.iter().map(|looked| &looked.id)).map(OrganizationId::as_str);
    let receipts = view.reports().flat_map(|report| &report.organization.receipts);
    let experiences = receipts.map(|receipt| receipt.member_experience.as_str()).chain([config.experience.as_str()]);
    // Ids of another kind never look like it: each kind has a beginning of its own.
    let known: BTreeSet<&str> = organizations.chain(experiences).collect();
    alike(&wrong.value, known).first().map(|meant| (*meant).to_owned())
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
