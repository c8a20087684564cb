//! Warns where the last pass of the organization ran a filter, and these settings have none: from
//! a shell that lacks the settings of the function, a person would approve what it excludes.

use pmp_ledger::Organization;
use pmp_protocol::PlainText;

use crate::pass::Spoke;

/// The hint, where one is needed. `before` is what the receipts say of the last pass.
pub(crate) fn hint(spoke: &Spoke, before: &Organization) -> Option<String> {
    if spoke.filters.has_any() {
        return None;
    }
    let filtered = before.receipts.iter().filter(|receipt| receipt.is_kept());
    let filter = filtered.filter_map(|receipt| receipt.filter.as_ref()).next()?;
    let name = PlainText::bounded(&filter.name, 80);
    Some(format!(
        "hint: the last pass here ran the filter `{name}`, and these settings have none: nothing is filtered. Set \
         PMP_FILTER as it is set where the spoke runs, or take all of its settings: `eval \"$(pmp-spoke env --function \
         NAME)\"`"
    ))
}
