//! `log`: shows the outcomes of the syncs of one organization, newest first.

use clap::Args;
use jiff::Timestamp;
use pmp_ledger::{DynamoRecords, Extent, Outcomes, RecordStore, Unreadable};
use pmp_protocol::{ExperienceId, OrganizationId, Outcome, ReceiptStatus};
use pmp_terminal::{Exit, Failure, Frame, Output, OutputFormat, Table, count, cut};
use serde::Serialize;
use serde_json::json;

use super::history::Since;
use super::look::no_snapshot;
use crate::compose;
use crate::config::ConfigArgs;
use crate::error::{HubError, sdk};
use crate::render::status as shown;
use crate::status::fleet::{Fleet, View};

/// The most rows: with the header, the summary and the prompt they fill a screen of 24 lines.
const MAX_ROWS: usize = 19;
/// The most unreadable items that are listed one by one.
const MAX_UNREADABLE: usize = 3;

#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// The member organization: o-…
    #[arg(value_name = "ORG")]
    organization: OrganizationId,
    /// Only this member experience
    #[arg(long, value_name = "ID")]
    experience: Option<ExperienceId>,
    /// Only what came since then: a time ago (36h, 7d), a day (2026-11-24) or a moment
    /// (2026-11-24T12:00:00Z), in UTC
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
    /// All that is kept, and whole texts
    #[arg(long)]
    all: bool,
}

/// What came of one sync, as the member says, and whether the ledger confirms it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "LogRow"))]
pub(crate) struct Row {
    #[serde(flatten)]
    outcome: Outcome,
    /// Why it is not believed; none where it agrees with the ledger.
    disputed: Option<String>,
    /// What this sync did by itself: an outcome has the sums of all that worked on the snapshot.
    #[serde(skip)]
    did: Did,
}

/// What one sync changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Did {
    allowed: usize,
    denied: usize,
    change_sets: usize,
}

impl Did {
    /// What `now` did, after `before`: the outcome before it in the same experience.
    fn by(now: &Outcome, before: Option<&Outcome>) -> Self {
        let Outcome { allowed, denied, change_sets, .. } = *now;
        let Some(before) = before.filter(|before| adds_to(now, before)) else {
            return Self { allowed, denied, change_sets };
        };
        // A change set that an earlier sync started may have ended in this one.
        Self {
            allowed: allowed.saturating_sub(before.allowed),
            denied: denied.saturating_sub(before.denied),
            change_sets: change_sets.saturating_sub(before.change_sets),
        }
    }
}

/// Whether the numbers of `now` are those of `before` and what came since: they are about the same
/// snapshot, and the change sets of `before` are among those of `now`. A spoke of an earlier
/// release tells the numbers of one sync.
fn adds_to(now: &Outcome, before: &Outcome) -> bool {
    let same = (now.version, now.digest) == (before.version, before.digest);
    let has_all = now.change_set_ids.len() == now.change_sets;
    let goes_on = match before.change_set_ids.last() {
        Some(last) if has_all || before.status == ReceiptStatus::InSync => now.change_set_ids.contains(last),
        Some(_) => true,
        None => before.status != ReceiptStatus::InSync,
    };
    same && goes_on && now.allowed >= before.allowed && now.denied >= before.denied
}

/// What every outcome has, as the columns of a spreadsheet.
const COLUMNS: &[&str] = &["organization", "experience", "member_experience", "version", "digest", "at", "status"];

/// Lists the outcomes that the ledger keeps of an organization.
pub(crate) async fn log(config: &ConfigArgs, args: &LogArgs, output: Output) -> Result<Exit, Failure> {
    let config = config.for_status()?;
    let sdk = sdk().await?;
    let fleet = Fleet::new(&sdk, &config.snapshots, &config.timestamps, config.members.clone());
    let records = DynamoRecords::new(&sdk, config.timestamps.clone());
    let outcomes = records.outcomes(&args.organization, &config.experience, args.experience.as_ref(), Extent::Large);
    let (view, outcomes) = tokio::join!(fleet.look_at_one(&args.organization, &config.experience), outcomes);
    let (view, outcomes) = (view.map_err(HubError::Ledger)?, outcomes.map_err(HubError::Ledger)?);
    if !view.knows_experience() {
        return Err(no_snapshot(
            &config.experience,
            fleet.meant(&config.experience).await.map_err(HubError::Ledger)?.as_ref(),
        ));
    }
    let admitted = view.roster.is_some() && view.is_admitted(&args.organization);
    let reported = view.reports().any(|report| !report.is_empty());
    if !admitted && !reported && outcomes.found.is_empty() {
        return Err(super::look::nobody(&view, &args.organization));
    }
    let now = compose::clock().now();
    let since = args.since.map_or(Timestamp::MIN, |since| since.at(now));
    let Outcomes { found, unreadable, more } = outcomes;
    let mut rows = rows(found, &view, now);
    rows.retain(|row| row.outcome.at >= since);
    if output.is_document() {
        let unreadable: Vec<_> = unreadable.iter().map(|it| json!({"item": it.key, "problem": it.problem})).collect();
        output
            .document(&json!({"experience": config.experience, "organization": args.organization, "outcomes": rows,
            "unreadable": unreadable, "more": more}))?;
        return Ok(Exit::Ok);
    }
    if rows.is_empty() && unreadable.is_empty() && output.is_table() {
        output.line(&nothing(args, &view))?;
        return Ok(Exit::Ok);
    }
    let whole = args.all || output.format == OutputFormat::Wide;
    let shown = if args.all { rows.len() } else { rows.len().min(MAX_ROWS) };
    let summary = summary(rows.len(), shown, more);
    output.list_of("outcomes", COLUMNS, &rows, table(&rows[..shown], whole, now), &summary)?;
    if output.is_table() {
        output.lines(problems(&unreadable).iter().map(|line| shortened(line, Frame::room(), whole)))?;
    }
    Ok(Exit::Ok)
}

/// The rows of these outcomes, newest first.
fn rows(found: Vec<Outcome>, view: &View, now: Timestamp) -> Vec<Row> {
    let did: Vec<_> = (0..found.len())
        .map(|n| {
            let mut older = found[n + 1..].iter();
            Did::by(&found[n], older.find(|older| older.member_experience == found[n].member_experience))
        })
        .collect();
    let row = |(outcome, did): (Outcome, Did)| {
        let Outcome { organization, version, digest, at, .. } = &outcome;
        let disputed = view.doubt(organization, *version, *digest, *at, now);
        Row { outcome, disputed, did }
    };
    found.into_iter().zip(did).map(row).collect()
}

fn nothing(args: &LogArgs, view: &View) -> String {
    let organization = &args.organization;
    let reported = view.reports().any(|report| !report.is_empty());
    match (reported, args.since.is_some() || args.experience.is_some()) {
        (_, true) => format!("Nothing like that is kept of {organization}."),
        (true, false) => match last_error(view) {
            Some(error) => format!("No sync of {organization} came to a receipt yet; its last pass failed: {error}"),
            None if view.reports().all(|report| report.organization.receipts.is_empty()) => {
                format!("No sync of {organization} came to a receipt yet.")
            }
            None => format!("Nothing is kept of {organization}: its spoke is of a release that keeps no record."),
        },
        (false, false) => format!("{organization} has never reported."),
    }
}

/// The error of its last pass, where no experience got as far as a receipt.
fn last_error(view: &View) -> Option<String> {
    let without = view.reports().filter(|report| report.organization.receipts.is_empty());
    without.into_iter().find_map(|report| report.organization.last_error().map(str::to_owned))
}

fn summary(rows: usize, shown: usize, more: bool) -> String {
    let hidden = rows - shown;
    let hidden = if hidden > 0 { format!("; {hidden} not shown: --all") } else { String::new() };
    let more = if more { "; more is kept than is read at once: --experience ID" } else { "" };
    format!("{}, as the member's spoke reported{hidden}{more}", count(rows, "outcome"))
}

fn problems(unreadable: &[Unreadable]) -> Vec<String> {
    let one = |it: &Unreadable| format!("item `{}` cannot be read: {}", it.key, it.problem);
    let mut lines: Vec<_> = unreadable.iter().take(MAX_UNREADABLE).map(one).collect();
    if let Some(others @ 1..) = unreadable.len().checked_sub(MAX_UNREADABLE) {
        lines.push(format!("{} more cannot be read", count(others, "item")));
    }
    lines
}

/// The text, cut to `width` columns unless it is to be shown `whole`.
fn shortened(text: &str, width: usize, whole: bool) -> String {
    if whole { text.to_owned() } else { cut(text, width) }
}

fn table(rows: &[Row], whole: bool, now: Timestamp) -> Table {
    let mut table = Table::new(&["WHEN", "EXPERIENCE", "STATUS", "VERSION", "MESSAGE"]);
    let member = |row: &Row| row.outcome.member_experience.to_string();
    // Of what was today, the time says enough.
    let when = |row: &Row| {
        if whole { shown::moment(row.outcome.at) } else { shown::short_moment(row.outcome.at, now) }
    };
    let widths = [
        rows.iter().map(|row| when(row).len()).max().unwrap_or_default(),
        rows.iter().map(|row| member(row).len()).max().unwrap_or_default().max("EXPERIENCE".len()),
        rows.iter().map(|row| status(row).len()).max().unwrap_or_default().max("STATUS".len()),
        rows.iter().map(|row| row.outcome.version.to_string().len()).max().unwrap_or_default().max("VERSION".len()),
    ];
    // The message gets the columns that the others leave.
    let left = Frame::room().saturating_sub(widths.iter().map(|width| width + 3).sum()).max(12);
    for row in rows {
        table.row([
            when(row),
            member(row),
            status(row).to_owned(),
            row.outcome.version.to_string(),
            shortened(&message(row), left, whole),
        ]);
    }
    table
}

fn status(row: &Row) -> &'static str {
    if row.disputed.is_some() { "disputed" } else { row.outcome.status.as_str() }
}

fn message(row: &Row) -> String {
    let Outcome { pending, filtered, deferred, error, confirmed, outside, filter, .. } = &row.outcome;
    let Did { allowed, denied, change_sets } = &row.did;
    let number = |number: usize, what: &str| (number > 0).then(|| format!("{number} {what}"));
    let filtered = filter
        .as_ref()
        .and_then(|filter| number(*filtered, &format!("filtered by `{}@{}`", filter.name, filter.digest.short())));
    let parts = [
        row.disputed.clone(),
        error.clone(),
        number(*allowed, "allowed"),
        number(*denied, "denied"),
        number(*pending, "pending"),
        number(*deferred, "set aside"),
        filtered,
        number(*change_sets, if *change_sets == 1 { "change set" } else { "change sets" }),
        confirmed.as_ref().map(|confirmed| format!("confirmed by {}", confirmed.by)),
        outside.as_ref().map(|outside| format!("outside its change windows by {}: {}", outside.by, outside.reason)),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use pmp_protocol::Receipt;
    use pmp_protocol::testing::{now, receipt};

    use super::*;

    /// The outcome for this version, with sums: allowed, denied, and the change sets.
    fn outcome(version: u64, status: ReceiptStatus, allowed: usize, denied: usize, ids: &[&str]) -> Outcome {
        let change_sets = ids.iter().map(|id| (*id).to_owned()).collect();
        Outcome::of(&Receipt { allowed, denied, change_sets, ..receipt(version, status, None) }, now())
    }

    #[test]
    fn a_sync_tells_what_it_did_and_not_what_those_before_it_did() {
        use ReceiptStatus::{Failed, InSync, Partial};
        let did = |now: &Outcome, before: &Outcome| {
            let Did { allowed, denied, change_sets } = Did::by(now, Some(before));
            (allowed, denied, change_sets)
        };
        let first = outcome(2, Partial, 1, 1, &["cs-1"]);
        assert_eq!(did(&first, &outcome(1, InSync, 9, 9, &["cs-0"])), (1, 1, 1), "another snapshot");
        assert_eq!(did(&outcome(2, Failed, 1, 1, &["cs-1"]), &first), (0, 0, 0));
        assert_eq!(did(&outcome(2, InSync, 3, 1, &["cs-1", "cs-2"]), &first), (2, 0, 1));
        let adopted = outcome(2, Partial, 0, 0, &["cs-1"]);
        assert_eq!(did(&first, &adopted), (1, 1, 0));
        // Once in step, the numbers begin anew; and what was confirmed since, and is in step still,
        // repeats them.
        let in_step = outcome(2, InSync, 3, 1, &["cs-1", "cs-2"]);
        assert_eq!(did(&outcome(2, InSync, 4, 2, &["cs-3"]), &in_step), (4, 2, 1));
        assert_eq!(did(&in_step, &in_step), (0, 0, 0));
        assert_eq!(did(&outcome(2, InSync, 4, 2, &["cs-3"]), &outcome(2, InSync, 0, 0, &[])), (4, 2, 1));
        // An earlier release tells the numbers of one sync.
        assert_eq!(did(&outcome(2, InSync, 1, 1, &["cs-2"]), &first), (1, 1, 1));
        // Of many change sets, only the last are named.
        let ids: Vec<String> = (0..60).map(|n| format!("cs-{n}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        assert_eq!(did(&outcome(2, Partial, 60, 0, &ids), &outcome(2, Partial, 30, 0, &ids[..30])), (30, 0, 30));
    }
}
