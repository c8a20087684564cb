//! Runs the organization's filter on the snapshot, for one experience.

use std::sync::Arc;

use jiff::Timestamp;
use pmp_catalog::Experience;
use pmp_filter_host::{ConfiguredFilter, Context, EvaluateError, Managed, Product, Status, Usage};
use pmp_protocol::{OrganizationId, ProductId, Snapshot, Verdicts};

use crate::attributes::Known;
use crate::error::one_line;

/// What the filter says of one experience.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Narrowed {
    /// The decisions that narrow; none where there is no filter.
    By(Verdicts),
    /// The experience is not managed, and why, for the receipt.
    NotManaged(String),
}

/// What the filter says. A failure is a sentence for the receipt, and changes nothing (rule 4).
pub(crate) async fn narrow(
    filter: Option<Arc<ConfiguredFilter>>,
    organization: OrganizationId,
    snapshot: Arc<Snapshot>,
    experience: Experience,
    known: Arc<Known>,
    now: Timestamp,
) -> Result<Narrowed, String> {
    let Some(filter) = filter else { return Ok(Narrowed::By(Verdicts::new())) };
    // A filter computes: it belongs on a thread that may block.
    let run = move || evaluate(&filter, &organization, &snapshot, &experience, &known, now);
    tokio::task::spawn_blocking(run).await.unwrap_or_else(|e| Err(format!("the filter's run was ended: {e}")))
}

fn evaluate(
    filter: &ConfiguredFilter,
    organization: &OrganizationId,
    snapshot: &Snapshot,
    experience: &Experience,
    known: &Known,
    now: Timestamp,
) -> Result<Narrowed, String> {
    let context = Context {
        snapshot_version: snapshot.version(),
        organization,
        management_experience: snapshot.experience(),
        experience: &experience.id,
        experience_name: &experience.name,
        labels: &[],
        evaluated_at: now,
    };
    let name = filter.filter().description().name.as_str();
    let tell = |usage: &Usage| {
        for line in &usage.logs {
            tracing::info!(filter = name, experience = %experience.id, level = ?line.level, "{}", line.message);
        }
    };
    let failed = |error: EvaluateError| format!("filter `{name}`: {}", one_line(&error));
    let (managed, usage) = filter.manages(&context).map_err(failed)?;
    tell(&usage);
    if let Managed::No { reason } = managed {
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        return Ok(Narrowed::NotManaged(format!("not managed, says the filter `{name}`{reason}")));
    }
    let content = snapshot.content();
    let approved = content.approved().iter().map(|id| (id, Status::Approved));
    let rejected = content.rejected().iter().map(|id| (id, Status::Rejected));
    let labelled = |(id, status): (_, Status)| (id, status, content.note(id).map(|note| note.labels().collect()));
    let rows: Vec<(&ProductId, Status, Option<Vec<String>>)> = approved.chain(rejected).map(labelled).collect();
    let products: Vec<_> = rows
        .iter()
        .map(|(id, status, labels)| {
            let product = Product { labels: labels.as_deref().unwrap_or_default(), ..Product::new(id, *status) };
            let Some(known) = known.attributes(id) else { return product };
            Product {
                name: known.name.as_deref(),
                manufacturer: known.manufacturer.as_deref(),
                categories: &known.categories,
                fulfillment_types: &known.fulfillment_types,
                ..product
            }
        })
        .collect();
    let mut evaluation = filter.evaluate(&context, &products).map_err(failed)?;
    tell(&evaluation.usage);
    evaluation.verdicts.retain(|id, _| !known.undecided().contains_key(id));
    Ok(Narrowed::By(evaluation.verdicts))
}
