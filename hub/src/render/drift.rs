//! What `drift` prints: a table of the experiences that others changed. It fits a screen; the wide
//! one tells of the change set, too.

use comfy_table::Color;
use jiff::Timestamp;
use pmp_protocol::{age, count};
use pmp_terminal::Table;

use crate::inspect::drift::DriftRow;

/// The most rows without `--all`.
const ROWS: usize = 20;
/// The columns of a table that is not wide: with ids as AWS makes them, 80 characters.
const SHOWN: usize = 6;

pub(crate) fn table(rows: &[DriftRow], now: Timestamp, all: bool, wide: bool) -> Table {
    let header =
        ["ORGANIZATION", "EXPERIENCE", "DRIFT", "PRODUCTS", "NOTICED", "ACCOUNT", "TIMES", "CHANGE-SET", "NAME"];
    let columns = if wide { header.len() } else { SHOWN };
    let mut table = Table::new(&header[..columns]);
    for row in &rows[..shown(rows, all)] {
        let DriftRow { organization, member_experience, drift } = row;
        let newest = drift.by.first();
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let cells = [
            organization.to_string(),
            member_experience.to_string(),
            drift.handling.to_string(),
            drift.products.to_string(),
            age(drift.noticed_at, now),
            or_dash(newest.and_then(|set| set.account.as_ref()).map(ToString::to_string)),
            drift.times.to_string(),
            or_dash(newest.map(|set| set.id.clone())),
            newest.and_then(|set| set.name.clone()).unwrap_or_default(),
        ];
        table.row(cells.into_iter().take(columns));
        table.color(2, if drift.is_left() { Color::Red } else { Color::Yellow });
    }
    table
}

/// The line below the table: how many edits are left, and how many were healed.
pub(crate) fn summary(rows: &[DriftRow], all: bool) -> String {
    let left = rows.iter().filter(|row| row.drift.is_left()).count();
    let more = rows.len() - shown(rows, all);
    let more = if more == 0 { String::new() } else { format!("; {more} more (`--all`)") };
    let healed = rows.len() - left;
    format!("{}: {left} left as others set them, {healed} healed{more}", count(rows.len(), "edited experience"))
}

fn shown(rows: &[DriftRow], all: bool) -> usize {
    if all { rows.len() } else { rows.len().min(ROWS) }
}
