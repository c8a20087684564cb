//! The rows of `status` by organization. Pure.

use std::collections::BTreeMap;

use pmp_ledger::Organization;
use pmp_protocol::OrganizationId;

use crate::status::fleet::Admitted;
use crate::status::{SpokeState, SpokeStatus};
use crate::web::read::Seen;

/// One organization on the page.
#[derive(Debug)]
pub(super) struct OneOrganization<'a> {
    pub(super) id: &'a OrganizationId,
    /// What it reported. `None` where that could not be read.
    pub(super) reported: Option<&'a Organization>,
    /// How it came to the roster. `None` where nobody admitted it by name.
    pub(super) admitted: Option<&'a Admitted>,
    /// Its rows, worst first.
    pub(super) rows: Vec<&'a SpokeStatus>,
}

impl OneOrganization<'_> {
    /// The worst state of its experiences, and of the organization as a whole.
    pub(super) fn worst(&self) -> Option<SpokeState> {
        self.rows.first().map(|row| row.state)
    }

    /// How many of its rows are in which state, in a line: `2 held, 3 synced`.
    pub(super) fn states(&self) -> String {
        let mut states = BTreeMap::<SpokeState, usize>::new();
        for row in &self.rows {
            *states.entry(row.state).or_default() += 1;
        }
        let word = |state: SpokeState| state.word();
        let parts: Vec<_> = states.into_iter().map(|(state, count)| format!("{count} {}", word(state))).collect();
        if parts.is_empty() { "nothing reported".to_owned() } else { parts.join(", ") }
    }
}

/// All organizations, by id.
pub(super) fn organizations(seen: &Seen) -> Vec<OneOrganization<'_>> {
    let mut all = BTreeMap::<&OrganizationId, OneOrganization<'_>>::new();
    let admitted = |id| seen.view.roster.as_ref().and_then(|roster| roster.get(id));
    for looked in &seen.view.looked {
        let reported = looked.report.as_ref().ok().map(|report| &report.organization);
        let one = OneOrganization { id: &looked.id, reported, admitted: admitted(&looked.id), rows: Vec::new() };
        all.insert(&looked.id, one);
    }
    // The rows are sorted worst first, and stay so.
    for row in &seen.rows {
        let id = &row.organization;
        let none = || OneOrganization { id, reported: None, admitted: admitted(id), rows: Vec::new() };
        all.entry(id).or_insert_with(none).rows.push(row);
    }
    all.into_values().collect()
}
