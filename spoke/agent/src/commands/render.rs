//! The output of `plan` and `sync` for people, in lines and rows. Texts from outside become
//! harmless when they are printed (rule 14).

use std::collections::BTreeSet;

use comfy_table::Color;
use pmp_plan::{Entry, Report, Step, Why};
use pmp_protocol::{
    Answers, Decision, FilterIdentity, ProductId, ReceiptStatus, ResourceRequests, Snapshot, SnapshotVersion, Verdict,
};
use pmp_terminal::{Frame, Table, count};

use crate::pass::PassOutcome;
use crate::pass::preview::{Planned, Previews, ShownFilter};
use crate::pass::tally::Done;

/// The most products to change that are listed per experience. `--all` lists all.
const MAX_ENTRIES: usize = 40;
/// The most reasons that are listed for which products stay as they are. They are no change, and
/// with a filter they are the same ones every time.
const MAX_LEFT: usize = 5;
/// The columns that product ids get. Where names are known, a product gets up to [`LABEL`].
const ID: usize = 36;
/// The most columns of a product with its names on a terminal with 80 columns: the reason beside it
/// stays on the same line.
const LABEL: usize = 48;

/// The plan for every experience, and a last line for all of them.
pub(crate) fn previews(previews: &Previews, snapshot: &Snapshot, names: &Answers, all: bool) -> Vec<String> {
    let Previews { experiences, warnings } = previews;
    let mut lines = Vec::new();
    let (mut allow, mut deny, mut filtered, mut change_sets, mut held, mut failed) = (0, 0, 0, 0, 0, 0);
    // The number of experiences with a plan, and of their products that will still differ from the
    // snapshot.
    let (mut planned, mut otherwise) = (0, 0);
    for preview in experiences {
        let name = preview.name.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
        lines.push(format!("# {}{name}", preview.experience));
        lines.extend(preview.filter.as_ref().and_then(filter));
        match &preview.outcome {
            Planned::Plan { report, filtered: here, policy_resource_requests, change_sets: sets } => {
                allow += report.count(Step::Allow);
                deny += report.count(Step::Deny);
                filtered += here;
                change_sets += sets;
                lines.extend(entries(report, names, all));
                if let Some(requests) = policy_resource_requests {
                    let requests = match requests {
                        ResourceRequests::Allow => "users may request products, as at the hub",
                        ResourceRequests::Deny => "users may no longer request products, as at the hub",
                    };
                    lines.push(format!("  ~ settings  {requests}"));
                }
                planned += 1;
                let not_applied = count_deferred(report) + preview.left_alone.len();
                otherwise += not_applied;
                let here = if *here == 0 { String::new() } else { format!(" ({here} filtered)") };
                if *sets == 0 && not_applied > 0 {
                    lines.push(format!("  No changes now. {}{here}.", not_wholly(not_applied, snapshot.version())));
                } else if *sets == 0 {
                    lines.push(format!("  No changes. It matches snapshot {}{here}.", snapshot.version()));
                } else {
                    lines.push(format!("  {} unchanged{here}; {}.", report.unchanged, count(*sets, "change set")));
                }
            }
            Planned::Held { reason, report } => {
                held += 1;
                lines.extend(entries(report, names, all));
                lines.push(format!("  HELD: {reason}"));
                lines.push(format!(
                    "  hint: check the hub's snapshot, or let it through once with `pmp-spoke sync --confirm {}`",
                    snapshot.version()
                ));
            }
            Planned::Skipped { reason } => lines.push(format!("  Skipped: {reason}")),
            Planned::Failed { reason } => {
                failed += 1;
                lines.push(format!("  FAILED: {reason}"));
            }
        }
        lines.extend(left_alone(&preview.left_alone, names, all));
        lines.extend(preview.filter_warnings.iter().map(|warning| format!("  warning: the filter says: {warning}")));
        lines.push(String::new());
    }
    lines.extend(warnings.iter().map(|warning| format!("warning: {warning}")));
    if change_sets + held + failed == 0 {
        lines.push(match (planned, otherwise) {
            (0, _) => "No changes. There is no live experience to keep in step.".to_owned(),
            (_, 0) => format!("No changes. Every live experience matches snapshot {}.", snapshot.version()),
            (_, products) => format!("No changes now. {}.", not_wholly(products, snapshot.version())),
        });
        return lines;
    }
    let mut last = format!(
        "Plan for snapshot {} ({}): {allow} to allow, {deny} to deny, {filtered} filtered; {}.",
        snapshot.version(),
        snapshot.digest().short(),
        count(change_sets, "change set")
    );
    for (count, what) in [(held, "held by a guard"), (failed, "failed")] {
        if count > 0 {
            last += &format!(" {count} {what}.");
        }
    }
    lines.push(last);
    lines
}

/// The number of deferred products in a plan.
fn count_deferred(report: &Report) -> usize {
    report.entries.iter().filter(|entry| matches!(entry.why, Why::Deferred { .. })).count()
}

fn not_wholly(products: usize, version: SnapshotVersion) -> String {
    let stay = if products == 1 { "stays as it is" } else { "stay as they are" };
    format!("{} {stay} for now, so snapshot {version} is not fully applied", count(products, "product"))
}

/// Why a product stays that somebody else changed.
pub(crate) const LEFT_ALONE: &str = "as somebody else set it (PMP_DRIFT)";

/// What happens to a product, in a word.
pub(crate) fn change(step: Step) -> &'static str {
    match step {
        Step::Allow => "allow",
        Step::Deny => "deny",
        Step::Leave => "leave",
    }
}

/// The products that stay as somebody else set them.
fn left_alone(products: &BTreeSet<ProductId>, names: &Answers, wide: bool) -> Vec<String> {
    let most = if wide { usize::MAX } else { MAX_LEFT };
    let shown: Vec<_> = products.iter().take(most).collect();
    let labels = labels(shown.iter().copied(), names, wide);
    let line = |label: &String| format!("  ! leave  {label}  {LEFT_ALONE}");
    let mut lines: Vec<_> = labels.iter().map(line).collect();
    if let Some(more @ 1..) = products.len().checked_sub(most) {
        lines.push(format!("    … and {more} more as somebody else set them (`--all` lists all)"));
    }
    lines
}

/// The filter of an experience, and the reason. `None` if all experiences have the same filter.
fn filter(ShownFilter { identity, because }: &ShownFilter) -> Option<String> {
    let because = because.as_ref()?;
    let which = identity.as_ref().map_or_else(
        || "none".to_owned(),
        |FilterIdentity { name, version, digest }| format!("`{name}` {version} ({})", digest.short()),
    );
    Some(format!("  filter: {which}, by {because}"))
}

fn entries(report: &Report, names: &Answers, wide: bool) -> Vec<String> {
    let (left, mut changes): (Vec<&Entry>, Vec<&Entry>) =
        report.entries.iter().partition(|entry| entry.step == Step::Leave);
    // Denials come first, because people will ask about them.
    changes.sort_by_key(|entry| (entry.step != Step::Deny, entry.step, &entry.product));
    let left = groups(left, wide);
    let (most_changes, most_left) = if wide { (usize::MAX, usize::MAX) } else { (MAX_ENTRIES, MAX_LEFT) };
    let label = |products: &[&ProductId]| match products {
        [only] => one_label(only, names, wide),
        several => count(several.len(), "product"),
    };
    let changed =
        changes.iter().take(most_changes).map(|entry| (entry.step, label(&[&entry.product]), why(&entry.why)));
    let stay = left.iter().take(most_left).map(|(why, products)| (Step::Leave, label(products), why.clone()));
    let shown: Vec<(Step, String, String)> = changed.chain(stay).collect();
    let labels = aligned(shown.iter().map(|(_, label, _)| label.clone()).collect());
    let line = |((step, _, why), label): (&(Step, String, String), &String)| {
        let symbol = match step {
            Step::Allow => "+",
            Step::Deny => "-",
            Step::Leave => "o",
        };
        format!("  {symbol} {:<5}  {label}  {why}", change(*step))
    };
    let mut lines: Vec<_> = shown.iter().zip(&labels).map(line).collect();
    let more = [
        (changes.len().saturating_sub(most_changes), "to change"),
        (left.iter().skip(most_left).map(|(_, products)| products.len()).sum(), "to leave as they are"),
    ];
    let more: Vec<_> =
        more.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} more {what}")).collect();
    if !more.is_empty() {
        lines.push(format!("    … and {} (`--all` lists all)", more.join(", ")));
    }
    lines
}

/// The products that stay as they are, by the reason: those with one reason are one line, since
/// nothing changes. With `wide`, each is by itself.
fn groups(mut left: Vec<&Entry>, wide: bool) -> Vec<(String, Vec<&ProductId>)> {
    left.sort_by_key(|entry| &entry.product);
    let mut groups: Vec<(String, Vec<&ProductId>)> = Vec::new();
    for entry in left {
        let why = why(&entry.why);
        match groups.iter_mut().find(|(known, _)| !wide && *known == why) {
            Some((_, products)) => products.push(&entry.product),
            None => groups.push((why, vec![&entry.product])),
        }
    }
    groups
}

fn one_label(id: &ProductId, names: &Answers, wide: bool) -> String {
    let named = names.named(id);
    if wide { named.label() } else { named.label_within(LABEL + Frame::room() - Frame::WIDTH) }
}

/// The products by name, in a column that is as wide as the widest of them.
fn labels<'a>(products: impl Iterator<Item = &'a ProductId>, names: &Answers, wide: bool) -> Vec<String> {
    aligned(products.map(|id| one_label(id, names, wide)).collect())
}

fn aligned(labels: Vec<String>) -> Vec<String> {
    let width = labels.iter().map(|label| label.chars().count()).max().unwrap_or_default().max(ID);
    labels.iter().map(|label| format!("{label:<width$}")).collect()
}

pub(crate) fn why(why: &Why) -> String {
    match why {
        Why::ApprovedByHub => "approved by the hub".to_owned(),
        Why::ApprovedByHubRejectedHere => "approved by the hub, rejected here".to_owned(),
        Why::NotApprovedByHub => "not approved by the hub".to_owned(),
        Why::RejectedByHub => "rejected by the hub".to_owned(),
        Why::Deferred { error } => format!("set aside, tried again later: {error}"),
        Why::RejectedOnlyHere => "rejected only here; it stays so".to_owned(),
        Why::Filtered(Decision { verdict, reason }) => {
            let verb = if *verdict == Verdict::Reject { "rejected" } else { "excluded" };
            match reason {
                Some(reason) => format!("{verb} by filter: {reason}"),
                None => format!("{verb} by filter"),
            }
        }
    }
}

pub(crate) fn color(status: ReceiptStatus) -> Color {
    match status {
        ReceiptStatus::InSync => Color::Green,
        ReceiptStatus::Skipped => Color::DarkGrey,
        ReceiptStatus::Applying | ReceiptStatus::Partial => Color::Yellow,
        ReceiptStatus::Held | ReceiptStatus::Failed => Color::Red,
    }
}

/// The receipts of a pass. A receipt counts all passes for a snapshot; the table shows this pass
/// only.
pub(crate) fn receipts(pass: &PassOutcome) -> Table {
    let mut table = Table::new(&["EXPERIENCE", "STATUS", "ALLOWED", "DENIED", "PENDING", "FILTERED", "MESSAGE"]);
    for receipt in &pass.receipts {
        let done = pass.tally.done.get(&receipt.member_experience).copied();
        let idle = done.is_none() && receipt.status == ReceiptStatus::InSync;
        let Done { allowed, denied } = done.unwrap_or_default();
        table.row([
            receipt.member_experience.to_string(),
            receipt.status.to_string(),
            allowed.to_string(),
            denied.to_string(),
            receipt.pending.to_string(),
            receipt.filtered.to_string(),
            receipt.error.clone().unwrap_or_else(|| if idle { "nothing to do" } else { "" }.to_owned()),
        ]);
        table.color(1, color(receipt.status));
    }
    table
}
