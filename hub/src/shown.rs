//! What `status` prints: the table, the line above it and the one below.

use jiff::Timestamp;
use pmp_ledger::Organization;
use pmp_protocol::{ExperienceId, OrganizationSeen, Receipt, ReceiptStatus};
use pmp_terminal::{Table, age, count};

use crate::fleet::View;
use crate::status::{SpokeState, SpokeStatus};

/// The lines above the table: whose view it is, and of what; below it, that the table was restored, where it was.
#[must_use]
pub(crate) fn headline(experience: &ExperienceId, view: &View, now: Timestamp) -> Vec<String> {
    let current = match &view.head {
        None => "no snapshot yet".to_owned(),
        Some(head) => {
            let published = if head.published == Some(head.latest) { "published" } else { "not published yet" };
            format!(
                "current snapshot {} ({}), read {} ago, {published}",
                head.latest,
                head.digest.short(),
                age(head.taken_at, now)
            )
        }
    };
    let restored = view.restored().map(|restored| format!("{restored}. Nothing is published until `pmp-hub recover`"));
    let view = format!("{experience}, hub view at {}: {current}", now.strftime("%H:%M:%SZ"));
    std::iter::once(view).chain(restored).collect()
}

/// A line for each organization with several spokes: what each of them keeps in step, and when it was seen.
#[must_use]
pub(crate) fn spokes(view: &View, now: Timestamp) -> Vec<String> {
    const MAX_LINES: usize = 20;
    const MAX_SPOKES: usize = 10;
    let line = |organization: &Organization| {
        let signs = organization.signs();
        let one = |seen: &&OrganizationSeen| {
            let which = seen.spoke.as_ref().map_or("one of an earlier release".to_owned(), |it| format!("`{}`", it.id));
            format!("{which} {}, seen {} ago", count(seen.experiences, "experience"), age(seen.last_seen, now))
        };
        let mut told: Vec<_> = signs.iter().take(MAX_SPOKES).map(one).collect();
        if let Some(more @ 1..) = signs.len().checked_sub(MAX_SPOKES) {
            told.push(format!("and {more} more"));
        }
        (signs.len() > 1).then(|| format!("{} has {} spokes: {}", organization.id, signs.len(), told.join("; ")))
    };
    view.reports().filter_map(|report| line(&report.organization)).take(MAX_LINES).collect()
}

/// The line below it.
#[must_use]
pub(crate) fn summary(rows: &[SpokeStatus]) -> String {
    let experiences = rows.iter().filter(|row| row.member_experience.is_some() && row.state != SpokeState::Skipped);
    let synced = rows.iter().filter(|row| row.state == SpokeState::Synced).count();
    let others: Vec<_> = SpokeState::OTHERS
        .iter()
        .map(|state| (rows.iter().filter(|row| row.state == *state).count(), state.as_str().to_lowercase()))
        .filter(|(count, _)| *count > 0)
        .map(|(count, state)| format!("{count} {state}"))
        .collect();
    let others = if others.is_empty() { String::new() } else { format!("; {}", others.join(", ")) };
    format!("{synced} of {} member experiences in sync{others}", experiences.count())
}

/// The table. `wide` adds what a receipt says besides.
#[must_use]
pub(crate) fn table(rows: &[SpokeStatus], now: Timestamp, wide: bool) -> Table {
    let mut header = vec!["ORGANIZATION", "EXPERIENCE", "SYNC", "VERSION", "LAG", "LAST-SEEN"];
    if wide {
        header.extend(["ALLOWED", "DENIED", "PENDING", "APPLIED", "SPOKE"]);
    }
    header.push("MESSAGE");
    let mut table = Table::new(&header);
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    for row in rows {
        let mut cells = vec![
            row.organization.to_string(),
            or_dash(row.member_experience.as_ref().map(ToString::to_string)),
            row.state.as_str().to_owned(),
            version(row),
            or_dash(row.lag.map(|lag| lag.to_string())),
            or_dash(row.last_seen.map(|seen| age(seen, now))),
        ];
        if wide {
            let of = |read: fn(&Receipt) -> String| or_dash(row.receipt.as_ref().map(read));
            cells.extend([
                of(|receipt| receipt.allowed.to_string()),
                of(|receipt| receipt.denied.to_string()),
                of(|receipt| receipt.pending.to_string()),
                or_dash(applied_at(row).map(|at| age(at, now))),
                of(|receipt| receipt.spoke_version.clone()),
            ]);
        }
        cells.push(row.message.clone());
        table.row(cells);
        table.color(2, row.state.color());
    }
    table
}

/// What is in force, and what was tried since where that is another one: `41 → 42 refused`.
pub(crate) fn version(row: &SpokeStatus) -> String {
    let Some(tried) = &row.tried else { return "-".to_owned() };
    let outcome = match tried.outcome {
        _ if row.state == SpokeState::WouldChange => "observed",
        ReceiptStatus::InSync | ReceiptStatus::Skipped => return tried.version.to_string(),
        ReceiptStatus::Failed => "refused",
        other => other.as_str(),
    };
    match row.applied {
        Some(applied) if applied.version == tried.version => tried.version.to_string(),
        Some(applied) => format!("{} → {} {outcome}", applied.version, tried.version),
        None => format!("{} {outcome}", tried.version),
    }
}

fn applied_at(row: &SpokeStatus) -> Option<Timestamp> {
    row.applied.map(|applied| applied.at).or_else(|| row.receipt.as_ref()?.applied_at)
}
