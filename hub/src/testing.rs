//! What reads settings and events, for tests of other crates that give it any text; and what
//! operators do, for tests that run a hub without its commands. In no program: only the feature
//! `testing` compiles it.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_config::SdkConfig;
use pmp_ledger::{DynamoRollouts, TableName};
use pmp_protocol::{Because, DirectionChange, ExperienceId, OrganizationId};
use serde_json::Value;

use crate::config::experiences::Experiences;
use crate::error::HubError;
use crate::publish::waves::Rollouts;
use crate::publish::{Hub, Published};
use crate::status::fleet::Fleet;
use crate::steer::Helm;
use crate::triggers::event::classify;

/// The management experiences that the setting `PMP_EXPERIENCES` names.
///
/// # Errors
/// A sentence for a person, where the text names none.
pub fn experiences(text: &str) -> Result<Vec<ExperienceId>, String> {
    let experiences: Experiences = text.parse()?;
    Ok(experiences.all().into_iter().map(|own| own.experience).collect())
}

/// What an event asks of the hub, for people.
#[must_use]
pub fn event(event: &Value) -> String {
    format!("{:?}", classify(event))
}

/// Waves as `compose` makes them of the settings: `waves` is that of `PMP_WAVES`, and `members` are
/// those of `PMP_MEMBER_ORGANIZATIONS`.
///
/// # Errors
/// A sentence for a person, where `waves` cannot be read.
pub fn rollouts(
    sdk: &SdkConfig,
    snapshots: &TableName,
    timestamps: &TableName,
    members: BTreeSet<OrganizationId>,
    waves: &str,
) -> Result<Rollouts, String> {
    let store = Arc::new(DynamoRollouts::new(sdk, timestamps.clone()));
    let fleet = Fleet::consistent(sdk, snapshots, timestamps, members);
    Ok(Rollouts { store, fleet, setting: waves.parse()? })
}

/// Directs the fleet, or one organization, as `pin`, `pause` and their like do before they publish.
/// Returns whether it was another direction before.
///
/// # Errors
/// As the commands have them.
pub async fn direct(
    hub: &Hub,
    organization: Option<&OrganizationId>,
    change: &DirectionChange,
    because: &Because,
) -> Result<bool, HubError> {
    let Some(receipts) = hub.marks.as_deref() else { return Ok(false) };
    let fleet = hub.rollouts.as_ref().map(|rollouts| &rollouts.fleet);
    let helm = Helm { receipts, signing: hub.signing.as_ref(), experience: &hub.experience, fleet };
    Ok(helm.change(organization, change, because).await?.1)
}

/// Goes on after the table of snapshots was restored, as `recover` does.
///
/// # Errors
/// As the command has them.
pub async fn recover(hub: &Hub) -> Result<Published, HubError> {
    Ok(hub.recover().await?.published)
}
