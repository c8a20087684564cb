//! What `drift` prints: a table of the experiences that others changed. It fits a screen; the wide
//! one tells of the change set, too.

use std::collections::BTreeMap;

use comfy_table::Color;
use jiff::Timestamp;
use pmp_protocol::{Drift, PlainText, age, count};
use pmp_terminal::{Frame, Table, fold};

use crate::inspect::drift::DriftRow;

/// The most rows without `--all`.
const ROWS: usize = 20;
/// What stands in place of how edits are handled, where that is still to come.
const WAITS: &str = "waits";
/// The most reasons that are told without `--all`.
const REASONS: usize = 3;
/// The columns of a table that is not wide: with ids as AWS makes them, 80 characters.
const SHOWN: usize = 6;

pub(crate) fn table(rows: &[DriftRow], now: Timestamp, all: bool, wide: bool) -> Table {
    let header = [
        "ORGANIZATION",
        "EXPERIENCE",
        "DRIFT",
        "PRODUCTS",
        "NOTICED",
        "ACCOUNT",
        "TIMES",
        "CHANGE-SET",
        "WHICH",
        "NAME",
    ];
    let columns = if wide { header.len() } else { SHOWN };
    let mut table = Table::new(&header[..columns]);
    for row in &rows[..shown(rows, all)] {
        let DriftRow { organization, member_experience, drift, waits } = row;
        let newest = drift.by.first();
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let cells = [
            organization.to_string(),
            member_experience.to_string(),
            if waits.is_some() { WAITS.to_owned() } else { drift.handling.to_string() },
            drift.products.to_string(),
            age(drift.noticed_at, now),
            or_dash(newest.and_then(|set| set.account.as_ref()).map(ToString::to_string)),
            drift.times.to_string(),
            or_dash(newest.map(|set| set.id.clone())),
            which(drift),
            newest.and_then(|set| set.name.clone()).unwrap_or_default(),
        ];
        table.row(cells.into_iter().take(columns));
        table.color(2, if drift.is_left() { Color::Red } else { Color::Yellow });
    }
    table
}

/// The products that others set, as many as a cell holds; `-o json` has all that are known.
fn which(drift: &Drift) -> String {
    const NAMED: usize = 3;
    let named: Vec<_> = drift.edited.iter().take(NAMED).map(|edited| edited.product.as_str()).collect();
    if named.is_empty() {
        return "-".to_owned();
    }
    let more = drift.products.saturating_sub(named.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    named.join(", ") + &more
}

/// Why edits are not healed yet, the most frequent reason first: all of them in whole sentences, or
/// what fits a screen of `width` columns with the table, its header and its summary.
pub(crate) fn waits(rows: &[DriftRow], all: bool, width: usize) -> Vec<String> {
    let mut found = BTreeMap::<&str, usize>::new();
    rows.iter().filter_map(|row| row.waits.as_deref()).for_each(|why| *found.entry(why).or_default() += 1);
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by_key(|(_, experiences)| std::cmp::Reverse(*experiences));
    let told = |(why, experiences): (&str, usize)| {
        format!("healing waits in {}: {}", count(experiences, "experience"), PlainText::new(why))
    };
    let told = found.into_iter().map(told);
    if all {
        return told.flat_map(|line| fold(&line, width)).collect();
    }
    let room = Frame::HEIGHT.saturating_sub(shown(rows, all) + 2);
    told.take(room.min(REASONS)).map(|line| PlainText::bounded(&line, width).into()).collect()
}

/// The line below the table: how many edits are left, and how many were healed.
pub(crate) fn summary(rows: &[DriftRow], all: bool) -> String {
    let left = rows.iter().filter(|row| row.drift.is_left()).count();
    let more = rows.len() - shown(rows, all);
    let more = if more == 0 { String::new() } else { format!("; {more} more (`--all`)") };
    let waiting = rows.iter().filter(|row| row.waits.is_some()).count();
    let healed = rows.len() - left - waiting;
    let waits = match waiting {
        0 => String::new(),
        1 => ", 1 waits".to_owned(),
        several => format!(", {several} wait"),
    };
    let all = count(rows.len(), "edited experience");
    format!("{all}: {left} left as others set them{waits}, {healed} healed{more}")
}

fn shown(rows: &[DriftRow], all: bool) -> usize {
    if all { rows.len() } else { rows.len().min(ROWS) }
}

#[cfg(test)]
mod tests {
    use pmp_protocol::testing::{experience, now, organization};
    use pmp_protocol::{Drift, DriftHandling};

    use super::*;

    #[test]
    fn what_waits_fits_a_screen_with_the_table() {
        let drift = Drift {
            noticed_at: now(),
            times: 1,
            products: 1,
            edited: Vec::new(),
            handling: DriftHandling::Heal,
            by: Vec::new(),
            rest_applied: false,
        };
        let row = |number: usize| DriftRow {
            organization: organization("o-alpha00000"),
            member_experience: experience("exp-member"),
            drift: drift.clone(),
            waits: Some(format!("reason {}: {}", number % 5, "why ".repeat(60))),
        };
        let rows: Vec<_> = (0..100).map(row).collect();
        let (lines, table) = (waits(&rows, false, Frame::WIDTH), table(&rows, now(), false, false));
        assert_eq!((lines.len(), lines.len() + table.len() + 2), (2, Frame::HEIGHT));
        assert!(lines.iter().all(|line| line.len() <= Frame::WIDTH), "{lines:?}");
        let whole = waits(&rows, true, Frame::WIDTH);
        assert_eq!(whole.iter().filter(|line| line.starts_with("healing waits in 20 experiences")).count(), 5);
        assert!(summary(&rows, true).ends_with(": 0 left as others set them, 100 wait, 0 healed"));
    }
}
