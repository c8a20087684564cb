//! `confirm`: let through what a guard rail holds.

use clap::Args;
use jiff::Timestamp;
use pmp_ledger::{DynamoReceipts, DynamoReports, DynamoSnapshots, Extent, ReceiptStore, Reports, SnapshotStore};
use pmp_protocol::{Confirmed, ExperienceId, OperatorConfirmation, OrganizationId, Reason, Receipt, SnapshotVersion};
use pmp_terminal::{Exit, Failure, Output, progress};
use serde_json::json;

use super::caller;
use crate::config::{ConfigArgs, PublishConfig, StatusConfig};
use crate::error::{failure, sdk};
use crate::{HubError, compose, confirm, status};

#[derive(Debug, Args)]
pub(crate) struct ConfirmArgs {
    /// The member organization: o-…
    #[arg(value_name = "ORG")]
    organization: OrganizationId,
    /// The snapshot to let through: the newest
    #[arg(value_name = "VERSION")]
    version: SnapshotVersion,
    /// Only this member experience; without it, all of the organization
    #[arg(long, value_name = "ID")]
    member_experience: Option<ExperienceId>,
    /// Confirm in advance, where nothing is held yet
    #[arg(long)]
    force: bool,
    /// Take a confirmation back
    #[arg(long, conflicts_with = "force")]
    undo: bool,
    /// Leave it to the next announcement to reach the spoke, rather than announce the snapshot again now
    #[arg(long)]
    no_announce: bool,
}

pub(crate) async fn confirm(config: &ConfigArgs, args: &ConfirmArgs, output: Output) -> Result<Exit, Failure> {
    let (config, topic) = config.for_confirm()?;
    let sdk = sdk().await?;
    let snapshots = DynamoSnapshots::new(&sdk, config.snapshots.clone());
    let receipts = DynamoReceipts::new(&sdk, config.timestamps.clone());
    let ledger = |error| failure(HubError::Ledger(error));
    let head = snapshots.head(&config.experience).await.map_err(ledger)?;
    let reports = DynamoReports::new(&sdk, config.timestamps.clone());
    let organization =
        reports.report(&args.organization, &config.experience, Extent::Large).await.map_err(ledger)?.organization;
    let wanted = confirm::Wanted {
        organization: args.organization.clone(),
        version: args.version,
        member_experience: args.member_experience.clone(),
        force: args.force || args.undo,
    };
    let refused = |refusal: confirm::Refusal| {
        let hint = refusal.hint();
        Failure::new(refusal).hint(hint)
    };
    let held = confirm::decide(&wanted, head.as_ref(), &organization).map_err(refused)?;
    let Some(head) = head else { return Err(refused(confirm::Refusal::NoSnapshot)) };
    let confirmation = OperatorConfirmation {
        organization: wanted.organization,
        experience: config.experience.clone(),
        member_experience: wanted.member_experience,
        version: head.latest,
        digest: head.digest,
        confirmed: Confirmed { by: caller(&sdk).await.map_err(failure)?, at: Timestamp::now() },
    };
    if args.undo {
        return undo(&receipts, &confirmation, output).await;
    }
    receipts.put_confirmation(&confirmation).await.map_err(ledger)?;
    if let Some(hint) = confirm::too_old(&organization, confirmation.version) {
        progress::note(&hint);
    }
    let announced = match topic.filter(|_| !args.no_announce) {
        Some(topic) => {
            let StatusConfig { experience, snapshots, timestamps, .. } = config;
            let timestamps = Some(timestamps);
            // Nor is the snapshot signed anew: whoever confirms need not hold the hub's key.
            let publish = PublishConfig {
                experience,
                snapshots,
                timestamps,
                topic,
                events_queue_url: None,
                signing: None,
                unsigned: false,
                looks_products_up: false,
            };
            // Nothing is stored, so nothing is pruned.
            let hub = compose::hub(&sdk, &publish, u64::MAX);
            let announced = hub.announce_again(&head, Reason::Operator, Timestamp::now).await;
            let hint = "it is confirmed all the same: the spoke takes it up with the next announcement";
            Some(announced.map_err(|error| failure(error).hint(hint.to_owned()))?)
        }
        None => None,
    };
    if output.is_table() {
        output.lines(confirmed(&confirmation, &held, announced.is_some()))?;
    } else {
        output.document(&json!({"confirmation": confirmation, "lets_through": held, "announced": announced}))?;
    }
    Ok(Exit::Ok)
}

async fn undo(receipts: &DynamoReceipts, confirmation: &OperatorConfirmation, output: Output) -> Result<Exit, Failure> {
    let OperatorConfirmation { organization, version, .. } = confirmation;
    let gone = receipts.delete_confirmation(confirmation).await.map_err(|e| failure(HubError::Ledger(e)))?;
    if !gone {
        let error = anyhow::anyhow!("snapshot {version} is not confirmed for `{organization}`");
        return Err(Failure::new(error).hint("name the experience, too, if it was confirmed for one".to_owned()));
    }
    if output.is_table() {
        output.line(&format!("Snapshot {version} is no longer confirmed for {organization}."))?;
    } else {
        output.document(&json!({"undone": confirmation}))?;
    }
    Ok(Exit::Ok)
}

/// What `confirm` did, for a person, a line each.
fn confirmed(confirmation: &OperatorConfirmation, held: &[&Receipt], announced: bool) -> Vec<String> {
    let OperatorConfirmation { organization, version, .. } = confirmation;
    let mut lines = vec![format!("Confirmed snapshot {version} for {organization}.")];
    lines.extend(held.iter().map(|held| format!("  {}: {}", held.member_experience, status::what_is_held(held))));
    let next = if announced {
        "Announced it again: the spoke takes it up within seconds."
    } else {
        "The spoke takes it up with the next announcement."
    };
    lines.push(next.to_owned());
    lines
}
