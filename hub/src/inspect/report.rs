//! What was decided about every product in one organization, as rows of a report. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use pmp_protocol::{ExperienceId, NamedProduct, OrganizationId, ProductId, SnapshotVersion};
use serde::Serialize;

use crate::inspect::kept::KeptWhole;
use crate::inspect::why::{Answer, Known, Moment, Stance, answers};
use crate::status::fleet::View;
use crate::status::named::Names;

/// One product in one member experience. Every row has all fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ReportRow {
    /// The product; none where the row is about the organization as a whole.
    pub(crate) product: Option<ProductId>,
    /// Its name, as AWS Marketplace shows it; none where that is not known.
    pub(crate) name: Option<String>,
    /// Organization that the row is about.
    pub(crate) organization: OrganizationId,
    /// The member experience; none where the row is about the organization as a whole.
    pub(crate) member_experience: Option<ExperienceId>,
    /// How the product stands there, as `why` says it.
    pub(crate) verdict: Stance,
    /// Whether it is approved there, as far as is known.
    pub(crate) approved: Option<bool>,
    /// Why, in words: for what a filter took away, the filter and its reason.
    pub(crate) why: String,
    /// Name of the filter that was asked; none where there is none.
    pub(crate) filter: Option<String>,
    /// The version of that filter.
    pub(crate) filter_version: Option<String>,
    /// The digest of that filter.
    pub(crate) filter_digest: Option<String>,
    /// The snapshot that the row rests on.
    pub(crate) version: Option<SnapshotVersion>,
    /// When that was decided, as the member says.
    #[cfg_attr(test, schemars(with = "Option<pmp_protocol::schema::DateTime>"))]
    pub(crate) decided_at: Option<Timestamp>,
    /// When the receipt that there is now was written, as the member says.
    #[cfg_attr(test, schemars(with = "Option<pmp_protocol::schema::DateTime>"))]
    pub(crate) receipt_at: Option<Timestamp>,
}

impl ReportRow {
    /// What every row has, as the columns of a spreadsheet.
    pub(crate) const COLUMNS: &[&str] = &[
        "product",
        "name",
        "organization",
        "member_experience",
        "verdict",
        "approved",
        "why",
        "filter",
        "filter_version",
        "filter_digest",
        "version",
        "decided_at",
        "receipt_at",
    ];
}

/// What the rows of one organization are made from.
pub(crate) struct Asked<'a> {
    pub(crate) view: &'a View,
    pub(crate) kept: &'a KeptWhole,
    /// The versions that `kept` has for this organization.
    pub(crate) versions: &'a BTreeSet<SnapshotVersion>,
    pub(crate) names: &'a Names,
    /// The snapshot in force at that moment. The rows are about its products, and about those of
    /// earlier ones that are in force in the organization still.
    pub(crate) version: SnapshotVersion,
    pub(crate) moment: Moment,
    pub(crate) now: Timestamp,
}

impl Asked<'_> {
    /// The rows of one organization, product by product. What is said of the organization as a
    /// whole comes first, once.
    pub(crate) fn rows(&self, known: &Known) -> impl Iterator<Item = ReportRow> {
        let receipts = known.report.iter().flat_map(|report| &report.organization.receipts);
        let written: BTreeMap<_, _> = receipts
            .map(|receipt| (receipt.member_experience.clone(), receipt.applied_at.unwrap_or(receipt.received_at)))
            .collect();
        let versions = self.versions.iter().copied().filter(|version| *version <= self.version);
        let products = self.kept.products(versions).into_iter().enumerate();
        products.flat_map(move |(index, product)| {
            let kept = self.kept.of(self.versions, &product);
            let found = answers(known, self.view, &kept, &product, self.moment, self.now);
            let named = self.names.of(&product);
            let rows = found.into_iter().filter(|answer| index == 0 || answer.member_experience.is_some());
            let one = |answer: Answer| {
                let written = answer.member_experience.as_ref().and_then(|member| written.get(member)).copied();
                row(answer, &named, written)
            };
            rows.map(one).collect::<Vec<_>>()
        })
    }
}

fn row(answer: Answer, named: &NamedProduct, receipt_at: Option<Timestamp>) -> ReportRow {
    let Answer { organization, member_experience, stance, approved, why, version, decided_at, filter } = answer;
    let of_one = member_experience.is_some();
    ReportRow {
        product: of_one.then(|| named.id.clone()),
        name: named.name.clone().filter(|_| of_one),
        organization,
        member_experience,
        verdict: stance,
        approved,
        why,
        filter_version: filter.as_ref().map(|filter| filter.version.clone()),
        filter_digest: filter.as_ref().map(|filter| filter.digest.to_string()),
        filter: filter.map(|filter| filter.name),
        version,
        decided_at,
        receipt_at,
    }
}
