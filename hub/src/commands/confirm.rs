//! `confirm`: lets a snapshot pass that a guard rail holds (rule 5).

use clap::Args;
use pmp_audit::{Event, Whom};
use pmp_ledger::{DynamoReceipts, DynamoReports, DynamoSnapshots, Extent, Head, ReceiptStore, Reports, SnapshotStore};
use pmp_protocol::{
    Confirmed, ExperienceId, Halted, OperatorConfirmation, OrganizationId, Receipt, SnapshotVersion, turn,
};
use pmp_terminal::{Exit, Failure, Output, progress};
use serde_json::json;

use super::announce::announce;
use super::caller;
use super::confirm_many::{ManyArgs, confirm_many};
use super::look::meant;
use crate::compose;
use crate::config::ConfigArgs;
use crate::error::{HubError, sdk};
use crate::status::fleet::Fleet;
use crate::{confirm, status, steer};

/// The arguments that replace a single organization.
const MANY: [&str; 4] = ["all", "cause", "organizations", "wave"];

#[derive(Debug, Args)]
pub(crate) struct ConfirmArgs {
    /// The member organization: o-…
    #[arg(value_name = "ORG", requires = "version", required_unless_present_any = MANY, conflicts_with_all = MANY)]
    organization: Option<OrganizationId>,
    /// The snapshot to let through: the newest
    #[arg(value_name = "VERSION")]
    version: Option<SnapshotVersion>,
    /// Only this member experience; without it, all of the organization
    #[arg(long, value_name = "ID", requires = "organization")]
    member_experience: Option<ExperienceId>,
    /// Confirm in advance, even if nothing is held yet
    #[arg(long, requires = "organization")]
    force: bool,
    /// Take a confirmation back
    #[arg(long, conflicts_with = "force", requires = "organization")]
    undo: bool,
    #[command(flatten)]
    many: ManyArgs,
    /// Do not announce the snapshot again now: the spoke finds the confirmation with the next
    /// announcement
    #[arg(long)]
    no_announce: bool,
}

pub(crate) async fn confirm(config: &ConfigArgs, args: &ConfirmArgs, output: Output) -> Result<Exit, Failure> {
    let (Some(organization), Some(version)) = (&args.organization, args.version) else {
        debug_assert!(args.many.are_given());
        return confirm_many(config, &args.many, !args.no_announce, output).await;
    };
    let (config, topic) = config.for_confirm()?;
    let sdk = sdk().await?;
    let snapshots = DynamoSnapshots::new(&sdk, config.snapshots.clone());
    let receipts = DynamoReceipts::new(&sdk, config.timestamps.clone());
    let newest = snapshots.head(&config.experience).await.map_err(HubError::Ledger)?;
    let newest = newest.ok_or(confirm::Refusal::NoSnapshot)?;
    let reports = DynamoReports::new(&sdk, config.timestamps.clone()).consistent();
    let reported =
        reports.report(organization, &config.experience, Extent::Large).await.map_err(HubError::Ledger)?.organization;
    // First: whether it is pinned, or its turn has come, means nothing for one that is mistyped.
    if let Err(unknown) = confirm::heard_of(&reported) {
        let fleet = Fleet::new(&sdk, &config.snapshots, &config.timestamps, config.members.clone());
        let roster = fleet.roster(&config.experience).await.map_err(HubError::Ledger)?.unwrap_or_default();
        let others = roster.keys().filter(|id| *id != organization).map(OrganizationId::as_str);
        return Err(Failure::from(unknown).hint(meant(organization.as_str(), others)));
    }
    let said = receipts.direction(&config.experience, Some(organization)).await.map_err(HubError::Ledger)?;
    let directed = steer::said(said, Some(organization))?;
    let fleet = receipts.direction(&config.experience, None).await.map_err(HubError::Ledger)?;
    let fleet = steer::said(fleet, None)?;
    // What the organization is pinned to, or what waves let it take, is what its spokes act on.
    let own = directed.map(|directed| directed.direction);
    let fleet = fleet.map(|fleet| fleet.direction);
    let turn = turn(fleet.as_ref(), own.as_ref()).cloned();
    let pin = own.as_ref().and_then(|own| own.pin.clone());
    if let Some(pin) = pin.as_ref().filter(|pin| pin.version != version) {
        let (organization, pinned) = (organization.clone(), pin.version);
        return Err(confirm::Refusal::Pinned { organization, pinned, version }.into());
    }
    if let Some(turn) = turn.as_ref().filter(|turn| pin.is_none() && turn.version < version) {
        let (organization, turn) = (organization.clone(), turn.version);
        return Err(confirm::Refusal::NotItsTurn { organization, turn, version }.into());
    }
    let head = match (&pin, &turn) {
        (Some(pin), _) => Head { latest: pin.version, digest: pin.digest, ..newest.clone() },
        (None, Some(turn)) => Head { latest: turn.version, digest: turn.digest, ..newest.clone() },
        (None, None) => newest.clone(),
    };
    let organization = reported;
    let wanted = confirm::Wanted {
        organization: organization.id.clone(),
        version,
        member_experience: args.member_experience.clone(),
        force: args.force || args.undo,
    };
    let held = confirm::decide(&wanted, &head, &organization)?;
    let confirmation = OperatorConfirmation {
        organization: wanted.organization,
        experience: config.experience.clone(),
        member_experience: wanted.member_experience,
        version: head.latest,
        digest: head.digest,
        confirmed: Confirmed { by: caller(&sdk).await?, at: compose::clock().now() },
    };
    let auditor = compose::auditor(&sdk, &config.timestamps, &config.experience);
    let OperatorConfirmation { organization: whose, member_experience, version, digest, .. } = &confirmation;
    let whom = vec![Whom { organization: whose.clone(), member_experience: member_experience.clone() }];
    if args.undo {
        let asked = auditor.asked(Event::Unconfirm { whom, version: *version }).await?;
        return asked.done(undo(&receipts, &confirmation, output).await).await;
    }
    let asked = auditor.asked(Event::Confirm { whom, version: *version, content: *digest }).await?;
    asked.done(receipts.put_confirmation(&confirmation).await.map_err(HubError::Ledger)).await?;
    if let Some(hint) = confirm::too_old(&organization, confirmation.version) {
        progress::note(&hint);
    }
    let announced = match topic.filter(|_| !args.no_announce) {
        Some(topic) => Some(announce(&sdk, config, topic, &newest).await?),
        None => None,
    };
    let halted = confirm::waits_for_a_halt(fleet.as_ref(), own.as_ref(), &organization.receipts);
    if output.is_table() {
        output.lines(confirmed(&confirmation, &held, announced.is_some(), halted))?;
    } else {
        output.document(&json!({"confirmation": confirmation, "lets_through": held, "announced": announced,
            "halted": halted}))?;
    }
    Ok(Exit::Ok)
}

async fn undo(receipts: &DynamoReceipts, confirmation: &OperatorConfirmation, output: Output) -> Result<Exit, Failure> {
    let OperatorConfirmation { organization, version, .. } = confirmation;
    let gone = receipts.delete_confirmation(confirmation).await.map_err(HubError::Ledger)?;
    if !gone {
        let error = format!("snapshot {version} is not confirmed for `{organization}`");
        return Err(
            Failure::new("E4045", error).hint("name the experience, too, if it was confirmed for one".to_owned())
        );
    }
    if output.is_table() {
        output.line(&format!("Snapshot {version} is no longer confirmed for {organization}."))?;
    } else {
        output.document(&json!({"undone": confirmation}))?;
    }
    Ok(Exit::Ok)
}

/// The result of `confirm` for a person, in lines.
fn confirmed(
    confirmation: &OperatorConfirmation,
    held: &[&Receipt],
    announced: bool,
    halted: Option<&Halted>,
) -> Vec<String> {
    let OperatorConfirmation { organization, version, .. } = confirmation;
    let mut lines = vec![format!("Confirmed snapshot {version} for {organization}.")];
    lines
        .extend(held.iter().map(|held| format!("  {}: {}", held.member_experience, status::judge::what_is_held(held))));
    let next = match halted {
        Some(halted) => confirm::not_before_it_goes_on(halted),
        None if announced => "Announced it again: the spoke takes it up within seconds.".to_owned(),
        None => "The spoke takes it up with the next announcement.".to_owned(),
    };
    lines.push(next);
    lines
}
