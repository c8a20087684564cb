//! `confirm`: lets a snapshot pass that a guard rail holds (rule 5).

use aws_config::SdkConfig;
use clap::Args;
use pmp_audit::Event;
use pmp_ledger::{DynamoReceipts, DynamoReports, DynamoSnapshots, Extent, Head, ReceiptStore, Reports, SnapshotStore};
use pmp_protocol::{
    Confirmed, ExperienceId, Halted, OperatorConfirmation, OrganizationId, Receipt, SnapshotVersion, turn,
};
use pmp_terminal::{Exit, Failure, Output, count, progress};
use serde_json::json;

use super::announce::announce;
use super::caller;
use super::confirm_many::{ManyArgs, confirm_many};
use super::look::meant;
use crate::compose;
use crate::config::{ConfigArgs, StatusConfig};
use crate::confirm::{IN_ONE_ENTRY, TakenBack, whom};
use crate::error::{HubError, sdk};
use crate::status::fleet::Fleet;
use crate::{confirm, status, steer};

/// The most confirmations that are named where they are taken back.
const MAX_NAMED: usize = 20;
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
    /// Take back what is confirmed of this version, for the whole organization; with
    /// --member-experience, for that one experience
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
    if args.undo {
        return undo(&sdk, &config, &receipts, (organization, version), args.member_experience.as_ref(), output).await;
    }
    let newest = snapshots.head(&config.experience).await.map_err(HubError::Ledger)?;
    let newest = newest.ok_or(confirm::Refusal::NoSnapshot)?;
    let reports = DynamoReports::new(&sdk, config.timestamps.clone()).consistent();
    let reported =
        reports.report(organization, &config.experience, Extent::Large).await.map_err(HubError::Ledger)?.organization;
    // First: whether it is pinned, or its turn has come, means nothing for one that is mistyped.
    if let Err(unknown) = confirm::heard_of(&reported) {
        return Err(told(&sdk, &config, unknown, organization).await?);
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
        force: args.force,
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
    let OperatorConfirmation { version, digest, .. } = confirmation;
    let asked = auditor.asked(Event::Confirm { whom: vec![whom(&confirmation)], version, content: digest }).await?;
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

/// The failure for an organization that is not known, with the one that may be meant.
async fn told(
    sdk: &SdkConfig,
    config: &StatusConfig,
    unknown: confirm::Refusal,
    organization: &OrganizationId,
) -> Result<Failure, HubError> {
    let fleet = Fleet::new(sdk, &config.snapshots, &config.timestamps, config.members.clone());
    let roster = fleet.roster(&config.experience).await?.unwrap_or_default();
    let others = roster.keys().filter(|id| *id != organization).map(OrganizationId::as_str);
    Ok(Failure::from(unknown).hint(meant(organization.as_str(), others)))
}

/// Takes confirmations of one snapshot back: those for one member experience, or all of the
/// organization. What the organization reports does not count: it may have deleted that (rule 11).
async fn undo(
    sdk: &SdkConfig,
    config: &StatusConfig,
    receipts: &DynamoReceipts,
    (organization, version): (&OrganizationId, SnapshotVersion),
    member_experience: Option<&ExperienceId>,
    output: Output,
) -> Result<Exit, Failure> {
    let said = receipts.confirmations(organization, &config.experience).await.map_err(HubError::Ledger)?;
    for unreadable in &said.unreadable {
        let problem = &unreadable.problem;
        progress::note(&format!("warning: item `{}` of {organization} cannot be read: {problem}", unreadable.key));
    }
    let back = TakenBack::of(said.confirmations, version, member_experience);
    if back.these.is_empty() {
        return Err(not_confirmed(sdk, config, &back, (organization, version), member_experience).await?);
    }
    let auditor = compose::auditor(sdk, &config.timestamps, &config.experience);
    let (mut undone, mut failure): (Vec<&OperatorConfirmation>, _) = (Vec::new(), None);
    for part in back.these.chunks(IN_ONE_ENTRY) {
        let event = Event::Unconfirm { whom: part.iter().map(whom).collect(), version };
        let asked = match undone.is_empty() {
            true => auditor.asked(event).await?,
            false => match auditor.asked_further(event).await {
                Ok(asked) => asked,
                Err(error) => {
                    failure.get_or_insert(error);
                    break;
                }
            },
        };
        let mut first = None;
        for confirmation in part {
            match receipts.delete_confirmation(confirmation).await {
                // Where somebody else took it back meanwhile, it is taken back all the same.
                Ok(_) => undone.push(confirmation),
                Err(error) => _ = first.get_or_insert(error),
            }
        }
        if let Some(error) = first {
            let whom = if undone.is_empty() { Vec::new() } else { vec![organization.clone()] };
            let error = asked.failed(HubError::Ledger(error).into(), whom).await;
            failure.get_or_insert(error);
        }
    }
    let failure = failure.map(|failure: Failure| {
        let left = count(back.these.len() - undone.len(), "confirmation");
        failure.hint(format!("{left} not taken back; the same again takes back what is left"))
    });
    if undone.is_empty() {
        return failure.map_or(Ok(Exit::Ok), Err);
    }
    if output.is_table() {
        output.lines(taken_back(&undone, &back, member_experience))?;
    } else {
        // `undone` is one, as it was before there could be several.
        output.document(&json!({"undone": undone.first(), "taken_back": undone, "in_force": back.others}))?;
    }
    failure.map_or(Ok(Exit::Ok), Err)
}

/// The failure where there is no such confirmation: the organization may be mistyped, or something
/// else of it may be confirmed.
async fn not_confirmed(
    sdk: &SdkConfig,
    config: &StatusConfig,
    back: &TakenBack,
    (organization, version): (&OrganizationId, SnapshotVersion),
    member_experience: Option<&ExperienceId>,
) -> Result<Failure, Failure> {
    let whose = member_experience.map(|member| format!("`{member}` of ")).unwrap_or_default();
    let failure = Failure::new("E4045", format!("snapshot {version} is not confirmed for {whose}`{organization}`"));
    if let Some(stays) = member_experience.and_then(|member| back.stays(member)) {
        return Ok(failure.hint(stays.trim_end_matches('.').to_owned()));
    }
    let reports = DynamoReports::new(sdk, config.timestamps.clone()).consistent();
    let reported = reports.report(organization, &config.experience, Extent::Usual).await.map_err(HubError::Ledger)?;
    Ok(match confirm::heard_of(&reported.organization) {
        Err(unknown) => told(sdk, config, unknown, organization).await?,
        Ok(()) => failure.hint("`pmp-hub audit` shows what was confirmed and what was taken back".to_owned()),
    })
}

/// What was taken back, for a person, in lines.
fn taken_back(
    undone: &[&OperatorConfirmation],
    back: &TakenBack,
    member_experience: Option<&ExperienceId>,
) -> Vec<String> {
    let Some(OperatorConfirmation { organization, version, .. }) = undone.first() else { return Vec::new() };
    if let Some(member) = member_experience {
        let told = format!("Snapshot {version} is no longer confirmed for {member} of {organization}.");
        return std::iter::once(told).chain(back.stays(member)).collect();
    }
    let mut lines = vec![format!("Snapshot {version} is no longer confirmed for {organization}. Taken back:")];
    let named = undone.iter().take(MAX_NAMED).map(|it| match &it.member_experience {
        Some(member) => format!("  for {member}"),
        None => "  for all of the organization".to_owned(),
    });
    lines.extend(named);
    let more = undone.len().saturating_sub(MAX_NAMED);
    lines.extend((more > 0).then(|| format!("  and for {more} more")));
    lines
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
