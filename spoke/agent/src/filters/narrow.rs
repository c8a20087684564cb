//! Runs the filter of one experience on the snapshot.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use pmp_catalog::Experience;
use pmp_filter_host::{ConfiguredFilter, Context, EvaluateError, LogLevel, LogLine, Managed, Product, Status, Usage};
use pmp_protocol::{ExperienceId, OrganizationId, PlainText, ProductId, Snapshot, Verdicts, one_line};

use crate::filters::lookup::Known;
use crate::filters::rules::Place;
use crate::filters::{Assigned, Chosen};

/// The most warnings of a filter that are shown for one experience, and the longest of them in
/// bytes.
const MAX_WARNINGS: usize = 10;
const MAX_WARNING: usize = 256;
/// After this many runs that used up their limits, the filter is not run any more in this pass. The
/// input of another run differs only by the experience, and each run may take its whole limit.
const MAX_EXHAUSTED: usize = 2;

/// The result of the filter for one experience.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Narrowed {
    /// The decisions that narrow. They are empty without a filter.
    By {
        /// Verdict and reason, by product.
        verdicts: Verdicts,
        /// Anomalies that the filter reported.
        warnings: Vec<String>,
    },
    /// The experience is not managed. The text is the reason, for the receipt.
    NotManaged(String),
}

/// The experiences for which a filter used up its limits in one pass. Each place of the
/// configuration counts by itself, because another place has another filter, or other settings.
#[derive(Debug, Default)]
pub(crate) struct Exhausted(Mutex<BTreeMap<Place, Vec<ExperienceId>>>);

impl Exhausted {
    /// The reason why the filter of `place` is not run any more. `None` while it may run.
    fn refusal(&self, place: Place) -> Option<String> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = found.get(&place).filter(|found| found.len() >= MAX_EXHAUSTED)?;
        let named = found.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(" and ");
        Some(format!("not run: it used up its limits for {named} in this pass"))
    }

    fn note(&self, place: Place, experience: &ExperienceId) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        found.entry(place).or_default().push(experience.clone());
    }
}

/// Runs the filter. A failure is a sentence for the receipt, and changes nothing (rule 4).
pub(crate) async fn narrow(
    chosen: Chosen,
    organization: OrganizationId,
    snapshot: Arc<Snapshot>,
    experience: Experience,
    known: Arc<Known>,
    now: Timestamp,
    exhausted: &Exhausted,
) -> Result<Narrowed, String> {
    let place = chosen.place;
    let filter = match chosen.filter {
        Assigned::Nothing => return Ok(Narrowed::By { verdicts: Verdicts::new(), warnings: Vec::new() }),
        Assigned::Unusable(problem) => return Err(problem),
        Assigned::Filter(filter) => filter,
    };
    let (name, digest) = (filter.filter().description().name.clone(), filter.filter().digest().short());
    if let Some(refusal) = exhausted.refusal(place) {
        return Err(format!("filter `{name}`: {refusal}"));
    }
    let id = experience.id.clone();
    // A filter computes, so it runs on a thread that may block.
    let run = move || evaluate(&filter, &organization, &snapshot, &experience, &known, now);
    match tokio::task::spawn_blocking(run).await {
        Ok(outcome) => outcome.map_err(|error| {
            if error.failure.used_up_limits() {
                exhausted.note(place, &id);
            }
            // The hub's operators read this text as well, and cannot fix the filter.
            format!("filter `{name}`: {}; the author of the filter ({digest}) has to look at it", one_line(&error))
        }),
        Err(error) => Err(format!("the filter's run was ended: {error}")),
    }
}

fn evaluate(
    filter: &ConfiguredFilter,
    organization: &OrganizationId,
    snapshot: &Snapshot,
    experience: &Experience,
    known: &Known,
    now: Timestamp,
) -> Result<Narrowed, EvaluateError> {
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
            if is_warning(line) {
                tracing::warn!(filter = name, experience = %experience.id, level = ?line.level, "{}", line.message);
            } else {
                tracing::info!(filter = name, experience = %experience.id, level = ?line.level, "{}", line.message);
            }
        }
    };
    let (managed, usage) = filter.manages(&context)?;
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
                manufacturer_id: known.manufacturer_id.as_deref(),
                categories: &known.categories,
                category_ids: &known.category_ids,
                fulfillment_types: &known.fulfillment_types,
                ..product
            }
        })
        .collect();
    let mut evaluation = filter.evaluate(&context, &products)?;
    tell(&evaluation.usage);
    evaluation.verdicts.retain(|id, _| !known.not_looked_up().contains_key(id));
    Ok(Narrowed::By { verdicts: evaluation.verdicts, warnings: warnings(&evaluation.usage.logs) })
}

fn is_warning(line: &LogLine) -> bool {
    line.level >= LogLevel::Warn
}

/// The filter's warnings, bounded. If there are more, the last one says how many.
fn warnings(logs: &[LogLine]) -> Vec<String> {
    let told: Vec<_> = logs.iter().filter(|line| is_warning(line)).collect();
    let shown = if told.len() > MAX_WARNINGS { MAX_WARNINGS - 1 } else { told.len() };
    let bounded = |line: &&LogLine| PlainText::bounded(&line.message, MAX_WARNING).into();
    let mut warnings: Vec<String> = told[..shown].iter().map(bounded).collect();
    if shown < told.len() {
        warnings.push(format!("and {} more, in the spoke's log", told.len() - shown));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warnings_that_are_told_are_bounded() {
        let line = |level, message: &str| LogLine { level, message: message.to_owned() };
        let few = [line(LogLevel::Info, "fine"), line(LogLevel::Warn, "odd"), line(LogLevel::Error, "wrong")];
        assert_eq!(warnings(&few), ["odd", "wrong"]);
        let many: Vec<_> = (0..30).map(|_| line(LogLevel::Warn, &"x".repeat(1000))).collect();
        let told = warnings(&many);
        assert_eq!((told.len(), told[0].len(), told[9].as_str()), (10, 256, "and 21 more, in the spoke's log"));
    }

    #[test]
    fn after_two_runs_that_used_up_their_limits_there_is_no_third() {
        let exhausted = Exhausted::default();
        let id = |id: &str| ExperienceId::new(id).unwrap();
        exhausted.note(Place::Rule(1), &id("exp-1"));
        assert_eq!(exhausted.refusal(Place::Rule(1)), None);
        exhausted.note(Place::Rule(1), &id("exp-2"));
        let said = "not run: it used up its limits for `exp-1` and `exp-2` in this pass";
        assert_eq!(exhausted.refusal(Place::Rule(1)).as_deref(), Some(said));
        // The filter of another rule is counted by itself.
        exhausted.note(Place::Default, &id("exp-3"));
        assert_eq!(exhausted.refusal(Place::Default), None);
    }
}
