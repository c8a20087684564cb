//! How the spokes stand, from their receipts: pure, from what the ledger says to rows sorted worst first.

use comfy_table::Color;
use jiff::{SignedDuration, Timestamp};
use pmp_ledger::{Head, Organization};
use pmp_protocol::{ExperienceId, OrganizationId, Receipt, ReceiptStatus, SnapshotVersion};
use pmp_terminal::{Table, age};
use serde::Serialize;

/// How one member experience stands. Worst first, which is the order of `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SpokeState {
    /// A guard rail holds it, until an operator lets it through.
    Held,
    /// The spoke refused or failed, and says why.
    Error,
    /// No sign of life, or no newer snapshot acknowledged, for longer than expected.
    Stale,
    /// On its way to the current snapshot.
    Applying,
    /// Acknowledged the current snapshot.
    Synced,
    /// Not managed now: missing, disabled, archived, or without a policy.
    Skipped,
}

impl SpokeState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Held => "HELD",
            Self::Error => "ERROR",
            Self::Stale => "STALE",
            Self::Applying => "APPLYING",
            Self::Skipped => "SKIPPED",
            Self::Synced => "SYNCED",
        }
    }

    fn color(self) -> Color {
        match self {
            Self::Held | Self::Error => Color::Red,
            Self::Stale | Self::Applying => Color::Yellow,
            Self::Skipped => Color::DarkGrey,
            Self::Synced => Color::Green,
        }
    }

    /// Whether `status --check` is content.
    #[must_use]
    pub fn is_healthy(self) -> bool {
        matches!(self, Self::Synced | Self::Skipped | Self::Applying)
    }
}

/// One row of `status`: a member experience, or an organization that has none to tell of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SpokeStatus {
    /// The member organization.
    pub organization: OrganizationId,
    /// The member experience; none where the organization as a whole is meant.
    pub member_experience: Option<ExperienceId>,
    /// How it stands.
    pub state: SpokeState,
    /// The version of the last receipt.
    pub version: Option<SnapshotVersion>,
    /// How many versions it is behind.
    pub lag: Option<u64>,
    /// When its spoke last finished a pass.
    pub last_seen: Option<Timestamp>,
    /// Why, in a sentence.
    pub message: String,
    /// The receipt itself.
    pub receipt: Option<Receipt>,
}

/// Rows for all organizations, worst first. `stale_after`: how long a spoke may be silent, or behind.
#[must_use]
pub(crate) fn rows(
    organizations: &[Organization],
    head: Option<&Head>,
    now: Timestamp,
    stale_after: SignedDuration,
) -> Vec<SpokeStatus> {
    let mut rows: Vec<_> = organizations
        .iter()
        .flat_map(|organization| {
            let whole = whole_organization(organization, now, stale_after);
            let receipts = organization.receipts.iter();
            whole.into_iter().chain(receipts.map(|receipt| row(organization, receipt, head, now, stale_after)))
        })
        .collect();
    rows.sort_by(|a, b| {
        (a.state, &a.organization, &a.member_experience).cmp(&(b.state, &b.organization, &b.member_experience))
    });
    rows
}

/// A row for the organization itself, where something concerns it as a whole.
fn whole_organization(organization: &Organization, now: Timestamp, stale_after: SignedDuration) -> Option<SpokeStatus> {
    let last_seen = organization.seen.as_ref().map(|seen| seen.last_seen);
    let row = |state, message: String| SpokeStatus {
        organization: organization.id.clone(),
        member_experience: None,
        state,
        version: None,
        lag: None,
        last_seen,
        message,
        receipt: None,
    };
    if let Some(error) = organization.seen.as_ref().and_then(|seen| seen.error.as_ref()) {
        return Some(row(SpokeState::Error, error.clone()));
    }
    if !organization.receipts.is_empty() {
        return None;
    }
    match last_seen {
        Some(seen) if now.duration_since(seen) > stale_after => {
            Some(row(SpokeState::Stale, format!("silent for {}; keeps no experience in step", age(seen, now))))
        }
        _ => Some(row(SpokeState::Skipped, "keeps no experience in step".to_owned())),
    }
}

fn row(
    organization: &Organization,
    receipt: &Receipt,
    head: Option<&Head>,
    now: Timestamp,
    stale_after: SignedDuration,
) -> SpokeStatus {
    let last_seen = organization.seen.as_ref().map(|seen| seen.last_seen);
    let (state, message) = judge(receipt, head, last_seen, now, stale_after);
    let message = if state == SpokeState::Held { held_message(organization, receipt) } else { message };
    SpokeStatus {
        organization: organization.id.clone(),
        member_experience: Some(receipt.member_experience.clone()),
        state,
        version: Some(receipt.version),
        lag: head.map(|head| head.latest.get().saturating_sub(receipt.version.get())),
        last_seen,
        message,
        receipt: Some(receipt.clone()),
    }
}

fn judge(
    receipt: &Receipt,
    head: Option<&Head>,
    last_seen: Option<Timestamp>,
    now: Timestamp,
    stale_after: SignedDuration,
) -> (SpokeState, String) {
    let error = || receipt.error.clone().unwrap_or_else(|| "no reason given".to_owned());
    let alive_at = last_seen.unwrap_or(receipt.received_at);
    if now.duration_since(alive_at) > stale_after {
        return (SpokeState::Stale, format!("silent for {}", age(alive_at, now)));
    }
    match receipt.status {
        ReceiptStatus::Failed => return (SpokeState::Error, error()),
        ReceiptStatus::Held => return (SpokeState::Held, error()),
        ReceiptStatus::Skipped => return (SpokeState::Skipped, error()),
        ReceiptStatus::Partial if !receipt.is_unfinished() => return (SpokeState::Error, error()),
        ReceiptStatus::Applying | ReceiptStatus::Partial => {
            return (SpokeState::Applying, format!("{} of its products pending", receipt.pending));
        }
        ReceiptStatus::InSync => {}
    }
    match head {
        Some(head) if receipt.version < head.latest => {
            let waiting = age(head.taken_at, now);
            let state =
                if now.duration_since(head.taken_at) > stale_after { SpokeState::Stale } else { SpokeState::Applying };
            (state, format!("snapshot {} of {waiting} ago is not acknowledged yet", head.latest))
        }
        _ => (SpokeState::Synced, synced_message(receipt)),
    }
}

/// What is held, and how it goes on from here.
fn held_message(organization: &Organization, receipt: &Receipt) -> String {
    let Receipt { version, digest, member_experience, .. } = receipt;
    let held = what_is_held(receipt);
    let mut confirmations = organization.confirmations.iter();
    match confirmations.find(|confirmation| confirmation.covers(*version, *digest, member_experience)) {
        Some(confirmation) => format!("{held}; confirmed by {}, the spoke takes it up next", confirmation.confirmed.by),
        None => format!("{held}; if it is meant: `pmp-hub confirm {} {version}`", organization.id),
    }
}

/// What a guard rail stopped, with its numbers: the first part of a held receipt's text, before what the spoke's own
/// operators can do.
pub(crate) fn what_is_held(receipt: &Receipt) -> &str {
    let text = receipt.error.as_deref().unwrap_or("no reason given");
    text.split_once("; ").map_or(text, |(held, _)| held)
}

fn synced_message(receipt: &Receipt) -> String {
    let mut parts = Vec::new();
    if let (Some(filter), true) = (&receipt.filter, receipt.narrowed > 0) {
        let why = receipt.narrowed_for.first().and_then(|most| Some((most.products, most.reason.as_deref()?)));
        let why = why.map(|(products, reason)| format!(", {products} of them: {reason}")).unwrap_or_default();
        let (name, digest) = (&filter.name, filter.digest.short());
        parts.push(format!("{} dropped by filter `{name}@{digest}`{why}", receipt.narrowed));
    }
    if !receipt.quarantined.is_empty() {
        parts.push(format!("{} set aside", receipt.quarantined.len()));
    }
    parts.join("; ")
}

/// The line above the table: whose view it is, and of what.
#[must_use]
pub(crate) fn headline(experience: &ExperienceId, head: Option<&Head>, now: Timestamp) -> String {
    let current = match head {
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
    format!("{experience}, hub view at {}: {current}", now.strftime("%H:%M:%SZ"))
}

/// The line below it.
#[must_use]
pub(crate) fn summary(rows: &[SpokeStatus]) -> String {
    let experiences = rows.iter().filter(|row| row.member_experience.is_some() && row.state != SpokeState::Skipped);
    let synced = rows.iter().filter(|row| row.state == SpokeState::Synced).count();
    let states = [SpokeState::Held, SpokeState::Error, SpokeState::Stale, SpokeState::Applying, SpokeState::Skipped];
    let others: Vec<_> = states
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
            or_dash(row.version.map(|version| version.to_string())),
            or_dash(row.lag.map(|lag| lag.to_string())),
            or_dash(row.last_seen.map(|seen| age(seen, now))),
        ];
        if wide {
            let of = |read: fn(&Receipt) -> String| or_dash(row.receipt.as_ref().map(read));
            cells.extend([
                of(|receipt| receipt.allowed.to_string()),
                of(|receipt| receipt.denied.to_string()),
                of(|receipt| receipt.pending.to_string()),
                or_dash(row.receipt.as_ref().and_then(|receipt| receipt.applied_at).map(|at| age(at, now))),
                of(|receipt| receipt.spoke_version.clone()),
            ]);
        }
        cells.push(row.message.clone());
        table.row(cells);
        table.color(2, row.state.color());
    }
    table
}

#[cfg(test)]
pub(crate) mod tests {
    use pmp_protocol::{AccountId, Confirmed, Digest, OperatorConfirmation, OrganizationSeen};

    use super::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn now() -> Timestamp {
        "2026-11-24T12:00:00Z".parse().unwrap()
    }

    fn head(latest: u64, taken_at: &str) -> Head {
        let latest = SnapshotVersion::new(latest).unwrap();
        let taken_at = taken_at.parse().unwrap();
        Head { latest, digest: Digest::of(b"now"), taken_at, chunks: 1, published: Some(latest), statement: None }
    }

    pub(crate) fn receipt(version: u64, status: ReceiptStatus, error: Option<&str>) -> Receipt {
        Receipt {
            organization: OrganizationId::new("o-alpha00000").unwrap(),
            experience: ExperienceId::new("exp-management").unwrap(),
            member_experience: ExperienceId::new("exp-member").unwrap(),
            version: SnapshotVersion::new(version).unwrap(),
            digest: Digest::of(b"now"),
            status,
            received_at: now(),
            applied_at: None,
            applied: None,
            allowed: 3,
            denied: 1,
            pending: 2,
            narrowed: 0,
            narrowed_for: Vec::new(),
            quarantined: Vec::new(),
            change_sets: Vec::new(),
            filter: None,
            confirmed: None,
            spoke_version: "0.1.0".into(),
            error: error.map(str::to_owned),
        }
    }

    fn organization(seen_at: &str, receipts: Vec<Receipt>, error: Option<&str>) -> Organization {
        let id = OrganizationId::new("o-alpha00000").unwrap();
        let seen = OrganizationSeen {
            organization: id.clone(),
            experience: ExperienceId::new("exp-management").unwrap(),
            last_seen: seen_at.parse().unwrap(),
            account: AccountId::new("111111111111").unwrap(),
            region: "us-east-1".into(),
            experiences: receipts.len(),
            spoke_version: "0.1.0".into(),
            error: error.map(str::to_owned),
            change_set_times: None,
            needs: None,
            disputed: Vec::new(),
        };
        Organization { seen: Some(seen), receipts, ..Organization::unknown(id) }
    }

    fn state_of(receipt: Receipt, head: &Head, seen_at: &str) -> (SpokeState, String) {
        let rows = rows(&[organization(seen_at, vec![receipt], None)], Some(head), now(), HOUR);
        (rows[0].state, rows[0].message.clone())
    }

    #[test]
    fn each_receipt_is_judged_by_what_it_says_and_when() {
        let recent = "2026-11-24T11:59:00Z";
        let current = head(42, recent);
        let judged = |receipt| state_of(receipt, &current, recent);
        assert_eq!(judged(receipt(42, ReceiptStatus::InSync, None)).0, SpokeState::Synced);
        assert_eq!(judged(receipt(42, ReceiptStatus::Applying, None)).0, SpokeState::Applying);
        assert_eq!(judged(receipt(41, ReceiptStatus::InSync, None)).0, SpokeState::Applying);
        assert_eq!(judged(receipt(42, ReceiptStatus::Skipped, Some("disabled"))).0, SpokeState::Skipped);
        assert_eq!(judged(receipt(42, ReceiptStatus::Failed, Some("no"))), (SpokeState::Error, "no".into()));
        assert_eq!(
            judged(receipt(42, ReceiptStatus::Held, Some("no"))),
            (SpokeState::Held, "no; if it is meant: `pmp-hub confirm o-alpha00000 42`".into())
        );
    }

    #[test]
    fn what_is_held_comes_first_with_the_way_out_or_with_who_let_it_through() {
        let recent = "2026-11-24T11:59:00Z";
        let failed = Receipt {
            member_experience: ExperienceId::new("exp-a").unwrap(),
            ..receipt(42, ReceiptStatus::Failed, Some("no"))
        };
        let held = receipt(42, ReceiptStatus::Held, Some("2 of 3"));
        let mut organization = organization(recent, vec![failed, held.clone()], None);
        let first = |organization: &Organization| {
            let row = rows(std::slice::from_ref(organization), Some(&head(42, recent)), now(), HOUR).remove(0);
            (row.state, row.message)
        };
        let way_out = "2 of 3; if it is meant: `pmp-hub confirm o-alpha00000 42`";
        assert_eq!(first(&organization), (SpokeState::Held, way_out.into()));
        organization.confirmations.push(OperatorConfirmation {
            organization: organization.id.clone(),
            experience: held.experience,
            member_experience: None,
            version: held.version,
            digest: held.digest,
            confirmed: Confirmed { by: "arn:someone".into(), at: now() },
        });
        assert_eq!(first(&organization).1, "2 of 3; confirmed by arn:someone, the spoke takes it up next");
    }

    #[test]
    fn silence_and_a_long_lag_are_stale() {
        let current = head(42, "2026-11-24T09:00:00Z");
        let in_sync = |version| receipt(version, ReceiptStatus::InSync, None);
        assert_eq!(state_of(in_sync(41), &current, "2026-11-24T11:59:00Z").0, SpokeState::Stale);
        let (state, message) = state_of(in_sync(42), &current, "2026-11-24T09:00:00Z");
        assert_eq!((state, message.as_str()), (SpokeState::Stale, "silent for 3h"));
    }

    #[test]
    fn the_worst_comes_first_and_the_summary_counts() {
        let recent = "2026-11-24T11:59:00Z";
        let failed = Receipt {
            member_experience: ExperienceId::new("exp-z").unwrap(),
            ..receipt(42, ReceiptStatus::Failed, Some("no"))
        };
        let receipts = vec![receipt(42, ReceiptStatus::InSync, None), failed];
        let rows = rows(&[organization(recent, receipts, None)], Some(&head(42, recent)), now(), HOUR);
        assert_eq!(rows[0].state, SpokeState::Error);
        assert_eq!(summary(&rows), "1 of 2 member experiences in sync; 1 error");
    }

    #[test]
    fn a_pass_that_failed_as_a_whole_has_a_row_of_its_own() {
        let recent = "2026-11-24T11:59:00Z";
        let organization = organization(recent, Vec::new(), Some("the filter trapped"));
        let rows = rows(&[organization], None, now(), HOUR);
        assert_eq!((rows[0].state, rows[0].message.as_str()), (SpokeState::Error, "the filter trapped"));
    }
}
