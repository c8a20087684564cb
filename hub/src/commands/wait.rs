//! `wait`: waits until a snapshot is applied everywhere.

use std::time::Duration;

use clap::Args;
use pmp_protocol::SnapshotVersion;
use pmp_runtime::Stop;
use pmp_terminal::progress::{self, Step};
use pmp_terminal::{Exit, Failure, Frame, Output, OutputFormat, parse_duration, stop_on_signal};
use pmp_waves::Stopped;
use serde_json::json;
use tokio::time::Instant;

use super::look::{Seen, look, no_snapshot};
use crate::compose;
use crate::config::{ConfigArgs, StaleAfter};
use crate::render::status as shown;
use crate::status::{SpokeState, SpokeStatus};

/// The pause between two reads. Each read costs a read unit for each organization.
const EVERY: Duration = Duration::from_secs(5);
/// The most missing experiences that a line of progress names.
const NAMED: usize = 3;

#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// The snapshot; without it, the newest
    #[arg(value_name = "VERSION")]
    version: Option<SnapshotVersion>,
    /// How long to wait
    #[arg(long, default_value = "15m", value_parser = parse_duration, value_name = "DURATION")]
    timeout: Duration,
    #[command(flatten)]
    stale: StaleAfter,
    /// Every row that is missing, and not only one screen
    #[arg(long)]
    all: bool,
}

/// Waits until `version` or a newer one is applied in every member experience, or the time is up.
pub(crate) async fn wait(config: &ConfigArgs, args: &WaitArgs, output: Output) -> Result<Exit, Failure> {
    let stop = stop_on_signal()?;
    let began = Instant::now();
    let mut told = String::new();
    let mut wanted = args.version;
    loop {
        let Some(seen) = stop.unless_stopped(look(config, args.stale.stale_after)).await else {
            return Err(stopped(&stop, wanted));
        };
        let seen = seen?;
        let version = version(&seen, wanted)?;
        // A newer snapshot that is published meanwhile does not change what is waited for.
        wanted = Some(version);
        let missing = missing(&seen.rows, version);
        // An empty selection is never "everywhere" (rule 12): its id may be mistyped, or its spoke
        // finds nothing to keep in step.
        let everywhere = missing.is_empty() && kept(&seen.rows) > 0;
        let left = args.timeout.saturating_sub(began.elapsed());
        // What was stopped in the waves comes nowhere by itself.
        let is_stopped = is_stopped(&seen, version);
        if is_stopped && !everywhere {
            progress::note(&format!("hint: snapshot {version} was stopped in the waves: `pmp-hub status` says why"));
        }
        if everywhere || left.is_zero() || is_stopped {
            return tell(&seen, version, &missing, everywhere, began.elapsed(), args.all, output);
        }
        let line = line(&seen.rows, &missing, version);
        if line != told {
            progress::step(Step::Waiting, &line);
            told = line;
        }
        if stop.unless_stopped(tokio::time::sleep(EVERY.min(left))).await.is_none() {
            return Err(stopped(&stop, wanted));
        }
    }
}

/// The failure after a stop: it is unknown whether the snapshot is applied everywhere.
fn stopped(stop: &Stop, wanted: Option<SnapshotVersion>) -> Failure {
    let why = stop.reason().map_or_else(|| "told to stop".to_owned(), ToString::to_string);
    let what = wanted.map_or_else(|| "the snapshot".to_owned(), |version| format!("snapshot {version}"));
    Failure::new("E4067", format!("{why}, before {what} was everywhere"))
}

/// Whether the version was stopped in the waves, or taken back.
fn is_stopped(seen: &Seen, version: SnapshotVersion) -> bool {
    let Some(kept) = seen.view.waves.kept() else { return false };
    let rollout = &kept.state.rollout;
    match &rollout.stopped {
        Some(Stopped::Halted { .. } | Stopped::RollingBack { .. }) => rollout.version == version,
        Some(Stopped::RolledBack { from, .. }) => *from == version,
        None => false,
    }
}

/// The version to wait for.
fn version(seen: &Seen, wanted: Option<SnapshotVersion>) -> Result<SnapshotVersion, Failure> {
    let Some(head) = &seen.view.head else {
        return Err(no_snapshot(&seen.experience, seen.meant.as_ref()));
    };
    match wanted {
        Some(wanted) if wanted > head.latest => {
            let error = format!("the ledger has no snapshot {wanted}: the newest is {}", head.latest);
            Err(Failure::new("E4068", error).hint("publish it first: `pmp-hub publish`".to_owned()))
        }
        wanted => Ok(wanted.unwrap_or(head.latest)),
    }
}

/// The rows in which the version is not applied yet, worst first.
fn missing(rows: &[SpokeStatus], version: SnapshotVersion) -> Vec<&SpokeStatus> {
    // As the spoke says it, and the ledger bears it out.
    let applied = |row: &SpokeStatus| row.lag.and(row.applied).is_some_and(|applied| applied.version >= version);
    let is_there = |row: &SpokeStatus| match row.state {
        // One that is pinned or paused does not come before an operator lets it.
        SpokeState::Skipped | SpokeState::WouldChange | SpokeState::Pinned | SpokeState::Paused => true,
        // An experience that moves on to a newer version had this one applied.
        SpokeState::Synced | SpokeState::Applying | SpokeState::Drifted => {
            row.in_force().is_some_and(|applied| applied >= version)
        }
        // Silence takes nothing back, and a trouble with a newer version is none with this one.
        SpokeState::Stale => applied(row),
        _ => applied(row) && row.tried.as_ref().is_some_and(|tried| tried.version > version),
    };
    rows.iter().filter(|row| !is_there(row)).collect()
}

/// The number of experiences that are kept in step, or should be.
fn kept(rows: &[SpokeStatus]) -> usize {
    rows.iter().filter(|row| row.state.is_kept_in_step()).count()
}

/// The reason why there is nothing to wait for.
fn nothing(rows: &[SpokeStatus]) -> &'static str {
    if rows.is_empty() { "no spoke has reported yet" } else { "no member experience is kept in step" }
}

/// The progress in one line.
fn line(rows: &[SpokeStatus], missing: &[&SpokeStatus], version: SnapshotVersion) -> String {
    let kept = kept(rows);
    if kept == 0 {
        return format!("snapshot {version}: {}", nothing(rows));
    }
    let name = |row: &&SpokeStatus| {
        let experience = row.member_experience.as_ref().map(|id| format!(" {id}")).unwrap_or_default();
        format!("{}{experience} ({})", row.organization, row.state.as_str())
    };
    let mut named: Vec<_> = missing.iter().take(NAMED).map(name).collect();
    if let Some(more @ 1..) = missing.len().checked_sub(NAMED) {
        named.push(format!("{more} more"));
    }
    format!("snapshot {version}: {} of {kept} are there; waiting for {}", kept - missing.len(), named.join(", "))
}

fn tell(
    seen: &Seen,
    version: SnapshotVersion,
    missing: &[&SpokeStatus],
    everywhere: bool,
    took: Duration,
    all: bool,
    output: Output,
) -> Result<Exit, Failure> {
    let exit = if everywhere { Exit::Ok } else { Exit::Unhealthy };
    let seconds = took.as_secs();
    if output.is_document() {
        output.document(&json!({
            "experience": seen.experience, "version": version, "everywhere": everywhere, "waited_seconds": seconds,
            "missing": missing,
        }))?;
        return Ok(exit);
    }
    let rows: Vec<SpokeStatus> = missing.iter().map(|row| (*row).clone()).collect();
    if everywhere && output.is_table() {
        output.line(&format!("Snapshot {version} is everywhere, after {seconds} s."))?;
    } else if rows.is_empty() && output.is_table() {
        output.line(&format!("Snapshot {version} is nowhere after {seconds} s: {}.", nothing(&seen.rows)))?;
    } else {
        let summary = format!("{} without snapshot {version} after {seconds} s", rows.len());
        if output.format == OutputFormat::Table && !all {
            shown::missing(&rows, compose::clock().now(), summary).frame(Frame::HEIGHT).print(output)?;
            return Ok(exit);
        }
        let table = shown::table(&rows, compose::clock().now(), output.format == OutputFormat::Wide);
        output.list_of("missing", SpokeStatus::COLUMNS, &rows, table, &summary)?;
    }
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use pmp_protocol::testing::receipt;
    use pmp_protocol::{Applied, ExperienceId, OrganizationId, ReceiptStatus};

    use super::*;

    fn row(member: &str, version: Option<u64>, state: SpokeState) -> SpokeStatus {
        SpokeStatus {
            member_experience: Some(ExperienceId::new(member).unwrap()),
            version: version.map(|version| SnapshotVersion::new(version).unwrap()),
            lag: version,
            ..SpokeStatus::whole(&OrganizationId::new("o-alpha00000").unwrap(), state, String::new())
        }
    }

    #[test]
    fn one_that_is_on_a_newer_snapshot_has_this_one_whatever_became_of_the_newest() {
        let version = |version| SnapshotVersion::new(version).unwrap();
        let stands = |member: &str, applied: u64, tried: u64, state| {
            let mut row = row(member, Some(tried), state);
            let receipt = receipt(tried, ReceiptStatus::Held, None);
            row.tried = Some(receipt.tried());
            row.applied = Some(Applied { version: version(applied), digest: receipt.digest, at: receipt.received_at });
            row
        };
        let rows = [
            stands("exp-held", 3, 4, SpokeState::Held),
            stands("exp-error", 2, 3, SpokeState::Error),
            stands("exp-silent", 3, 3, SpokeState::Stale),
            stands("exp-late", 2, 2, SpokeState::Stale),
            stands("exp-none", 1, 3, SpokeState::Held),
            stands("exp-it", 2, 2, SpokeState::Error),
        ];
        let missing = missing(&rows, version(2));
        let named: Vec<_> = missing.iter().map(|row| row.member_experience.as_ref().unwrap().as_str()).collect();
        assert_eq!(named, ["exp-none", "exp-it"]);
    }

    #[test]
    fn an_experience_is_there_with_this_snapshot_or_a_newer_one_and_in_no_trouble() {
        let rows = [
            row("exp-held", Some(42), SpokeState::Held),
            row("exp-error", Some(42), SpokeState::Error),
            row("exp-older", Some(41), SpokeState::Applying),
            row("exp-newer", Some(43), SpokeState::Applying),
            row("exp-it", Some(42), SpokeState::Synced),
            row("exp-none", None, SpokeState::Applying),
            row("exp-skipped", None, SpokeState::Skipped),
            row("exp-observed", None, SpokeState::WouldChange),
            SpokeStatus::whole(&OrganizationId::new("o-never00000").unwrap(), SpokeState::Never, String::new()),
        ];
        let version = SnapshotVersion::new(42).unwrap();
        let missing = missing(&rows, version);
        let named: Vec<_> =
            missing.iter().map(|row| row.member_experience.as_ref().map(ExperienceId::as_str)).collect();
        assert_eq!(named, [Some("exp-held"), Some("exp-error"), Some("exp-older"), Some("exp-none"), None]);
        assert_eq!(
            line(&rows, &missing, version),
            "snapshot 42: 2 of 7 are there; waiting for o-alpha00000 exp-held (HELD), o-alpha00000 exp-error (ERROR), \
             o-alpha00000 exp-older (APPLYING), 2 more"
        );
    }
}
