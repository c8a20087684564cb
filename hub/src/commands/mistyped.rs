//! An id of a management experience that was mistyped: what may have been meant, wherever the
//! ledger knows of it.

use aws_config::SdkConfig;
use pmp_catalog::ErrorClass;
use pmp_ledger::{DynamoReports, TableName};
use pmp_protocol::ExperienceId;
use pmp_terminal::Failure;

use crate::commands::not_known;
use crate::error::HubError;
use crate::error::failure;
use crate::status::fleet::most_like;

/// The experience that may have been meant by `experience`. None where the ledger knows of no
/// other, or cannot be read: what is told is another failure, and this would hide it.
pub(crate) async fn meant(
    sdk: &SdkConfig,
    timestamps: Option<&TableName>,
    experience: &ExperienceId,
) -> Option<ExperienceId> {
    let reports = DynamoReports::new(sdk, timestamps?.clone());
    most_like(&reports, experience).await.ok().flatten()
}

/// A failure of the hub; where the catalog does not find the management experience, with the one
/// that may have been meant.
pub(crate) async fn told(sdk: &SdkConfig, timestamps: Option<&TableName>, error: HubError) -> Failure {
    let unknown = match &error {
        HubError::Read { experience, source } if source.class() == ErrorClass::NotFound => experience.clone(),
        _ => return failure(error),
    };
    let Some(meant) = meant(sdk, timestamps, &unknown).await else { return failure(error) };
    let hint = error.hint();
    Failure::new(error).hint(not_known(Some(&meant))).hint(hint)
}
