//! Computes the effects of a publish on the members before anything is published. Pure: it takes
//! the hub's view and the present management experience.
//!
//! Without a filter, an experience holds the lists of the snapshot that its receipt names, so its
//! plan can be computed. Edits that others made there since are not known here. With a filter,
//! nothing can be computed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use pmp_plan::{Desired, GuardRails, Lately, Observed, plan_after};
use pmp_protocol::{Content, ExperienceId, OrganizationId, ProductId, Receipt, SnapshotVersion, Verdicts};
use serde::Serialize;

use crate::status::fleet::View;
use crate::status::named::{NamedProduct, Names};

/// The time for which spokes count removals by default, for their guard rails.
const GUARD_WINDOW: SignedDuration = SignedDuration::from_hours(24);
/// The expected effect on one experience.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "outlook", rename_all = "kebab-case")]
pub(crate) enum Outlook {
    /// A guard rail would hold the plan, with the limits that are assumed.
    Held { allow: usize, deny: usize, reason: String },
    /// The products that would change.
    Change { allow: usize, deny: usize },
    /// Nothing would change, because the spoke only observes. These products would change
    /// otherwise.
    Observed { allow: usize, deny: usize },
    /// The hub cannot know the effect.
    NotKnown { reason: String },
    /// The lists there are those that would be published.
    Unchanged,
}

/// The effect on one experience, or on an organization as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PlannedRow {
    pub(crate) organization: OrganizationId,
    pub(crate) member_experience: Option<ExperienceId>,
    /// The snapshot that is applied there.
    pub(crate) applied: Option<SnapshotVersion>,
    #[serde(flatten)]
    pub(crate) outlook: Outlook,
}

/// What changes, product by product, where a snapshot is applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ProductsFrom {
    /// The snapshot that is applied there.
    pub(crate) from: SnapshotVersion,
    /// The products that would be approved.
    pub(crate) allow: BTreeSet<ProductId>,
    /// The products that would be denied.
    pub(crate) deny: BTreeSet<ProductId>,
}

/// The plan for the whole fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FleetPlan {
    pub(crate) rows: Vec<PlannedRow>,
    pub(crate) products: Vec<ProductsFrom>,
}

/// The versions that a plan needs: those that are applied somewhere without a filter.
pub(crate) fn needed(view: &View, now: Timestamp) -> BTreeSet<SnapshotVersion> {
    let receipts = view.reports().flat_map(|report| &report.organization.receipts);
    let believed = receipts.filter(|receipt| view.dispute(receipt, now).is_none());
    let without_filter = believed.filter(|receipt| receipt.is_kept() && receipt.filter.is_none());
    without_filter.filter_map(|receipt| Some(receipt.applied()?.version)).collect()
}

/// Plans for `content` as if it were published next. `kept` holds the needed snapshots that the
/// ledger still keeps.
pub(crate) fn plan(
    view: &View,
    content: &Content,
    kept: &BTreeMap<SnapshotVersion, Content>,
    guard: GuardRails,
    now: Timestamp,
) -> FleetPlan {
    let verdicts = Verdicts::new();
    let desired = Desired::new(content, &verdicts);
    let next = view.head.as_ref().map_or(SnapshotVersion::FIRST, |head| head.latest.next());
    let outlook = |receipt: &Receipt| -> Outlook {
        let not_known = |reason: String| Outlook::NotKnown { reason };
        if let Some(reason) = view.dispute(receipt, now) {
            return not_known(format!("its receipt is disputed: {reason}"));
        }
        if let Some(filter) = &receipt.filter {
            return not_known(format!("it has a filter of its own: `{}` {}", filter.name, filter.version));
        }
        let Some(applied) = receipt.applied() else {
            return not_known("nothing is applied there yet, so its lists are not known".to_owned());
        };
        let Some(before) = kept.get(&applied.version) else {
            return not_known(format!(
                "the ledger no longer keeps snapshot {}, which is applied there",
                applied.version
            ));
        };
        let observed = Observed { approved: before.approved(), rejected: before.rejected() };
        let unguarded = plan_after(Lately::default(), &desired, observed, next, guard, Some(next));
        let Ok(mut unguarded) = unguarded else { return not_known("it cannot be planned".to_owned()) };
        unguarded.leave_out(receipt.deferred.iter().map(|found| &found.product));
        let (allow, deny) = (unguarded.allow().len(), unguarded.deny().len());
        if receipt.would_change.is_some() {
            return Outlook::Observed { allow, deny };
        }
        match plan_after(lately(receipt, now), &desired, observed, next, guard, None) {
            Err(refusal) => Outlook::Held { allow, deny, reason: refusal.to_string() },
            Ok(_) if allow + deny == 0 => Outlook::Unchanged,
            Ok(_) => Outlook::Change { allow, deny },
        }
    };
    let mut rows = Vec::new();
    for report in view.reports() {
        let organization = &report.organization;
        let receipts = organization.receipts.iter().filter(|receipt| receipt.is_kept());
        rows.extend(receipts.map(|receipt| PlannedRow {
            organization: organization.id.clone(),
            member_experience: Some(receipt.member_experience.clone()),
            applied: receipt.applied().map(|applied| applied.version),
            outlook: outlook(receipt),
        }));
        if report.is_empty() && view.roster.is_some() && view.is_admitted(&organization.id) {
            let reason = "admitted, and has never reported".to_owned();
            rows.push(PlannedRow {
                organization: organization.id.clone(),
                member_experience: None,
                applied: None,
                outlook: Outlook::NotKnown { reason },
            });
        }
    }
    rows.sort_by(|a, b| {
        let place = |row: &PlannedRow| (row.outlook.clone(), row.organization.clone(), row.member_experience.clone());
        place(a).cmp(&place(b))
    });
    let from: BTreeSet<_> = rows.iter().filter(|row| row.outlook.changes()).filter_map(|row| row.applied).collect();
    let products = from.into_iter().filter_map(|from| {
        let before = kept.get(&from)?;
        let observed = Observed { approved: before.approved(), rejected: before.rejected() };
        let all = plan_after(Lately::default(), &desired, observed, next, guard, Some(next)).ok()?;
        Some(ProductsFrom { from, allow: all.allow().clone(), deny: all.deny().clone() })
    });
    FleetPlan { products: products.collect(), rows }
}

/// The recent removals in this experience, from its receipt.
fn lately(receipt: &Receipt, now: Timestamp) -> Lately {
    let recent = receipt.removals.iter().filter(|removal| now.duration_since(removal.at) < GUARD_WINDOW);
    recent.fold(Lately::default(), |sum, removal| Lately {
        removed: sum.removed.saturating_add(removal.removed),
        approved: sum.approved.max(removal.approved),
    })
}

impl Outlook {
    fn changes(&self) -> bool {
        matches!(self, Self::Held { .. } | Self::Change { .. } | Self::Observed { .. })
    }

    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Held { .. } => "held",
            Self::Change { .. } => "change",
            Self::Observed { .. } => "observed",
            Self::NotKnown { .. } => "not-known",
            Self::Unchanged => "unchanged",
        }
    }

    pub(crate) fn counts(&self) -> Option<(usize, usize)> {
        match self {
            Self::Held { allow, deny, .. } | Self::Change { allow, deny } | Self::Observed { allow, deny } => {
                Some((*allow, *deny))
            }
            Self::NotKnown { .. } | Self::Unchanged => None,
        }
    }

    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Held { reason, .. } | Self::NotKnown { reason } => reason,
            Self::Observed { .. } => "its spoke only observes",
            Self::Change { .. } | Self::Unchanged => "",
        }
    }
}

impl FleetPlan {
    /// Whether any change is known to the hub.
    pub(crate) fn changes(&self) -> bool {
        self.rows.iter().any(|row| matches!(row.outlook, Outlook::Held { .. } | Outlook::Change { .. }))
    }

    /// Whether a guard rail would hold something.
    pub(crate) fn holds(&self) -> bool {
        self.rows.iter().any(|row| matches!(row.outlook, Outlook::Held { .. }))
    }

    /// The names and facts that are known of the products that would change.
    pub(crate) fn names(&self, names: &Names) -> Vec<NamedProduct> {
        names.of_known(self.products.iter().flat_map(|from| from.allow.iter().chain(&from.deny)))
    }
}

#[cfg(test)]
mod tests {
    use pmp_ledger::testing::head;
    use pmp_protocol::testing::{content, now, receipt};
    use pmp_protocol::{Applied, FilterIdentity, ReceiptStatus, Removal, WouldChange};

    use super::*;
    use crate::render::plan::{lines, summary};
    use crate::status::tests::view;

    fn on(member: &str, version: u64) -> Receipt {
        let base = receipt(version, ReceiptStatus::InSync, None);
        let applied = Applied { version: base.version, digest: base.digest, at: now() };
        Receipt { member_experience: ExperienceId::new(member).unwrap(), applied: Some(applied), ..base }
    }

    #[test]
    fn each_experience_has_the_outlook_that_its_receipt_tells() {
        let filter = FilterIdentity {
            name: "no-genai".into(),
            version: "1.0.0".into(),
            digest: pmp_protocol::Digest::of(b"filter"),
        };
        let lately = Removal { at: now(), removed: 2, approved: 4 };
        let receipts = vec![
            on("exp-change", 42),
            Receipt { filter: Some(filter), ..on("exp-filtered", 42) },
            Receipt { removals: vec![lately], ..on("exp-held", 42) },
            Receipt { applied: None, ..receipt(42, ReceiptStatus::Held, Some("no")) },
            Receipt { would_change: Some(WouldChange::default()), ..on("exp-observed", 42) },
            receipt(42, ReceiptStatus::Skipped, Some("disabled")),
        ];
        let id = receipts[0].organization.clone();
        let organization = pmp_ledger::Organization { receipts, ..pmp_ledger::Organization::unknown(id) };
        let view = view([organization], Some(&head(42)));
        let kept = BTreeMap::from([(SnapshotVersion::new(42).unwrap(), content(&["a", "b", "c"], &["x"]))]);
        assert_eq!(needed(&view, now()), kept.keys().copied().collect());
        let plan = plan(&view, &content(&["a", "b", "d"], &["x", "y"]), &kept, GuardRails::default(), now());
        let outlooks: Vec<_> = plan
            .rows
            .iter()
            .map(|row| (row.member_experience.as_ref().unwrap().as_str(), row.outlook.as_str()))
            .collect();
        assert_eq!(
            outlooks,
            [
                ("exp-held", "held"),
                ("exp-change", "change"),
                ("exp-observed", "observed"),
                ("exp-filtered", "not-known"),
                ("exp-member", "not-known")
            ]
        );
        assert_eq!(plan.rows[1].outlook, Outlook::Change { allow: 1, deny: 2 });
        assert!(plan.rows[3].outlook.reason().starts_with("it has a filter of its own: `no-genai`"));
        let names = Names::none(ExperienceId::new("exp-management").unwrap());
        assert_eq!(lines(&plan, false, &names), ["From snapshot 42:", "  - deny   c", "  - deny   y", "  + allow  d"]);
        assert_eq!(
            summary(&plan),
            "Of 5 member experiences, 1 would change, 1 would be held by a guard rail, 2 are not known."
        );
        // Publishing the same content again changes nothing.
        let same = super::plan(&view, &kept.values().next().unwrap().clone(), &kept, GuardRails::default(), now());
        assert!(!same.changes() && same.products.iter().all(|it| it.allow.is_empty() && it.deny.is_empty()));
    }
}
