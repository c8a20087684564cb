//! A plan as rows for a spreadsheet: a product each, with what happens to it and why.

use pmp_protocol::{Answers, ProductId};
use serde::Serialize;

use crate::commands::render;
use crate::pass::preview::{Planned, Preview, Previews};

/// The columns, where there is no row.
pub(crate) const COLUMNS: &[&str] =
    &["experience", "experience_name", "outcome", "product", "product_name", "change", "why"];

/// What becomes of a product; or, without a product, of an experience as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PlanRow {
    experience: String,
    experience_name: Option<String>,
    outcome: &'static str,
    product: Option<ProductId>,
    product_name: Option<String>,
    change: Option<&'static str>,
    why: Option<String>,
}

/// The rows of all experiences. One without a product to name has a row of its own.
pub(crate) fn rows(previews: &Previews, names: &Answers) -> Vec<PlanRow> {
    previews.experiences.iter().flat_map(|preview| of_one(preview, names)).collect()
}

fn of_one(preview: &Preview, names: &Answers) -> Vec<PlanRow> {
    let (outcome, entries, reason) = match &preview.outcome {
        Planned::Plan { report, .. } => ("plan", &report.entries[..], None),
        Planned::Held { reason, report } => ("held", &report.entries[..], Some(reason)),
        Planned::Skipped { reason } => ("skipped", &[][..], Some(reason)),
        Planned::Failed { reason } => ("failed", &[][..], Some(reason)),
    };
    let whole = PlanRow {
        experience: preview.experience.to_string(),
        experience_name: preview.name.clone(),
        outcome,
        product: None,
        product_name: None,
        change: None,
        why: reason.cloned(),
    };
    let product = |product: &ProductId, change: &'static str, why: String| PlanRow {
        product: Some(product.clone()),
        product_name: names.named(product).name,
        change: Some(change),
        why: Some(why),
        ..whole.clone()
    };
    let told = entries.iter().map(|entry| product(&entry.product, render::change(entry.step), render::why(&entry.why)));
    let left = preview.left_alone.iter().map(|left| product(left, "leave", render::LEFT_ALONE.to_owned()));
    let mut rows: Vec<_> = told.chain(left).collect();
    if rows.is_empty() || reason.is_some() {
        rows.insert(0, whole);
    }
    rows
}
