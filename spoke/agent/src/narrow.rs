//! Runs the organization's filter on the snapshot, for one experience.

use std::sync::Arc;

use jiff::Timestamp;
use pmp_catalog::Experience;
use pmp_filter_host::{ConfiguredFilter, Context, Product, Status};
use pmp_protocol::{OrganizationId, ProductId, Snapshot, Verdicts};

use crate::error::one_line;

/// The filter's verdicts; none narrow where there is no filter. A failure is a sentence for the receipt, and changes
/// nothing (rule 4).
pub(crate) async fn narrow(
    filter: Option<Arc<ConfiguredFilter>>,
    organization: OrganizationId,
    snapshot: Arc<Snapshot>,
    experience: Experience,
    now: Timestamp,
) -> Result<Verdicts, String> {
    let Some(filter) = filter else { return Ok(Verdicts::new()) };
    // A filter computes: it belongs on a thread that may block.
    let run = move || evaluate(&filter, &organization, &snapshot, &experience, now);
    tokio::task::spawn_blocking(run).await.unwrap_or_else(|e| Err(format!("the filter's run was ended: {e}")))
}

fn evaluate(
    filter: &ConfiguredFilter,
    organization: &OrganizationId,
    snapshot: &Snapshot,
    experience: &Experience,
    now: Timestamp,
) -> Result<Verdicts, String> {
    let content = snapshot.content();
    let approved = content.approved().iter().map(|id| (id, Status::Approved));
    let rejected = content.rejected().iter().map(|id| (id, Status::Rejected));
    let labelled = |(id, status): (_, Status)| (id, status, content.note(id).map(|note| note.labels().collect()));
    let rows: Vec<(&ProductId, Status, Option<Vec<String>>)> = approved.chain(rejected).map(labelled).collect();
    let products: Vec<_> = rows
        .iter()
        .map(|(id, status, labels)| Product {
            labels: labels.as_deref().unwrap_or_default(),
            ..Product::new(id, *status)
        })
        .collect();
    let context = Context {
        snapshot_version: snapshot.version(),
        organization,
        management_experience: snapshot.experience(),
        experience: &experience.id,
        experience_name: &experience.name,
        labels: &[],
        evaluated_at: now,
    };
    let name = &filter.filter().description().name;
    match filter.evaluate(&context, &products) {
        Ok(evaluation) => {
            for line in &evaluation.usage.logs {
                tracing::info!(filter = name, experience = %experience.id, level = ?line.level, "{}", line.message);
            }
            Ok(evaluation.verdicts)
        }
        Err(error) => Err(format!("filter `{name}`: {}", one_line(&error))),
    }
}
