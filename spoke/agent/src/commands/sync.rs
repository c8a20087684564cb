//! `sync`: makes one pass with the ledger's newest snapshot. With `--plan`, it applies exactly the
//! plan in that file, or nothing.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use pmp_protocol::{Confirmed, MAX_REASON, Outside, Receipt, ReceiptStatus, SnapshotVersion, WindowsOf};
use pmp_runtime::Stop;
use pmp_terminal::progress::{self as terminal, waiting_for, waiting_for_the_first};
use pmp_terminal::{Exit, Failure, Output, parse_reason};

use crate::commands::plan_file::PlanFile;
use crate::commands::progress::Terminal;
use crate::commands::{progress, render, unfiltered};
use crate::compose::{Purpose, sdk_and_spoke, stop};
use crate::config::{ConfigArgs, SpokeConfig};
use crate::error::SpokeError;
use crate::lease::IfHeld;
use crate::pass::standing::Standing;
use crate::pass::{PassOutcome, Spoke};
use crate::progress::Silent;

#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    /// Let exactly this snapshot through, whatever it removes
    #[arg(long, value_name = "VERSION")]
    confirm: Option<SnapshotVersion>,
    /// Wait if another spoke of this organization holds the lease, instead of exiting
    #[arg(long)]
    wait: bool,
    /// Apply exactly the plan in this file, which `plan --out` wrote; or nothing, if anything has
    /// changed since
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Disregard this organization's own change windows in this pass. Those of the fleet hold
    #[arg(long, requires = "reason")]
    outside_windows: bool,
    /// Why, in a sentence: the receipts tell it
    #[arg(long, value_name = "TEXT", value_parser = reason, requires = "outside_windows")]
    reason: Option<String>,
}

fn reason(text: &str) -> Result<String, String> {
    parse_reason(text, MAX_REASON)
}

pub(crate) async fn sync(config: &ConfigArgs, args: &SyncArgs, output: Output) -> Result<Exit, Failure> {
    let config = config.for_pass()?;
    let plan = args.plan.as_deref().map(PlanFile::read).transpose()?;
    let stop = stop(&config)?;
    let done = synced(&config, args, plan.as_ref(), output, &stop).await;
    match (done, Exit::by_signal(&stop)) {
        // Whoever stopped it by hand knows that it did not come to its end: that is no error.
        (Err(failure), Some(exit)) if STOPPED.contains(&failure.code().to_string().as_str()) => {
            terminal::note(&failure.one_line());
            Ok(exit)
        }
        (done, _) => done,
    }
}

/// The codes of the failures of a `sync` that was stopped before its end.
const STOPPED: [&str; 2] = ["E5003", "E5025"];

async fn synced(
    config: &SpokeConfig,
    args: &SyncArgs,
    plan: Option<&PlanFile>,
    output: Output,
    stop: &Stop,
) -> Result<Exit, Failure> {
    let ended = |how: &str| {
        let reason = stop.reason().map_or_else(String::new, ToString::to_string);
        Failure::new("E5025", format!("{reason}, {how}"))
    };
    let started = stop.unless_stopped(sdk_and_spoke(config, "sync", Purpose::Pass, Some(output))).await;
    let (_, mut spoke) = started.ok_or_else(|| ended("before anything was done"))??;
    let terminal = Terminal::of(output);
    spoke.progress = terminal.clone().map_or_else(|| Arc::new(Silent) as _, |terminal| terminal as _);
    spoke.outside = args.reason.as_ref().filter(|_| args.outside_windows).map(|reason| Outside {
        by: spoke.identity.caller.clone(),
        at: spoke.clock.now(),
        reason: reason.clone(),
    });
    if let Some((pass, version)) = waiting_for(output, progress::LEDGER, look(&spoke, args, stop)).await? {
        return print(&pass, version, output, stop);
    }
    let if_held = if args.wait { IfHeld::Wait } else { IfHeld::Leave };
    let work = async |stop: &Stop| Ok(sync_newest(&spoke, config, args, plan, stop).await);
    let pass = spoke.lease.hold(if_held, stop, work);
    let told = async {
        match &terminal {
            Some(terminal) => {
                let pass = waiting_for_the_first(output, progress::PASS, terminal.told(), pass);
                terminal.alive(pass).await
            }
            None => pass.await,
        }
    };
    let done = stop
        .to_the_end(Box::pin(told))
        .await
        .ok_or_else(|| ended("and something does not answer; the next run goes on"))?;
    let Some(done) = done? else {
        return Err(ended("before the lease was free; nothing was done"));
    };
    let (pass, version) = done?;
    print(&pass, version, output, stop)
}

/// What every receipt has, as the columns of a spreadsheet.
const COLUMNS: &[&str] = &[
    "organization",
    "experience",
    "member_experience",
    "version",
    "digest",
    "status",
    "received_at",
    "allowed",
    "denied",
    "pending",
    "narrowed",
    "spoke_version",
    "error",
];

fn print(pass: &PassOutcome, version: SnapshotVersion, output: Output, stop: &Stop) -> Result<Exit, Failure> {
    let receipts = &pass.receipts;
    output.list_of("receipts", COLUMNS, receipts, render::receipts(pass), &summary(receipts, version))?;
    if let Some(hint) = way_out(receipts) {
        terminal::note(hint);
    }
    match (exit_after(receipts), Exit::by_signal(stop)) {
        // A pass that came to its end says by itself what the catalog refused.
        (Exit::Error, Some(exit))
            if !pass.is_complete() && !receipts.iter().any(|receipt| receipt.status == ReceiptStatus::Failed) =>
        {
            terminal::note("Stopped before the end. The next sync goes on from here.");
            Ok(exit)
        }
        (exit, _) => Ok(exit),
    }
}

/// What can be done about change windows that are closed, where any are. The fleet's are the hub's.
fn way_out(receipts: &[Receipt]) -> Option<&'static str> {
    let closed = receipts.iter().find_map(|receipt| receipt.paused.as_ref()?.windows.as_ref())?;
    Some(match closed.whose {
        WindowsOf::Member => {
            "hint: what cannot wait: `pmp-spoke sync --outside-windows --reason …` disregards this organization's own windows"
        }
        WindowsOf::Fleet => "hint: the fleet's change windows are closed; only the hub's operators can open them",
    })
}

/// Looks whether everything is as it was left: then one sign of life is all that is written, and
/// nobody waits for the lease. `None` where a pass has to be made, or was asked for by name.
async fn look(
    spoke: &Spoke,
    args: &SyncArgs,
    stop: &Stop,
) -> Result<Option<(PassOutcome, SnapshotVersion)>, SpokeError> {
    // Whoever waits for the lease means a pass: it may be one that was abandoned.
    if args.wait || args.plan.is_some() || args.confirm.is_some() || args.outside_windows {
        return Ok(None);
    }
    let standing = stop.unless_stopped(spoke.standing()).await.ok_or_else(|| SpokeError::stopped(stop))?;
    // What cannot be read is the pass's to tell.
    let Ok(standing) = standing else { return Ok(None) };
    let version = standing.target().0;
    Ok(spoke.look(&standing, &[], stop).await?.map(|pass| (pass, version)))
}

/// One pass with the ledger's newest snapshot.
async fn sync_newest(
    spoke: &Spoke,
    config: &SpokeConfig,
    args: &SyncArgs,
    plan: Option<&PlanFile>,
    stop: &Stop,
) -> Result<(PassOutcome, SnapshotVersion), Failure> {
    let stopped = || SpokeError::stopped(stop);
    let standing = stop.unless_stopped(spoke.begin(None)).await.ok_or_else(stopped)??;
    is_in_force(args.confirm, standing.target().0)?;
    if let Some(hint) = unfiltered::hint(spoke, &standing.before) {
        terminal::note(&hint);
    }
    let confirmed = args.confirm.map(|_| Confirmed { by: spoke.identity.caller.clone(), at: spoke.clock.now() });
    let (standing, newest) = stop.unless_stopped(spoke.taken_up(standing, &[])).await.ok_or_else(stopped)??;
    let (version, newest) = (standing.target().0, Arc::new(newest));
    // While it was fetched, operators may have pinned another one.
    is_in_force(args.confirm, version)?;
    let bound = match plan {
        None => None,
        Some(plan) => {
            let held = hold_against(spoke, config, plan, &standing, &newest);
            stop.unless_stopped(held).await.ok_or_else(stopped)??;
            Some(plan.revisions())
        }
    };
    // If the lists are read once more, the experience must still be at the revision of the plan.
    let spoke = Spoke { bound: bound.map(Arc::new), ..spoke.clone() };
    let pass = spoke.sync(standing, newest, confirmed, stop).await?;
    Ok((pass, version))
}

/// Refuses a confirmation of another version than the one in force.
fn is_in_force(confirmed: Option<SnapshotVersion>, version: SnapshotVersion) -> Result<(), Failure> {
    let Some(confirmed) = confirmed.filter(|confirmed| *confirmed != version) else { return Ok(()) };
    let error = format!("snapshot {confirmed} was confirmed, but {version} is in force");
    Err(Failure::new("E5026", error).hint(format!("look at it with `pmp-spoke plan`, then `--confirm {version}`")))
}

/// Plans once more, and refuses if anything differs from the plan in the file. It holds the lease,
/// so that no other spoke changes anything in between.
async fn hold_against(
    spoke: &Spoke,
    config: &SpokeConfig,
    plan: &PlanFile,
    standing: &Standing,
    newest: &Arc<pmp_protocol::Snapshot>,
) -> Result<(), Failure> {
    let previews = spoke.preview(standing, newest).await?;
    let now = PlanFile::new(&spoke.identity, config, newest, &previews, spoke.clock.now());
    plan.hold_against(&now)
}

pub(crate) fn summary(receipts: &[Receipt], version: SnapshotVersion) -> String {
    let kept = receipts.iter().filter(|receipt| receipt.is_kept()).count();
    let in_sync = |receipt: &&Receipt| receipt.status == ReceiptStatus::InSync && receipt.version == version;
    let in_sync = receipts.iter().filter(in_sync).count();
    let observed: Vec<_> = receipts.iter().filter_map(|receipt| receipt.would_change).collect();
    let would_change = observed.iter().filter(|it| !it.is_nothing()).count();
    let observed = if observed.is_empty() { String::new() } else { format!("; observed: {would_change} would change") };
    format!("{in_sync} of {kept} member experiences in sync with snapshot {version}{observed}")
}

fn exit_after(receipts: &[Receipt]) -> Exit {
    let any = |status| receipts.iter().any(|receipt| receipt.status == status);
    if any(ReceiptStatus::Failed) || any(ReceiptStatus::Partial) {
        Exit::Error
    } else if any(ReceiptStatus::Held) {
        Exit::Refused
    } else {
        Exit::Ok
    }
}
