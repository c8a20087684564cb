//! `promote` and `halt`: a person's word about the version that is on its way through the waves.

use aws_config::SdkConfig;
use clap::Args;
use pmp_audit::Event;
use pmp_protocol::{Because, Hint, Reason, SnapshotVersion, one_line};
use pmp_terminal::{Exit, Failure, Output, progress as terminal};
use serde_json::json;

use super::publish::{audit, audit_failed};
use super::steer::reason;
use super::{caller, would_not_unsign};
use crate::compose;
use crate::config::{ConfigArgs, SteerConfig};
use crate::error::{HubError, sdk};
use crate::publish::Hub;
use crate::publish::waves::by_hand::Decided;
use crate::rollout::told::{Shown, progress};

/// What is said where a version was promoted, and not everybody could be told.
const GOES_ON: &str = "it is promoted: the hub's next run directs those who could not be directed";

#[derive(Debug, Args)]
pub(crate) struct PromoteArgs {
    /// The snapshot that is meant; without it, the one that is on its way. One that was taken back
    /// is published again, and begins with the first wave
    #[arg(value_name = "VERSION")]
    version: Option<SnapshotVersion>,
    /// Why, in a sentence: the ledger keeps it
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct HaltArgs {
    /// Why, in a sentence: `status` and the ledger tell it
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
}

pub(crate) async fn promote(config: &ConfigArgs, args: &PromoteArgs, output: Output) -> Result<Exit, Failure> {
    let (config, sdk) = open(config).await?;
    let hub = hub(&config, &sdk)?;
    // A turn that is not signed would be refused by every spoke that trusts keys.
    would_not_unsign(hub.snapshots.as_ref(), &config).await?;
    let because = because(&sdk, &args.reason).await?;
    let version = match args.version {
        Some(version) => version,
        None => hub.version_on_its_way().await?,
    };
    let auditor = compose::auditor(&sdk, &config.timestamps, &config.experience);
    let asked = auditor.asked(Event::Promote { version, reason: args.reason.clone() }).await?;
    let mut decided = match hub.promote(version, &because).await {
        Ok(decided) => decided,
        Err(error) => {
            audit_failed(&sdk, &config.timestamps, &hub, &error).await;
            return Err(asked.failed(error.into(), Vec::new()).await);
        }
    };
    // The person's word is written down by now; what follows from it may not be done for all.
    let went = std::mem::take(&mut decided.went);
    let (directed, goes_back) = (went.directed, went.goes_back);
    let not_done: Vec<_> = went.undirected.keys().cloned().collect();
    let failure = match went.failure() {
        // The promotion is in force: the audit must not say that nothing of it was done.
        Some(error) if not_done.is_empty() => Some(Failure::from(error).hint(GOES_ON.to_owned())),
        Some(error) => Some(asked.failed(Failure::from(error).hint(GOES_ON.to_owned()), not_done).await),
        None => None,
    };
    let audited = audit(&sdk, &config.timestamps, &hub, None).await;
    let announced = if directed { announce(&hub).await? } else { false };
    let again = published_again(&decided, args.version);
    let mut lines = vec![again.clone().unwrap_or_else(|| sentence(&decided))];
    lines.extend(
        announced.then(|| "Announced it: the spokes whose turn has come take it up within seconds.".to_owned()),
    );
    if again.is_none() && (goes_back || (decided.changed && decided.kept.state.rollout.stopped.is_some())) {
        lines.push("The hub publishes it with its next run.".to_owned());
    }
    let printed = print(&decided, lines, output)?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    audited.map(|()| printed)
}

pub(crate) async fn halt(config: &ConfigArgs, args: &HaltArgs, output: Output) -> Result<Exit, Failure> {
    let (config, sdk) = open(config).await?;
    let hub = hub(&config, &sdk)?;
    let because = because(&sdk, &args.reason).await?;
    let version = hub.version_on_its_way().await?;
    let auditor = compose::auditor(&sdk, &config.timestamps, &config.experience);
    let asked = auditor.asked(Event::Halt { version, reason: args.reason.clone() }).await?;
    let decided = asked.done(hub.halt(version, &because).await).await?;
    let mut lines = vec![sentence(&decided)];
    // What is not signed would be refused by every spoke that trusts keys.
    let told = match would_not_unsign(hub.snapshots.as_ref(), &config).await {
        Ok(()) => hub.tell_halt(&decided.kept).await,
        Err(error) => Err(error),
    };
    if decided.changed {
        let begun = "Organizations that have begun with it go on, and those that have it keep it";
        lines.push(match &told {
            Ok(()) => format!("{begun}. No other one begins with it."),
            Err(HubError::PutBack { .. }) => format!("{begun}. The others are not told yet, and may begin with it."),
            Err(_) => format!("{begun}. The hub's next run tells the others not to begin."),
        });
        lines.push("`pmp-hub pin` goes back everywhere, and `pmp-hub promote` goes on.".to_owned());
    }
    if let Err(error) = told {
        terminal::note(&format!("warning: the spokes could not be told of the halt: {}", one_line(&error)));
        error.hint().into_iter().for_each(|hint| terminal::note(&format!("hint: {hint}")));
    }
    print(&decided, lines, output)
}

async fn open(config: &ConfigArgs) -> Result<(SteerConfig, SdkConfig), Failure> {
    Ok((config.for_steer(true)?, sdk().await?))
}

/// The hub of these settings. It stores nothing, so it prunes nothing.
fn hub(config: &SteerConfig, sdk: &SdkConfig) -> Result<Hub, Failure> {
    let publish = config.publish()?;
    Ok(compose::hub(sdk, &publish, u64::MAX))
}

async fn because(sdk: &SdkConfig, reason: &str) -> Result<Because, Failure> {
    let by = caller(sdk).await?;
    Ok(Because { by, at: compose::clock().now(), reason: reason.to_owned() })
}

/// Announces the newest snapshot again, so that the spokes find their turn.
async fn announce(hub: &Hub) -> Result<bool, Failure> {
    let head = hub.snapshots.head(&hub.experience).await.map_err(HubError::Ledger)?;
    let Some(head) = head else { return Ok(false) };
    let hint = "it is written down: the spokes take it up with the next announcement";
    let announced = hub.announce_again(&head, Reason::Operator).await;
    announced.map_err(|error| Failure::from(error).hint(hint.to_owned()))?;
    Ok(true)
}

/// What a person reads who lets a version be published again that was taken back. None where
/// another one was meant.
fn published_again(decided: &Decided, asked: Option<SnapshotVersion>) -> Option<String> {
    let from = decided.kept.taken_back().filter(|from| asked == Some(*from))?;
    let first = decided.kept.waves.waves().first().map(|wave| format!(", beginning with wave `{}`", wave.name));
    let next = format!("the next run publishes it as a new snapshot{}.", first.unwrap_or_default());
    Some(match decided.changed {
        true => format!("Snapshot {from} may be published again: {next}"),
        false => format!("Nothing to do: snapshot {from} may be published again already: {next}"),
    })
}

fn sentence(decided: &Decided) -> String {
    let progress = progress(&decided.kept.state.rollout);
    if decided.changed { format!("Done: {progress}.") } else { format!("Nothing to do: {progress}.") }
}

fn print(decided: &Decided, lines: Vec<String>, output: Output) -> Result<Exit, Failure> {
    if output.is_table() {
        output.lines(lines)?;
    } else {
        let waves = Shown::of(&decided.kept.state.rollout);
        output.document(&json!({"changed": decided.changed, "waves": waves}))?;
    }
    Ok(Exit::Ok)
}
