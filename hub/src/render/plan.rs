//! What `plan` prints: the outlooks by group, the products that would change, and how many
//! experiences there are of each.

use std::collections::{BTreeMap, BTreeSet};

use pmp_protocol::{PlainText, ProductId, SnapshotVersion, count};
use pmp_terminal::{Frame, Table, fold};

use crate::inspect::plan::{FilteredCase, FleetPlan, Outlook, PlannedProduct, PlannedRow, PlannedStep, ProductsFrom};
use crate::status::named::Names;

/// The most groups that the table shows without `-o wide`: a screen holds them with header and
/// products.
const GROUPS: usize = 10;
/// The most products that are listed without `-o wide`.
const PRODUCTS: usize = 8;
/// The most filters whose products are listed without `-o wide`.
const FILTERS: usize = 3;
/// The longest reason of a filter on the smallest terminal without `-o wide`, in bytes.
const REASON: usize = 60;
/// What stands before a reason without `-o wide`.
const INDENT: &str = "  ";
/// What stands in a product's line before the product: as wide as the other sign.
const SIGN: &str = "  + allow  ";

/// A row for each group with the same outlook from the same snapshot; with `wide`, one for each
/// experience.
pub(crate) fn table(plan: &FleetPlan, wide: bool) -> Table {
    let numbers = |outlook: &Outlook| {
        let or_dash = |number: Option<usize>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let counts = outlook.counts();
        [or_dash(counts.map(|it| it.0)), or_dash(counts.map(|it| it.1))]
    };
    let from = |version: Option<SnapshotVersion>| version.map_or_else(|| "-".to_owned(), |it| it.to_string());
    if wide {
        let mut table = Table::new(&["ORGANIZATION", "EXPERIENCE", "OUTLOOK", "FROM", "ALLOW", "DENY", "MESSAGE"]);
        for PlannedRow { organization, member_experience, applied, outlook, waits, due, .. } in &plan.rows {
            let [allow, deny] = numbers(outlook);
            table.row([
                organization.to_string(),
                member_experience.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
                outlook.as_str().to_owned(),
                from(*applied),
                allow,
                deny,
                [Some(outlook.reason()).filter(|reason| !reason.is_empty()), waits.as_deref(), due.as_deref()]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join("; "),
            ]);
        }
        return table;
    }
    let mut table = Table::new(&["OUTLOOK", "FROM", "ALLOW", "DENY", "EXPERIENCES", "ORGANIZATIONS"]);
    for ((outlook, version), rows) in groups(plan).into_iter().take(GROUPS) {
        let [allow, deny] = numbers(outlook);
        table.row([
            outlook.as_str().to_owned(),
            from(version),
            allow,
            deny,
            rows.iter().filter(|row| row.member_experience.is_some()).count().to_string(),
            rows.iter().map(|row| &row.organization).collect::<BTreeSet<_>>().len().to_string(),
        ]);
    }
    table
}

/// Why groups of the table have the outlook that they have. With `wide`, each row says it.
fn reasons(plan: &FleetPlan, room: usize) -> Vec<String> {
    let told = groups(plan).into_keys().take(GROUPS).filter(|(outlook, _)| !outlook.reason().is_empty());
    let told = told.flat_map(|(outlook, from)| {
        let from = from.map(|from| format!(" from {from}")).unwrap_or_default();
        fold(&format!("{}{from}: {}", outlook.as_str(), PlainText::new(outlook.reason())), room - INDENT.len())
    });
    told.map(|line| format!("{INDENT}{line}")).collect()
}

/// The lines between a table and a summary, which have so many rows together, as far as they fit
/// the screen with these.
pub(crate) fn that_fit(lines: Vec<String>, rows: usize, wide: bool) -> Vec<String> {
    // And the header above the rows.
    let room = Frame::HEIGHT.saturating_sub(rows + 1);
    if wide || lines.len() <= room {
        return lines;
    }
    let (kept, left_out) = (room.saturating_sub(1), lines.len() + 1 - room.max(1));
    let more = format!("… and {} (`-o wide` lists all)", count(left_out, "more line"));
    lines.into_iter().take(kept).chain([more]).collect()
}

fn groups(plan: &FleetPlan) -> BTreeMap<(&Outlook, Option<SnapshotVersion>), Vec<&PlannedRow>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in &plan.rows {
        groups.entry((&row.outlook, row.applied)).or_default().push(row);
    }
    groups
}

/// The products, from the snapshot that most have; and what is left out. Lines have `room` columns,
/// and with `wide` as many as they need.
pub(crate) fn lines(plan: &FleetPlan, wide: bool, names: &Names, room: usize) -> Vec<String> {
    let label = |id: &ProductId| {
        let named = names.of(id);
        if wide { named.label() } else { named.label_within(room - SIGN.len()) }
    };
    let most = if wide { usize::MAX } else { PRODUCTS };
    let mut lines = if wide { Vec::new() } else { reasons(plan, room) };
    // The newest is what most are on.
    for ProductsFrom { from, allow, deny } in plan.products.iter().rev().take(if wide { usize::MAX } else { 1 }) {
        lines.push(format!("From snapshot {from}:"));
        let changes = deny.iter().map(|id| ("- deny ", id)).chain(allow.iter().map(|id| ("+ allow", id)));
        lines.extend(changes.take(most).map(|(sign, id)| format!("  {sign}  {}", label(id))));
        if let Some(more @ 1..) = (allow.len() + deny.len()).checked_sub(most) {
            lines.push(format!("    … and {} (`-o wide` lists all)", count(more, "more product")));
        }
    }
    if let (false, Some(more @ 1..)) = (wide, plan.products.len().checked_sub(1)) {
        lines.push(format!("… and from {} (`-o wide` lists them)", count(more, "older snapshot")));
    }
    lines.extend(filtered_lines(plan, wide, names, room));
    if let (false, Some(more @ 1..)) = (wide, groups(plan).len().checked_sub(GROUPS)) {
        lines.push(format!("… and {} (`-o wide` lists all experiences)", count(more, "more group")));
    }
    lines
}

/// The products of experiences with filters, each with the filter's reason. The largest groups come
/// first, since most are concerned by them.
fn filtered_lines(plan: &FleetPlan, wide: bool, names: &Names, room: usize) -> Vec<String> {
    let most = if wide { usize::MAX } else { PRODUCTS };
    let mut concerned = BTreeMap::<usize, usize>::new();
    for row in &plan.rows {
        row.filtered_case.into_iter().for_each(|number| *concerned.entry(number).or_default() += 1);
    }
    let mut cases: Vec<&FilteredCase> = plan.filtered.iter().collect();
    let concerned = |case: &FilteredCase| concerned.get(&case.number).copied().unwrap_or_default();
    cases.sort_by_key(|case| std::cmp::Reverse(concerned(case)));
    let mut lines = Vec::new();
    for case in cases.iter().take(if wide { usize::MAX } else { FILTERS }) {
        let FilteredCase { from, filter, products, .. } = case;
        let experiences = count(concerned(case), "experience");
        lines.push(format!(
            "From snapshot {from}, with the filter `{}` {} ({experiences}):",
            filter.name, filter.version
        ));
        let mut products: Vec<&PlannedProduct> = products.iter().collect();
        products.sort_by_key(|planned| (planned.step == PlannedStep::Leave, planned.step == PlannedStep::Allow));
        lines.extend(products.iter().take(most).map(|planned| product_line(planned, wide, names, room)));
        if let Some(more @ 1..) = products.len().checked_sub(most) {
            lines.push(format!("    … and {} (`-o wide` lists all)", count(more, "more product")));
        }
    }
    if let (false, Some(more @ 1..)) = (wide, cases.len().checked_sub(FILTERS)) {
        lines.push(format!("… and {} (`-o wide` lists all)", count(more, "more outcome of filters")));
    }
    if plan.shortened {
        lines
            .push("Filters that decide differently for very many products are told by their numbers alone.".to_owned());
    }
    lines
}

fn product_line(
    PlannedProduct { product, step, reason, verdict }: &PlannedProduct,
    wide: bool,
    names: &Names,
    room: usize,
) -> String {
    let sign = match step {
        PlannedStep::Deny => "- deny ",
        PlannedStep::Allow => "+ allow",
        PlannedStep::Leave => "o leave",
    };
    let reason = match (reason, verdict) {
        (Some(reason), _) if wide => format!("  {reason}"),
        (Some(reason), _) => format!("  {}", PlainText::bounded(reason, REASON + room.saturating_sub(Frame::WIDTH))),
        (None, Some(_)) => "  the filter gives no reason".to_owned(),
        (None, None) => String::new(),
    };
    let named = names.of(product);
    let label = if wide { named.label() } else { named.label_within(room - SIGN.len()) };
    format!("  {sign}  {label}{reason}")
}

/// The last lines: how many experiences there are of each outlook, and what is to be known
/// besides. `wide`: the rows say why.
pub(crate) fn summary(plan: &FleetPlan, wide: bool) -> Vec<String> {
    let of_experiences = || plan.rows.iter().filter(|row| row.member_experience.is_some());
    let experiences = of_experiences().count();
    let number = |test: fn(&Outlook) -> bool| of_experiences().filter(|row| test(&row.outlook)).count();
    let change = number(|it| matches!(it, Outlook::Change { .. }));
    let held = number(|it| matches!(it, Outlook::Held { .. }));
    let not_known = number(|it| matches!(it, Outlook::NotKnown { .. }));
    let counts = format!(
        "{}: {change} would change, {held} would be held, {not_known} not known.",
        count(experiences, "experience")
    );
    let later = of_experiences().filter(|row| row.waits.is_some()).count();
    let why = if wide { "" } else { ": `-o wide` says why" };
    let later = (later > 0).then(|| format!("{later} of them would come later{why}."));
    let due = of_experiences().filter(|row| row.due.is_some()).count();
    let due =
        (due > 0).then(|| format!("{due} of them would come now: their turn has come, and they are not applied yet."));
    let silent = plan.rows.len() - experiences;
    let silent = (silent > 0).then(|| format!("{} never reported.", count(silent, "organization")));
    std::iter::once(counts).chain(due).chain(later).chain(silent).collect()
}
