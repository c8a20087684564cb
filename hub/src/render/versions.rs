//! What `versions` prints: a table with a row for each version that something is on.

use pmp_protocol::{SnapshotVersion, count};
use pmp_terminal::Table;

use crate::inspect::versions::VersionRow;

/// The most rows of the table without `--all`.
const MAX_ROWS: usize = 18;

pub(crate) fn table(versions: &[VersionRow], all: bool) -> Table {
    let mut table = Table::new(&["VERSION", "ORGANIZATIONS", "EXPERIENCES", "STATES"]);
    for row in &versions[..shown(versions, all)] {
        let states = row.states.iter().map(|(state, count)| format!("{count} {}", state.as_str()));
        table.row([
            row.version.map_or_else(|| "-".to_owned(), |version| version.to_string()),
            row.organizations.to_string(),
            row.experiences.to_string(),
            states.collect::<Vec<_>>().join(", "),
        ]);
    }
    table
}

/// The line below the table: how many experiences are on the newest snapshot.
pub(crate) fn summary(versions: &[VersionRow], newest: Option<SnapshotVersion>, all: bool) -> String {
    let total: usize = versions.iter().map(|row| row.experiences).sum();
    let on_newest = versions.iter().find(|row| row.version.is_some() && row.version == newest);
    let on_newest = on_newest.map_or(0, |row| row.experiences);
    let newest =
        newest.map_or_else(|| "no snapshot yet".to_owned(), |newest| format!("on snapshot {newest}, the newest"));
    let hidden = versions.len() - shown(versions, all);
    let hidden = if hidden == 0 { String::new() } else { format!("; {} not shown: --all", count(hidden, "version")) };
    format!("{on_newest} of {total} member experiences {newest}{hidden}")
}

/// How many rows the table has.
pub(crate) fn shown(versions: &[VersionRow], all: bool) -> usize {
    if all { versions.len() } else { versions.len().min(MAX_ROWS) }
}
