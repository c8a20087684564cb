//! Warns of a mistyped id of the management experience. A spoke with such an id waits for snapshots
//! that never come.

use aws_config::SdkConfig;
use pmp_ledger::{DynamoReports, Reports as _};

use crate::commands::doctor::ledger::unknown;
use crate::config::SpokeConfig;
use crate::pass::Spoke;

/// Warns if the ledger holds no snapshot of the management experience, and suggests the one that
/// may have been meant. A ledger that cannot be read is reported by the passes.
pub(crate) async fn warn(sdk: &SdkConfig, config: &SpokeConfig, spoke: &Spoke) {
    let Ok(None) = spoke.snapshots.head(&spoke.management).await else { return };
    let hub = match config.hub_role_for(&spoke.identity.organization) {
        Some(role) => pmp_aws::assume_role(sdk, role).await,
        None => sdk.clone(),
    };
    let known = DynamoReports::new(&hub, config.timestamps.clone()).management_experiences().await.unwrap_or_default();
    tracing::warn!(
        experience = %spoke.management,
        hint = unknown(&spoke.management, &known),
        "the ledger holds no snapshot of the experience that is followed"
    );
}
