//! The metrics of one run: figures of what came of it, written through a port.

use std::time::Duration;

use jiff::Timestamp;
use pmp_metrics::{Component, Datum, Metric};
use pmp_protocol::{ExperienceId, Paused, Receipt, ReceiptStatus, total};

use crate::metrics_sink::MetricsSink;
use crate::pass::tally::Tally;
use crate::pass::{PassOutcome, Spoke};

/// What came of one run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ended<'r> {
    /// The outcome of its pass. `None` where no pass was made.
    pub(crate) pass: Option<&'r PassOutcome>,
    /// When the snapshot of the pass was announced. `None` where that is not known.
    pub(crate) announced: Option<Timestamp>,
    /// Whether the pass could not begin, or failed as a whole.
    pub(crate) failed: bool,
}

/// Collects the figures of one run.
#[derive(Debug)]
pub(crate) struct Metrics<'a> {
    sink: &'a dyn MetricsSink,
    /// The throttles that this process had seen when the run began.
    throttled: usize,
}

impl<'a> Metrics<'a> {
    /// A run begins, whose figures go to `sink`.
    pub(crate) fn begin(sink: &'a dyn MetricsSink) -> Self {
        Self { sink, throttled: pmp_aws::throttles() }
    }

    /// The run has ended. As a Lambda function, it had the invocation's `request_id`.
    pub(crate) fn emit(self, spoke: &Spoke, ended: &Ended<'_>, request_id: Option<&str>) {
        let now = spoke.clock.now();
        let throttles = pmp_aws::throttles() - self.throttled;
        let mut datum = datum(&spoke.management, ended, throttles, now);
        datum = datum.count_if_known(Metric::StatementSecondsLeft, spoke.trust.seconds_left(now));
        datum = datum.property("organization", &spoke.identity.organization);
        if let Some(request_id) = request_id {
            datum = datum.property("requestId", request_id);
        }
        for line in datum.lines(now, self.sink.wants()) {
            if let Err(error) = self.sink.write(&line) {
                tracing::warn!(%error, "metrics could not be written");
            }
        }
    }
}

/// The figures of a run that ended at `now`. `throttles` counts the answers of AWS that asked to
/// slow down. Pure.
fn datum(management: &ExperienceId, ended: &Ended<'_>, throttles: usize, now: Timestamp) -> Datum {
    let datum =
        Datum::new(Component::Spoke, management).flag(Metric::Errors, ended.failed).count(Metric::Throttles, throttles);
    let Some(PassOutcome { receipts, tally }) = ended.pass else { return datum };
    let since = ended.announced.and_then(|at| Duration::try_from(now.duration_since(at)).ok());
    let complete = ended.pass.is_some_and(PassOutcome::is_complete);
    of_pass(datum, receipts, tally).durations(Metric::PublishToReceiptMillis, since.filter(|_| complete))
}

fn of_pass(datum: Datum, receipts: &[Receipt], tally: &Tally) -> Datum {
    let count = |status| receipts.iter().filter(|receipt| receipt.status == status).count();
    let sum = |figure: fn(&Receipt) -> usize| total(receipts.iter().map(figure));
    let kept = receipts.len() - count(ReceiptStatus::Skipped);
    // What is paused waits for its time, and not for a person, unless that time never comes.
    let waits = |receipt: &&Receipt| receipt.paused.as_ref().is_some_and(Paused::ends);
    let paused = receipts.iter().filter(waits).count();
    let datum = datum
        .flag(Metric::Synced, count(ReceiptStatus::InSync) == kept)
        .count(Metric::Partial, count(ReceiptStatus::Partial))
        .count(Metric::Held, count(ReceiptStatus::Held).saturating_sub(paused))
        .count(Metric::Failed, count(ReceiptStatus::Failed))
        .count(Metric::ChangeSets, tally.change_sets)
        .durations(Metric::ChangeSetMillis, tally.change_set_times.iter().copied())
        .count(Metric::AllowedProducts, tally.allowed)
        .count(Metric::DeniedProducts, tally.denied)
        .count(Metric::QuarantinedProducts, sum(|receipt| receipt.deferred.len()))
        .count(Metric::DriftedProducts, tally.drifted)
        .count_if_known(Metric::WouldChangeProducts, would_change(receipts));
    if tally.filter_runs == 0 {
        return datum;
    }
    datum
        .count(Metric::ExcludedProducts, sum(|receipt| receipt.filtered))
        .durations(Metric::FilterMillis, [tally.filter_time])
        .count(Metric::FilterFailures, tally.filter_failures)
}

/// How many products a spoke that only observes would change. `None` for a spoke that applies.
fn would_change(receipts: &[Receipt]) -> Option<usize> {
    let observed: Vec<_> = receipts.iter().filter_map(|receipt| receipt.would_change).collect();
    (!observed.is_empty()).then(|| total(observed.iter().map(|it| it.allow.saturating_add(it.deny))))
}

#[cfg(test)]
mod tests {
    use pmp_protocol::WouldChange;
    use pmp_protocol::testing;
    use serde_json::{Value, json};

    use pmp_metrics::MetricSet;

    use super::*;

    fn receipt(status: ReceiptStatus, filtered: usize) -> Receipt {
        Receipt { filtered, pending: 1, ..testing::receipt(7, status, None) }
    }

    fn told(ended: &Ended<'_>) -> Value {
        let now = Timestamp::from_millisecond(10_000).unwrap();
        let lines = datum(&ExperienceId::new("exp-management").unwrap(), ended, 2, now).lines(now, MetricSet::All);
        let mut told: Value = serde_json::from_str(&lines[0]).unwrap();
        told.as_object_mut().unwrap().remove("_aws");
        told
    }

    /// The figures of a pass whose snapshot was announced six seconds before its end.
    fn told_of(statuses: &[ReceiptStatus], tally: Tally) -> Value {
        let receipts = statuses.iter().map(|status| receipt(*status, 3)).collect();
        let announced = Timestamp::from_millisecond(4_000).ok();
        told(&Ended { pass: Some(&PassOutcome { receipts, tally }), announced, failed: false })
    }

    #[test]
    fn a_pass_tells_what_it_did_and_how_its_experiences_stand() {
        let tally = Tally {
            change_sets: 3,
            change_set_times: [900, 1_100].map(Duration::from_millis).into(),
            allowed: 120,
            denied: 4,
            drifted: 1,
            filter_runs: 2,
            filter_time: Duration::from_millis(15),
            filter_failures: 1,
            ..Tally::default()
        };
        let expected = json!({
            "Experience": "exp-management", "Component": "spoke", "Errors": 0, "Throttles": 2, "Synced": 0, "Partial": 0, "Held": 1, "Failed": 1,
            "ChangeSets": 3, "ChangeSetMillis": [900, 1100], "AllowedProducts": 120, "DeniedProducts": 4,
            "QuarantinedProducts": 0, "DriftedProducts": 1, "ExcludedProducts": 12, "FilterMillis": 15,
            "FilterFailures": 1, "PublishToReceiptMillis": 6_000});
        let statuses = [ReceiptStatus::InSync, ReceiptStatus::Held, ReceiptStatus::Failed, ReceiptStatus::Skipped];
        assert_eq!(told_of(&statuses, tally), expected);
    }

    #[test]
    fn a_pass_that_observes_tells_what_would_change() {
        let observed = |allow, deny| Receipt {
            would_change: Some(WouldChange { allow, deny, settings: false }),
            ..receipt(ReceiptStatus::Skipped, 0)
        };
        let receipts = vec![observed(2, 1), observed(0, 4), receipt(ReceiptStatus::Skipped, 0)];
        let pass = PassOutcome { receipts, tally: Tally::default() };
        assert_eq!(told(&Ended { pass: Some(&pass), ..Ended::default() })["WouldChangeProducts"], 7);
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let in_step = told_of(&[ReceiptStatus::InSync, ReceiptStatus::Skipped], Tally::default());
        assert_eq!(in_step["Synced"], 1);
        for absent in ["FilterMillis", "ExcludedProducts", "ChangeSetMillis", "WouldChangeProducts"] {
            assert_eq!(in_step.get(absent), None, "{absent}");
        }
        let stopped = told_of(&[ReceiptStatus::Partial], Tally::default());
        assert_eq!((&stopped["Partial"], &stopped["Synced"]), (&json!(1), &json!(0)));
        assert_eq!(stopped.get("PublishToReceiptMillis"), None, "it has not come to its end");
        let failed = told(&Ended { failed: true, ..Ended::default() });
        assert_eq!(failed, json!({"Experience": "exp-management", "Component": "spoke", "Errors": 1, "Throttles": 2}));
    }
}
