//! `status`: shows the state of this organization from the ledger, with the spoke's own
//! permissions, and from the spoke's settings.

use clap::Args;
use comfy_table::Color;
use jiff::Timestamp;
use pmp_ledger::Head;
use pmp_protocol::{Confirmed, ExperienceId, Paused, Receipt, ReceiptStatus, SnapshotVersion, longest_hold};
use pmp_terminal::{Exit, Failure, Frame, Output, OutputFormat, Table, age, count, progress};
use serde::Serialize;
use serde_json::json;

use super::sync::summary;
use crate::commands::progress::LEDGER;
use crate::commands::render;
use crate::compose::{Purpose, sdk_and_spoke};
use crate::config::{ConfigArgs, SpokeConfig};
use crate::error::SpokeError;
use crate::filters::rules::FilterRules;
use crate::pass::Spoke;
use crate::pass::standing::Standing;

/// The most rows. With the lines above and below, and the prompt, they fill a screen of 24.
const ROWS: usize = 17;
/// The lines of a screen that the rows and those above them share: the others are the header, the
/// two lines below, and the prompt.
const SCREEN: usize = 20;

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Exit with 4 if an experience needs attention, or if no pass was made yet
    #[arg(long)]
    check: bool,
}

/// The columns of a spreadsheet.
const COLUMNS: &[&str] = &["experience", "status", "applied", "tried", "since", "pending", "narrowed", "message"];

/// The state of one experience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Standpoint {
    experience: ExperienceId,
    status: &'static str,
    /// The snapshot in force. `None` before the first one.
    applied: Option<SnapshotVersion>,
    /// The snapshot that was tried last.
    tried: SnapshotVersion,
    /// The time of its last change: when the tried snapshot was applied, or else when it was tried.
    since: Timestamp,
    /// Products that are still to be changed.
    pending: usize,
    /// Products that the filter removes.
    #[serde(rename = "narrowed")]
    filtered: usize,
    /// What the experience waits for, and why. Empty if it waits for nothing.
    message: String,
}

pub(crate) async fn status(config: &ConfigArgs, args: &StatusArgs, output: Output) -> Result<Exit, Failure> {
    // Nothing is decided here, so nothing of a filter is needed.
    let config = SpokeConfig { filters: FilterRules::without_rules(None), ..config.for_pass()? };
    let (_, spoke) = sdk_and_spoke(&config, "status", Purpose::Look, Some(output)).await?;
    let now = spoke.clock.now();
    let look = async {
        let standing = spoke.standing().await?;
        Ok::<_, SpokeError>((standing, spoke.lease.held_now(now).await?))
    };
    let (standing, holder) = progress::waiting_for(output, LEDGER, look).await?;
    let (head, receipts) = (&standing.head, &standing.before.receipts);
    let mut standpoints: Vec<_> = receipts.iter().map(|receipt| standpoint(&standing, receipt, now)).collect();
    standpoints.sort_by_key(|it| (rank(it, standing.target().0), it.experience.clone()));
    if output.is_table() {
        let headline = if output.header { headline(&spoke, &standing, holder.as_deref(), now) } else { Vec::new() };
        let headline: Vec<_> = headline.iter().flat_map(|line| pmp_terminal::fold(line, Frame::columns())).collect();
        output.lines(&headline)?;
        if receipts.is_empty() {
            output.line("No pass has been made yet.")?;
        } else {
            let (table, more) = table(&standpoints, headline.len(), output, now);
            let summary = summary(receipts, standing.target().0);
            let below = more.into_iter().chain([summary]).collect::<Vec<_>>().join("\n");
            output.list("experiences", &standpoints, table, "")?;
            output.lines(below.lines())?;
        }
    } else if output.format == OutputFormat::Csv {
        output.list_of("experiences", COLUMNS, &standpoints, Table::new(&[]), "")?;
    } else {
        let seen = standing.before.seen.as_ref().map(|seen| seen.last_seen);
        let snapshot = json!({"version": head.latest, "digest": head.digest, "taken_at": head.taken_at});
        output.document(&json!({
            "organization": spoke.identity.organization, "spoke": standing.beside.me().id, "mode": spoke.mode.to_string(),
            "snapshot": snapshot, "last_seen": seen, "at_work": holder, "experiences": standpoints, "receipts": receipts,
            "pinned": standing.steering.pin(), "turn": standing.steering.turn(), "paused": standing.paused, "hold": standing.steering.hold,
            "windows": standing.windows,
        }))?;
    }
    let well = |receipt: &Receipt| match receipt.status {
        ReceiptStatus::InSync | ReceiptStatus::Applying | ReceiptStatus::Skipped => true,
        ReceiptStatus::Partial => receipt.is_unfinished(),
        // It goes on by itself, unless change windows never open.
        ReceiptStatus::Held => receipt.paused.as_ref().is_some_and(Paused::ends),
        ReceiptStatus::Failed => false,
    };
    if receipts.is_empty() {
        progress::note("hint: `pmp-spoke sync` makes a pass, and `pmp-spoke run` makes one whenever the hub publishes");
    }
    let healthy = !receipts.is_empty() && receipts.iter().all(well);
    Ok(if args.check && !healthy { Exit::Unhealthy } else { Exit::Ok })
}

/// The lines above the table: the organization and the snapshot, this spoke, its last error, and
/// the holder of the lease.
fn headline(spoke: &Spoke, standing: &Standing, holder: Option<&str>, now: Timestamp) -> Vec<String> {
    let Head { latest, digest, taken_at, .. } = &standing.head;
    let organization = &spoke.identity.organization;
    let (digest, ago) = (digest.short(), age(*taken_at, now));
    let mut lines =
        vec![format!("{organization}, as the ledger has it: current snapshot {latest} ({digest}), taken {ago} ago")];
    let seen = standing.before.seen.as_ref();
    let passed =
        seen.map_or_else(|| "no pass yet".to_owned(), |seen| format!("last pass {} ago", age(seen.last_seen, now)));
    // The mode of the spoke at work is not in the ledger: this is what these settings say.
    lines.push(format!("spoke `{}`, {passed}; `sync` from here has mode `{}`", standing.beside.me().id, spoke.mode));
    lines.extend(seen.and_then(|seen| seen.error.as_ref()).map(|error| format!("the last pass failed: {error}")));
    let steering = &standing.steering;
    lines.extend(
        steering
            .pin()
            .map(|pin| format!("pinned to {} by {} {} ago: {}", pin.version, pin.by, age(pin.at, now), pin.reason)),
    );
    // Waves are told where they keep the newest snapshot off.
    let turn = steering.turn().filter(|turn| turn.version < standing.head.latest && steering.pin().is_none());
    lines.extend(turn.map(|turn| {
        let (version, since) = (turn.version, age(turn.at, now));
        format!("waves: snapshot {version} since {since} ago; the turn for snapshot {latest} has not come")
    }));
    lines.extend(standing.paused.as_ref().filter(|paused| paused.windows.is_none()).map(ToString::to_string));
    lines.extend(standing.windows.as_ref().map(|windows| windows.told(now)));
    let bound = longest_hold(steering.fleet.as_ref());
    let cut = steering.hold.as_ref().filter(|hold| hold.is_cut(bound, now));
    lines
        .extend(cut.map(|hold| format!("the hub's bound ended the hold until {} at {}", hold.until, hold.ends(bound))));
    lines.extend(holder.map(|holder| format!("at work: {holder}")));
    lines
}

/// A receipt in the words of this command.
fn standpoint(standing: &Standing, receipt: &Receipt, now: Timestamp) -> Standpoint {
    let applied = receipt.applied();
    let observed = receipt.status == ReceiptStatus::Skipped && receipt.would_change.is_some();
    Standpoint {
        experience: receipt.member_experience.clone(),
        status: if observed { "would-change" } else { receipt.status.as_str() },
        applied: applied.map(|applied| applied.version),
        tried: receipt.version,
        since: applied.filter(|it| it.version == receipt.version).map_or(receipt.received_at, |applied| applied.at),
        pending: receipt.pending,
        filtered: receipt.filtered,
        message: message(standing, receipt, now),
    }
}

/// What the experience waits for, and why.
fn message(standing: &Standing, receipt: &Receipt, now: Timestamp) -> String {
    let head = &standing.head;
    if let Some(Confirmed { by, .. }) = let_through(standing, receipt) {
        return format!("confirmed by {by}, taken up with the next pass");
    }
    let mut parts: Vec<String> = receipt.error.iter().cloned().collect();
    let (target, _) = standing.target();
    if receipt.version < target && standing.steering.directed().is_none() && receipt.is_kept() {
        parts.push(format!("snapshot {} was taken {} ago", head.latest, age(head.taken_at, now)));
    } else if receipt.version != target && receipt.is_kept() {
        let what = if standing.steering.pin().is_some() { "the pin to snapshot" } else { "the turn for snapshot" };
        parts.push(format!("{what} {target} is taken up with the next pass"));
    }
    let next_try = receipt.deferred.iter().filter_map(|found| found.next_try).filter(|next| *next > now).min();
    parts.extend(next_try.map(|next| format!("tried again in {}", age(now, next))));
    parts.join("; ")
}

/// The confirmation of a snapshot that is held, if an operator has confirmed it since.
fn let_through<'a>(standing: &'a Standing, receipt: &Receipt) -> Option<&'a Confirmed> {
    let Receipt { version, digest, member_experience, .. } = receipt;
    let confirmations = standing.before.confirmations.iter();
    let mut covering = confirmations.filter(|it| it.covers(*version, *digest, member_experience));
    (receipt.status == ReceiptStatus::Held).then(|| covering.next()).flatten().map(|found| &found.confirmed)
}

/// The order of the rows: the worst comes first.
fn rank(it: &Standpoint, in_force: SnapshotVersion) -> usize {
    const ORDER: [&str; 6] = ["failed", "held", "partial", "applying", "would-change", "in-sync"];
    let place = ORDER.iter().position(|status| *status == it.status);
    match place {
        // An experience that is behind is no problem yet. It comes before those in step.
        Some(place) if it.status == "in-sync" && it.tried == in_force => place + 1,
        Some(place) => place,
        None => ORDER.len() + 1,
    }
}

/// The rows that fit on a screen below the lines `above`, and a line about the others. `-o wide`
/// shows all rows, with more columns.
fn table(standpoints: &[Standpoint], above: usize, output: Output, now: Timestamp) -> (Table, Option<String>) {
    let wide = output.format == OutputFormat::Wide;
    let mut header = vec!["EXPERIENCE", "STATUS", "VERSION", "SINCE", "PENDING"];
    header.extend(wide.then_some("FILTERED"));
    header.push("MESSAGE");
    let mut table = Table::new(&header);
    let shown =
        if wide { standpoints.len() } else { standpoints.len().min(SCREEN.saturating_sub(above).clamp(1, ROWS)) };
    for it in &standpoints[..shown] {
        let mut cells = vec![
            it.experience.to_string(),
            it.status.to_owned(),
            version(it),
            age(it.since, now),
            it.pending.to_string(),
        ];
        cells.extend(wide.then(|| it.filtered.to_string()));
        cells.push(it.message.clone());
        table.row(cells);
        table.color(1, color(it.status));
    }
    let rest = &standpoints[shown..];
    let more = (!rest.is_empty()).then(|| {
        let mut statuses: Vec<(&str, usize)> = Vec::new();
        for it in rest {
            match statuses.iter_mut().find(|(status, _)| *status == it.status) {
                Some((_, number)) => *number += 1,
                None => statuses.push((it.status, 1)),
            }
        }
        let statuses: Vec<_> = statuses.iter().map(|(status, number)| format!("{number} {status}")).collect();
        format!("… and {}: {} (`-o wide` lists all)", count(rest.len(), "more experience"), statuses.join(", "))
    });
    (if wide { table } else { table.no_wider_than(Frame::room()) }, more)
}

/// The version in force, and the version that was tried since if they differ: `41 → 42`.
fn version(it: &Standpoint) -> String {
    match it.applied {
        Some(applied) if applied != it.tried => format!("{applied} → {}", it.tried),
        None if !matches!(it.status, "in-sync" | "skipped") => format!("- → {}", it.tried),
        _ => it.tried.to_string(),
    }
}

fn color(status: &str) -> Color {
    match status {
        "would-change" => Color::Yellow,
        "in-sync" => render::color(ReceiptStatus::InSync),
        "skipped" => render::color(ReceiptStatus::Skipped),
        "held" | "failed" => render::color(ReceiptStatus::Failed),
        _ => render::color(ReceiptStatus::Partial),
    }
}
