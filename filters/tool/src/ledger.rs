//! Reads the newest snapshot from the hub's ledger, with the clients that a spoke uses. Nothing is
//! written.

use clap::Args;
use jiff::Timestamp;
use pmp_aws::AssumedRole;
use pmp_ledger::{DynamoSnapshots, SnapshotStore, TableName};
use pmp_protocol::{Content, ExperienceId, ProductId};
use pmp_terminal::{Failure, progress};

use crate::catalog::{OwnedProduct, OwnedStatus, Scene};

/// Where the ledger is. The environment variables are those of a spoke, so that a spoke's
/// environment can be used unchanged.
#[derive(Debug, Args)]
#[command(next_help_heading = "Ledger")]
pub(crate) struct Ledger {
    /// The hub's table of snapshots: its name or ARN
    #[arg(long, env = "PMP_SNAPSHOTS_TABLE", hide_env_values = true, value_name = "TABLE")]
    snapshots_table: Option<TableName>,
    /// The role to assume for the hub's tables; without it, one's own credentials are used
    #[arg(long, env = "PMP_HUB_ROLE_ARN", hide_env_values = true, value_name = "ARN")]
    hub_role_arn: Option<String>,
    /// The external id that the role's trust policy asks for
    #[arg(long, env = "PMP_HUB_EXTERNAL_ID", hide_env_values = true, value_name = "ID")]
    hub_external_id: Option<String>,
}

/// The reason why no snapshot could be read.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("no table of snapshots is named: give --snapshots-table, or set PMP_SNAPSHOTS_TABLE")]
    NoTable,
    #[error("the ledger holds no snapshot of `{0}` yet")]
    Nothing(ExperienceId),
}

pmp_protocol::codes!(ReadError {
    NoTable => "E2112",
    Nothing => "E2113",
});

pmp_protocol::without_hint!(ReadError);

/// Reads the newest snapshot, and sets its version in the scene. Products have ids, and labels from
/// the hub's notes; the attributes that a spoke looks up elsewhere stay unknown.
pub(crate) async fn read(
    ledger: Ledger,
    experience: ExperienceId,
    scene: &mut Scene,
) -> Result<Vec<OwnedProduct>, Failure> {
    let table = ledger.snapshots_table.ok_or(ReadError::NoTable)?;
    let own = pmp_aws::load("pmp-filter").await?;
    let config = match ledger.hub_role_arn {
        Some(arn) => {
            let session_name = "pmp-filter".to_owned();
            let advice = "check --hub-role-arn (PMP_HUB_ROLE_ARN) and --hub-external-id (PMP_HUB_EXTERNAL_ID)";
            let role = AssumedRole { arn, external_id: ledger.hub_external_id, session_name, advice };
            pmp_aws::assume_role(&own, role).await
        }
        None => own,
    };
    let store = DynamoSnapshots::new(&config, table);
    let head = store.head(&experience).await?;
    let head = head.ok_or_else(|| ReadError::Nothing(experience.clone()))?;
    let snapshot = store.fetch(&experience, head.latest).await?;
    progress::note(&format!("snapshot {} of `{experience}`, taken at {}", snapshot.version(), snapshot.taken_at()));
    scene.snapshot_version = snapshot.version();
    scene.evaluated_at.get_or_insert_with(Timestamp::now);
    scene.management_experience = experience;
    Ok(products(snapshot.content()))
}

fn products(content: &Content) -> Vec<OwnedProduct> {
    let product = |id: &ProductId, status| {
        let labels = content.note(id).map(|note| note.labels().collect()).unwrap_or_default();
        OwnedProduct { labels, ..OwnedProduct::new(id.clone(), status) }
    };
    let approved = content.approved().iter().map(|id| product(id, OwnedStatus::Approved));
    approved.chain(content.rejected().iter().map(|id| product(id, OwnedStatus::Rejected))).collect()
}
