//! Lists edits of the members' experiences that their spokes noticed. Pure: it takes the hub's view
//! and returns rows.

use jiff::Timestamp;
use pmp_protocol::{Drift, DriftHandling, ExperienceId, OrganizationId, Receipt};
use serde::Serialize;

use crate::status::fleet::View;

/// One experience that others changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DriftRow {
    /// Organization whose spoke noticed the edit.
    pub(crate) organization: OrganizationId,
    /// Experience that somebody edited.
    pub(crate) member_experience: ExperienceId,
    /// What others changed, and what became of it.
    pub(crate) drift: Drift,
    /// Why it is not healed yet, such as a pause; absent where it is healed, or left as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) waits: Option<String>,
}

/// Why edits of an experience are not healed yet; none where they are, or are left as they are.
fn waits(receipt: &Receipt, drift: &Drift) -> Option<String> {
    // What was in step after the edits were noticed was healed by then.
    let is_healed = receipt.applied().is_some_and(|applied| applied.at >= drift.noticed_at);
    if drift.handling == DriftHandling::Report || is_healed {
        return None;
    }
    let paused = receipt.paused.as_ref().map(ToString::to_string);
    let error = || receipt.error.clone().unwrap_or_else(|| "its spoke is at work".to_owned());
    Some(paused.unwrap_or_else(error))
}

/// The edits of all receipts that the hub believes (rule 10). Edits that are left alone come first,
/// then the latest.
pub(crate) fn rows(view: &View, now: Timestamp) -> Vec<DriftRow> {
    let receipts = view.reports().flat_map(|report| &report.organization.receipts);
    let believed = receipts.filter(|receipt| view.dispute(receipt, now).is_none());
    let mut rows: Vec<_> = believed
        .filter_map(|receipt| {
            let drift = receipt.drift.clone()?;
            Some(DriftRow {
                organization: receipt.organization.clone(),
                member_experience: receipt.member_experience.clone(),
                waits: waits(receipt, &drift),
                drift,
            })
        })
        .collect();
    rows.sort_by_key(|row| {
        let noticed = std::cmp::Reverse(row.drift.noticed_at);
        (!row.drift.is_left(), noticed, row.organization.clone(), row.member_experience.clone())
    });
    rows
}

#[cfg(test)]
mod tests {
    use pmp_protocol::ReceiptStatus;
    use pmp_protocol::testing::receipt;

    use super::*;
    use crate::status::tests::view;

    fn row(member: &str, noticed: i64, handling: DriftHandling) -> Receipt {
        let noticed_at = Timestamp::from_second(noticed).unwrap();
        let drift = Drift {
            noticed_at,
            times: 1,
            products: 3,
            edited: Vec::new(),
            handling,
            by: Vec::new(),
            rest_applied: true,
        };
        Receipt {
            member_experience: ExperienceId::new(member).unwrap(),
            drift: Some(drift),
            applied_at: Some(Timestamp::from_second(1_000).unwrap()),
            ..receipt(42, ReceiptStatus::InSync, None)
        }
    }

    #[test]
    fn what_is_left_comes_first_and_what_is_not_believed_is_left_out() {
        let receipts = vec![
            row("exp-older", 100, DriftHandling::Heal),
            row("exp-newer", 200, DriftHandling::Heal),
            row("exp-left", 50, DriftHandling::Report),
            // The ledger has no such version.
            Receipt {
                version: pmp_protocol::SnapshotVersion::new(99).unwrap(),
                ..row("exp-odd", 300, DriftHandling::Heal)
            },
            receipt(42, ReceiptStatus::InSync, None),
        ];
        let id = receipts[0].organization.clone();
        let organization = pmp_ledger::Organization { receipts, ..pmp_ledger::Organization::unknown(id) };
        let head = pmp_ledger::testing::head(42);
        let rows = rows(&view([organization], Some(&head)), "2026-11-24T12:00:00Z".parse().unwrap());
        let ids: Vec<_> = rows.iter().map(|row| row.member_experience.as_str()).collect();
        assert_eq!(ids, ["exp-left", "exp-newer", "exp-older"]);
        assert_eq!(
            crate::render::drift::summary(&rows, false),
            "3 edited experiences: 1 left as others set them, 2 healed"
        );
    }
}
