//! Suggests the right id if that of a management experience was mistyped, from all that the ledger
//! knows.

use aws_config::SdkConfig;
use pmp_catalog::ErrorClass;
use pmp_ledger::{DynamoReports, TableName};
use pmp_protocol::{ExperienceId, Hint};
use pmp_terminal::Failure;

use crate::commands::not_known;
use crate::error::HubError;
use crate::status::fleet::most_like;

/// The experience that may have been meant by `experience`. `None` if the ledger knows no other, or
/// if it cannot be read: the caller reports another failure, and this one would hide it.
pub(crate) async fn meant(
    sdk: &SdkConfig,
    timestamps: Option<&TableName>,
    experience: &ExperienceId,
) -> Option<ExperienceId> {
    let reports = DynamoReports::new(sdk, timestamps?.clone());
    most_like(&reports, experience).await.ok().flatten()
}

/// The failure for an error of the hub. If the catalog does not find the management experience, it
/// suggests the one that may have been meant.
pub(crate) async fn told(sdk: &SdkConfig, timestamps: Option<&TableName>, error: HubError) -> Failure {
    let unknown = match &error {
        HubError::Read { experience, source } if source.class() == ErrorClass::NotFound => experience.clone(),
        _ => return error.into(),
    };
    let Some(meant) = meant(sdk, timestamps, &unknown).await else { return error.into() };
    let hint = error.hint();
    Failure::from(error).hint_instead(not_known(Some(&meant))).hint(hint)
}
