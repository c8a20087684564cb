//! `wait`: waits until a snapshot is applied everywhere.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use pmp_protocol::{OrganizationId, SnapshotVersion, count};
use pmp_runtime::Stop;
use pmp_terminal::progress::{self, Step};
use pmp_terminal::{Exit, Failure, Frame, Output, OutputFormat, leave_on_signal, parse_duration};
use pmp_waves::{Rollout, Stopped};
use serde_json::json;
use tokio::time::Instant;

use super::look::{Seen, look, no_snapshot};
use crate::compose;
use crate::config::{ConfigArgs, StaleAfter};
use crate::render::status as shown;
use crate::rollout::told::TurnOf;
use crate::status::fleet::View;
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
    let stop = leave_on_signal()?;
    let began = Instant::now();
    let mut told = String::new();
    let mut wanted = args.version;
    loop {
        let look = look(config, args.stale.stale_after);
        let seen = async {
            match told.is_empty() {
                true => progress::waiting_for(output, "the ledger", look).await,
                false => look.await,
            }
        };
        let Some(seen) = stop.unless_stopped(seen).await else {
            return stopped(&stop, wanted);
        };
        let seen = seen?;
        let version = version(&seen, wanted)?;
        // A newer snapshot that is published meanwhile does not change what is waited for.
        wanted = Some(version);
        let ended = ended(&seen.view, version);
        let standing = Standing::of(&seen, version, ended);
        let left = args.timeout.saturating_sub(began.elapsed());
        // What was stopped in the waves comes nowhere by itself.
        if let Some(ended) = ended.filter(|_| !standing.is_everywhere()) {
            let how = if ended == Ended::TakenBack { ", and taken back" } else { "" };
            progress::note(&format!(
                "hint: snapshot {version} was stopped in the waves{how}: `pmp-hub status` says why"
            ));
        }
        if standing.is_everywhere() || standing.is_left_by_all() || left.is_zero() || ended.is_some() {
            return tell(&seen, version, &standing, ended, began.elapsed(), args.all, output);
        }
        let line = line(&seen.rows, &standing, version);
        if line != told {
            progress::step(Step::Waiting, &line);
            told = line;
        }
        if stop.unless_stopped(tokio::time::sleep(EVERY.min(left))).await.is_none() {
            return stopped(&stop, wanted);
        }
    }
}

/// What is told after a stop: it is unknown whether the snapshot is applied everywhere. A person
/// who presses Ctrl-C knows why it ends, and a script does not go on as if it were there.
fn stopped(stop: &Stop, wanted: Option<SnapshotVersion>) -> Result<Exit, Failure> {
    let what = wanted.map_or_else(|| "the snapshot".to_owned(), |version| format!("snapshot {version}"));
    if Exit::by_signal(stop) == Some(Exit::Interrupted) {
        progress::note(&format!("Stopped waiting before {what} was everywhere."));
        return Ok(Exit::Unhealthy);
    }
    let why = stop.reason().map_or_else(|| "told to stop".to_owned(), ToString::to_string);
    Err(Failure::new("E4067", format!("{why}, before {what} was everywhere")))
}

/// Why a version comes nowhere by itself any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// It was stopped in the waves.
    Stopped,
    /// And what had it went back: it is in force nowhere.
    TakenBack,
}

/// Whether the version was stopped in the waves, or taken back.
fn ended(view: &View, version: SnapshotVersion) -> Option<Ended> {
    let rollout = &view.waves.kept()?.state.rollout;
    match rollout.stopped.as_ref()? {
        Stopped::RolledBack { from, .. } => (*from == version).then_some(Ended::TakenBack),
        Stopped::Halted { .. } | Stopped::RollingBack { .. } => (rollout.version == version).then_some(Ended::Stopped),
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

/// The oldest snapshot that counts as `version` in an organization. Where one was taken back, the
/// one that restores the content is for those that had it: the others never left that content, and
/// have it under its old number.
fn counts_from(view: &View, organization: &OrganizationId, version: SnapshotVersion) -> SnapshotVersion {
    let restores =
        |rollout: &Rollout| rollout.version == version && matches!(rollout.stopped, Some(Stopped::RolledBack { .. }));
    let is_restored = view.waves.kept().is_some_and(|kept| restores(&kept.state.rollout));
    let expected = view.expected(organization).filter(|expected| is_restored && expected.pin.is_none());
    expected.map_or(version, |expected| expected.version.min(version))
}

/// How the rows stand with a version, in the order of `status`.
#[derive(Debug, Default)]
struct Standing<'a> {
    /// Where it is not applied yet.
    missing: Vec<&'a SpokeStatus>,
    /// Where it is not, and does not come before an operator, or the member, lets it.
    left_out: Vec<&'a SpokeStatus>,
    /// How many have it.
    there: usize,
    /// Of these, how many have a trouble that takes it away in part, or that came after it; by
    /// state.
    troubled: BTreeMap<SpokeState, usize>,
}

impl<'a> Standing<'a> {
    fn of(seen: &'a Seen, version: SnapshotVersion, ended: Option<Ended>) -> Self {
        if ended == Some(Ended::TakenBack) {
            let missing = seen.rows.iter().filter(|row| row.state.is_kept_in_step()).collect();
            return Self { missing, ..Self::default() };
        }
        Self::of_rows(&seen.rows, version, |row| counts_from(&seen.view, &row.organization, version))
    }

    /// The same, where the oldest version that counts is known of each row.
    fn of_rows(
        rows: &'a [SpokeStatus],
        version: SnapshotVersion,
        from: impl Fn(&SpokeStatus) -> SnapshotVersion,
    ) -> Self {
        let mut standing = Self::default();
        for row in rows {
            let has_it = || row.in_force().is_some_and(|applied| applied >= from(row));
            // As the spoke says it, and the ledger bears it out.
            let had_it = || row.lag.and(row.applied).is_some_and(|applied| applied.version >= from(row));
            let has_trouble_with_a_newer_one = || row.tried.as_ref().is_some_and(|tried| tried.version > version);
            let is_elsewhere = row.pinned.as_ref().is_some_and(|pin| pin.version < version);
            match row.state {
                SpokeState::Skipped => {}
                // Its spoke only looks: it does not come there before the member lets it.
                SpokeState::WouldChange => standing.left_out.push(row),
                // An experience that moves on to a newer version had this one applied.
                SpokeState::Synced
                | SpokeState::Applying
                | SpokeState::Drifted
                | SpokeState::Pinned
                | SpokeState::Paused
                    if has_it() =>
                {
                    standing.there += 1;
                    if row.state == SpokeState::Drifted {
                        standing.note(row.state);
                    }
                }
                // Silence takes nothing back, and a trouble with a newer version is none with this
                // one.
                SpokeState::Stale if had_it() => {
                    standing.there += 1;
                    standing.note(row.state);
                }
                SpokeState::Held | SpokeState::Error if had_it() && has_trouble_with_a_newer_one() => {
                    standing.there += 1;
                    standing.note(row.state);
                }
                // Said of an organization as a whole; its experiences say it, too.
                SpokeState::Paused if row.member_experience.is_none() => {}
                SpokeState::Pinned | SpokeState::Paused => standing.left_out.push(row),
                // Whether or not its spoke has heard of the pin.
                _ if is_elsewhere => standing.left_out.push(row),
                _ => standing.missing.push(row),
            }
        }
        standing
    }

    /// Counts one that has the version, and some trouble.
    fn note(&mut self, state: SpokeState) {
        *self.troubled.entry(state).or_default() += 1;
    }

    /// An empty selection is never "everywhere" (rule 12): its id may be mistyped, or its spoke
    /// finds nothing to keep in step.
    fn is_everywhere(&self) -> bool {
        self.missing.is_empty() && self.there > 0
    }

    /// Whether nobody is left to wait for.
    fn is_left_by_all(&self) -> bool {
        self.missing.is_empty() && self.there == 0 && !self.left_out.is_empty()
    }
}

/// The reason why there is nothing to wait for.
fn nothing(rows: &[SpokeStatus]) -> &'static str {
    if rows.is_empty() { "no spoke has reported yet" } else { "no member experience is kept in step" }
}

/// The progress in one line.
fn line(rows: &[SpokeStatus], standing: &Standing<'_>, version: SnapshotVersion) -> String {
    let Standing { missing, left_out, there, .. } = standing;
    if missing.is_empty() && *there == 0 {
        return format!("snapshot {version}: {}", nothing(rows));
    }
    let name = |row: &&SpokeStatus| {
        let experience = row.member_experience.as_ref().map(|id| format!(" {id}")).unwrap_or_default();
        let stands = match row.wave.as_ref().filter(|_| row.waits_for_its_wave()).map(|wave| wave.turn) {
            Some(TurnOf::Waiting) => "waits for its wave",
            Some(TurnOf::Stopped) => "stopped before its wave",
            Some(TurnOf::Come) | None => row.state.as_str(),
        };
        format!("{}{experience} ({stands})", row.organization)
    };
    let mut named: Vec<_> = missing.iter().take(NAMED).map(name).collect();
    if let Some(more @ 1..) = missing.len().checked_sub(NAMED) {
        named.push(format!("{more} more"));
    }
    let all = there + missing.iter().filter(|row| row.member_experience.is_some()).count();
    // Of an organization that never came, no experience is known.
    let applied = (all > 0).then(|| format!("applied in {there} of {all} experiences"));
    let others = (!left_out.is_empty()).then(|| format!("{} pinned, paused or only observed", counted(left_out)));
    let so_far: Vec<_> = applied.into_iter().chain(others).collect();
    let so_far = if so_far.is_empty() { String::new() } else { format!("{}; ", so_far.join(", ")) };
    format!("snapshot {version}: {so_far}waiting for {}: {}", counted(missing), named.join(", "))
}

/// How many experiences these rows are, and how many organizations of which no experience is known.
fn counted(rows: &[&SpokeStatus]) -> String {
    let experiences = rows.iter().filter(|row| row.member_experience.is_some()).count();
    let organizations = rows.len() - experiences;
    match (experiences, organizations) {
        (experiences, 0) => count(experiences, "experience"),
        (0, organizations) => count(organizations, "organization"),
        both => format!("{} and {}", count(both.0, "experience"), count(both.1, "organization")),
    }
}

fn tell(
    seen: &Seen,
    version: SnapshotVersion,
    standing: &Standing<'_>,
    ended: Option<Ended>,
    took: Duration,
    all: bool,
    output: Output,
) -> Result<Exit, Failure> {
    let Standing { missing, left_out, .. } = standing;
    let everywhere = standing.is_everywhere();
    let exit = if everywhere { Exit::Ok } else { Exit::Unhealthy };
    let seconds = took.as_secs();
    let waited = if seconds == 0 { String::new() } else { format!(" after {seconds} s") };
    let after = if seconds == 0 { String::new() } else { format!(",{waited}") };
    if output.is_document() {
        output.document(&json!({
            "experience": seen.experience, "version": version, "everywhere": everywhere, "waited_seconds": seconds,
            "missing": missing, "not_waited_for": left_out,
        }))?;
        return Ok(exit);
    }
    let rows: Vec<SpokeStatus> = missing.iter().map(|row| (*row).clone()).collect();
    if everywhere && output.is_table() {
        let (except, but) = (except_in(left_out.len()), but(&standing.troubled));
        output.line(&format!("Snapshot {version} is everywhere{after}{except}{but}."))?;
    } else if let (Some(why), true) = (why_nowhere(seen, standing, ended), output.is_table()) {
        output.line(&format!("Snapshot {version} is nowhere{waited}: {why}."))?;
    } else {
        let summary = format!("{} without snapshot {version}{waited}", counted(missing));
        if output.format == OutputFormat::Table && !all {
            let latest = seen.view.head.as_ref().map(|head| head.latest);
            shown::missing(&rows, latest, compose::clock().now(), summary).frame(Frame::HEIGHT).print(output)?;
            return Ok(exit);
        }
        let table = shown::table(&rows, compose::clock().now(), output.format == OutputFormat::Wide);
        output.list_of("missing", SpokeStatus::COLUMNS, &rows, table, &summary)?;
    }
    Ok(exit)
}

/// What is left out, in the sentence that says that a version is everywhere.
fn except_in(left_out: usize) -> String {
    match left_out {
        0 => String::new(),
        1 => ", except in 1 member experience that is pinned, paused or only observed".to_owned(),
        several => {
            format!(", except in {} that are pinned, paused or only observed", count(several, "member experience"))
        }
    }
}

/// What is not well where the version is, in the same sentence: `status --check` fails for it.
fn but(troubled: &BTreeMap<SpokeState, usize>) -> String {
    let told = troubled.iter().map(|(state, number)| {
        let has = if *number == 1 { "has" } else { "have" };
        let is = if *number == 1 { "is" } else { "are" };
        let what = match state {
            SpokeState::Drifted => format!("{has} drifted"),
            SpokeState::Stale => format!("{is} silent or late"),
            _ => format!("{has} a trouble with a newer one"),
        };
        format!("{} {what}", count(*number, "experience"))
    });
    let told: Vec<_> = told.collect();
    if told.is_empty() { String::new() } else { format!(", but {}: `pmp-hub status` says more", told.join(", ")) }
}

/// Why nobody has a version, and nobody is waited for; none where somebody is.
fn why_nowhere(seen: &Seen, standing: &Standing<'_>, ended: Option<Ended>) -> Option<String> {
    if ended == Some(Ended::TakenBack) {
        return Some("it was taken back".to_owned());
    }
    if !standing.missing.is_empty() {
        return None;
    }
    Some(match standing.left_out.len() {
        0 => nothing(&seen.rows).to_owned(),
        1 => "the only member experience is pinned, paused or only observed".to_owned(),
        all => format!("all {} are pinned, paused or only observed", count(all, "member experience")),
    })
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
        let standing = Standing::of_rows(&rows, version(2), |_| version(2));
        let named: Vec<_> =
            standing.missing.iter().map(|row| row.member_experience.as_ref().unwrap().as_str()).collect();
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
        let standing = Standing::of_rows(&rows, version, |_| version);
        let named: Vec<_> =
            standing.missing.iter().map(|row| row.member_experience.as_ref().map(ExperienceId::as_str)).collect();
        assert_eq!(named, [Some("exp-held"), Some("exp-error"), Some("exp-older"), Some("exp-none"), None]);
        assert_eq!(
            line(&rows, &standing, version),
            "snapshot 42: applied in 2 of 6 experiences, 1 experience pinned, paused or only observed; waiting for 4 experiences and 1 organization: o-alpha00000 exp-held \
             (HELD), o-alpha00000 exp-error (ERROR), o-alpha00000 exp-older (APPLYING), 2 more"
        );
    }

    #[test]
    fn experiences_and_organizations_are_counted_apart_and_add_up() {
        let never = |id: &str| SpokeStatus::whole(&OrganizationId::new(id).unwrap(), SpokeState::Never, String::new());
        let rows = [row("exp-it", Some(2), SpokeState::Synced), never("o-never00000"), never("o-never00001")];
        let version = SnapshotVersion::new(2).unwrap();
        let standing = Standing::of_rows(&rows, version, |_| version);
        assert_eq!(
            line(&rows, &standing, version),
            "snapshot 2: applied in 1 of 1 experiences; waiting for 2 organizations: o-never00000 (NEVER), o-never00001 (NEVER)"
        );
        let standing = Standing::of_rows(&rows[1..], version, |_| version);
        assert_eq!(
            line(&rows[1..], &standing, version),
            "snapshot 2: waiting for 2 organizations: o-never00000 (NEVER), o-never00001 (NEVER)"
        );
        let rows = [row("exp-it", Some(2), SpokeState::Synced), row("exp-none", None, SpokeState::Applying)];
        let standing = Standing::of_rows(&rows, version, |_| version);
        assert_eq!(
            line(&rows, &standing, version),
            "snapshot 2: applied in 1 of 2 experiences; waiting for 1 experience: o-alpha00000 exp-none (APPLYING)"
        );
    }
}
