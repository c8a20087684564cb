//! The metrics of a run of the hub.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pmp_ledger::{Organization, Report};
use pmp_metrics::{Component, Datum, Metric, MetricSet};
use pmp_protocol::{ExperienceId, OrganizationSeen, Paused, Receipt, ReceiptStatus, is_ahead};
use pmp_terminal::print_json;

use crate::error::HubError;
use crate::notify::Notified;
use crate::publish::{Hub, Outcome, Published, Trigger};
use crate::status::fleet::{Looked, View};
use crate::status::judge::in_force;

/// Writes metrics to standard output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Metrics {
    /// A spoke that is silent for longer counts as stale.
    pub(crate) stale_after: Duration,
    /// Which figures become metrics.
    pub(crate) set: MetricSet,
}

/// One run of the hub.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) trigger: Trigger,
    pub(crate) outcome: &'a Result<Published, HubError>,
    pub(crate) took: Duration,
    /// The number of AWS's answers that asked to slow down.
    pub(crate) throttles: usize,
    /// Lambda's id of the invocation. `None` outside of Lambda.
    pub(crate) request_id: Option<&'a str>,
}

/// Numbers about the spokes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Spokes {
    /// Spokes that are stale. Organizations that were admitted and never reported count, too.
    silent: usize,
    failed: usize,
    held: usize,
    disputed: usize,
    unreadable: usize,
    /// `None` if no spoke has reported yet.
    oldest_seen: Option<Duration>,
    /// `None` if there is no receipt yet.
    oldest_lag: Option<u64>,
    /// Whether the newest version was stopped in the waves. `None` without waves.
    stopped: Option<usize>,
}

impl Metrics {
    /// Writes the figures of a run, and of the spokes where they were looked at.
    pub(crate) fn write_run(&self, hub: &Hub, run: &Run<'_>, view: Option<&View>) {
        let now = hub.clock.now();
        let stale_after = SignedDuration::try_from(self.stale_after).unwrap_or(SignedDuration::MAX);
        let spokes = view.map(|view| Spokes::of(view, now, stale_after));
        self.write(&datum(&hub.experience, run, spokes.as_ref()), now);
    }

    /// Writes what became of the notifications of a run.
    pub(crate) fn write_notified(&self, hub: &Hub, notified: &Notified) {
        let datum = Datum::new(Component::Hub, &hub.experience)
            .count(Metric::NotificationsSent, notified.sent)
            .count(Metric::NotificationsFailed, notified.failed);
        self.write(&datum, hub.clock.now());
    }

    fn write(&self, datum: &Datum, now: Timestamp) {
        for line in datum.lines(now, self.set) {
            if let Err(error) = print_json(&line) {
                tracing::warn!(%error, "metrics could not be written");
            }
        }
    }
}

impl Spokes {
    fn of(view: &View, now: Timestamp, stale_after: SignedDuration) -> Self {
        let admitted = || view.reports().filter(|report| view.is_admitted(&report.organization.id));
        let seen = || admitted().flat_map(|report| report.organization.signs());
        // A sign of life of a time to come is none.
        let silent_for = || seen().filter(|seen| !is_ahead(seen.last_seen, now)).map(|seen| silence(seen, now));
        let never = admitted().filter(|report| view.roster.is_some() && report.is_empty()).count();
        let receipts = || view.reports().flat_map(|report| &report.organization.receipts);
        let is_believed = |receipt: &&Receipt| view.dispute(receipt, now).is_none();
        let count = |status| receipts().filter(is_believed).filter(|receipt| receipt.status == status).count();
        let kept = || receipts().filter(is_believed).filter(|receipt| receipt.status != ReceiptStatus::Skipped);
        let behind = |receipt: &Receipt| view.lag(&receipt.organization, in_force(receipt));
        // What is paused waits for its time, and not for a person, unless that time never comes.
        let waits = |receipt: &&Receipt| receipt.paused.as_ref().is_some_and(Paused::ends);
        let paused = receipts().filter(is_believed).filter(waits).count();
        Self {
            silent: silent_for().filter(|silent| *silent > stale_after).count() + never,
            // An organization whose pass failed as a whole counts as one.
            failed: count(ReceiptStatus::Failed) + seen().filter(|seen| seen.error.is_some()).count(),
            held: count(ReceiptStatus::Held).saturating_sub(paused),
            disputed: view.reports().map(|report| disputed(view, report, now)).sum(),
            unreadable: view.looked.iter().map(unreadable).sum(),
            oldest_seen: silent_for().max().and_then(|silent| Duration::try_from(silent).ok()),
            oldest_lag: kept().filter_map(behind).max(),
            stopped: view.waves.kept().map(|kept| usize::from(kept.state.rollout.stopped.is_some())),
        }
    }
}

fn silence(seen: &OrganizationSeen, now: Timestamp) -> SignedDuration {
    now.duration_since(seen.last_seen).max(SignedDuration::ZERO)
}

/// The number of an organization's receipts that are not believed (rule 10). A sign of life that is
/// not believed counts as one.
fn disputed(view: &View, report: &Report, now: Timestamp) -> usize {
    let Organization { id, receipts, .. } = &report.organization;
    let is_odd = |seen: &&OrganizationSeen| {
        is_ahead(seen.last_seen, now) || !seen.disputed.is_empty() || (receipts.is_empty() && !view.is_admitted(id))
    };
    let receipts = receipts.iter().filter(|receipt| view.dispute(receipt, now).is_some()).count();
    receipts + report.organization.signs().iter().filter(|seen| is_odd(seen)).count()
}

/// The number of an organization's items that cannot be read. Items that were left out count as one
/// together, and so does an organization that could not be read at all.
fn unreadable(looked: &Looked) -> usize {
    looked.report.as_ref().map_or(1, |report| report.organization.unreadable.len() + usize::from(report.more))
}

/// The metrics of a run as one document. Pure.
fn datum(experience: &ExperienceId, run: &Run<'_>, spokes: Option<&Spokes>) -> Datum {
    let mut datum = Datum::new(Component::Hub, experience);
    if let Some(request_id) = run.request_id {
        datum = datum.property("requestId", request_id);
    }
    datum = datum.flag(Metric::Errors, run.outcome.is_err()).count(Metric::Throttles, run.throttles);
    let published = run.outcome.as_ref().map_or_else(HubError::published, Some);
    if let Some(published) = published {
        let changed = matches!(published.outcome, Outcome::Stored | Outcome::Recovered);
        datum = datum
            .flag(Metric::Published, published.sent.is_some())
            .flag(Metric::Changed, changed)
            .count(Metric::ApprovedProducts, published.counts.approved)
            .count(Metric::RejectedProducts, published.counts.rejected);
        if published.sent.is_some() {
            datum = datum.durations(Metric::PublishMillis, [run.took]);
        }
    }
    match spokes {
        Some(spokes) => datum
            .count(Metric::SilentSpokes, spokes.silent)
            .count(Metric::FailedExperiences, spokes.failed)
            .count(Metric::HeldExperiences, spokes.held)
            .count(Metric::DisputedExperiences, spokes.disputed)
            .count(Metric::UnreadableItems, spokes.unreadable)
            .durations(Metric::OldestLastSeenSeconds, spokes.oldest_seen)
            .count_if_known(
                Metric::OldestVersionLag,
                spokes.oldest_lag.map(|lag| usize::try_from(lag).unwrap_or(usize::MAX)),
            )
            .count_if_known(Metric::StoppedVersions, spokes.stopped),
        None => datum,
    }
}

#[cfg(test)]
mod tests {
    use pmp_ledger::Head;
    use pmp_protocol::testing::{receipt, seen};
    use pmp_protocol::{Counts, Digest, OrganizationId, OrganizationSeen, SnapshotVersion};
    use serde_json::{Value, json};

    use super::*;
    use crate::publish::Sent;
    use crate::status::tests::view;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn at(time: &str) -> Timestamp {
        format!("2026-11-24T{time}Z").parse().unwrap()
    }

    fn organization(id: &str, last_seen: &str, error: Option<&str>, receipts: &[(u64, ReceiptStatus)]) -> Organization {
        let id = OrganizationId::new(id).unwrap();
        let seen = OrganizationSeen {
            organization: id.clone(),
            last_seen: at(last_seen),
            experiences: receipts.len(),
            error: error.map(str::to_owned),
            ..seen()
        };
        let receipts = receipts.iter().map(|(version, status)| receipt(*version, *status, None));
        Organization { seen: Some(seen), receipts: receipts.collect(), ..Organization::unknown(id) }
    }

    fn head(latest: u64) -> Head {
        Head { taken_at: at("11:00:00"), ..pmp_ledger::testing::head(latest) }
    }

    fn published(outcome: Outcome) -> Result<Published, HubError> {
        Ok(Published {
            experience: ExperienceId::new("exp-management").unwrap(),
            version: SnapshotVersion::new(42).unwrap(),
            digest: Digest::of(b"now"),
            counts: Counts { approved: 812, rejected: 40 },
            outcome,
            pinned: None,
            taken_back: None,
            sent: (outcome != Outcome::Unchanged).then(|| Sent {
                inline: true,
                message_bytes: 1_000,
                message_id: "m-1".into(),
            }),
            stepped: false,
        })
    }

    fn told(outcome: &Result<Published, HubError>, spokes: Option<&Spokes>) -> Value {
        let (trigger, took) = (Trigger::Schedule, Duration::from_millis(250));
        let run = Run { trigger, outcome, took, throttles: 2, request_id: Some("r-1") };
        let lines =
            datum(&ExperienceId::new("exp-management").unwrap(), &run, spokes).lines(at("12:00:00"), MetricSet::All);
        let mut told: Value = serde_json::from_str(&lines[0]).unwrap();
        told.as_object_mut().unwrap().remove("_aws");
        told
    }

    #[test]
    fn spokes_are_judged_by_their_sign_of_life_and_their_receipts() {
        let organizations = [
            organization("o-alpha00000", "11:59:00", None, &[(42, ReceiptStatus::InSync), (41, ReceiptStatus::Held)]),
            organization("o-beta000000", "09:30:00", None, &[(39, ReceiptStatus::Failed), (7, ReceiptStatus::Skipped)]),
            organization("o-gamma00000", "11:58:00", Some("the filter trapped"), &[]),
        ];
        let spokes = Spokes::of(&view(organizations, Some(&head(42))), at("12:00:00"), HOUR);
        let oldest_seen = Some(Duration::from_secs(9_000));
        let expected = Spokes {
            silent: 1,
            failed: 2,
            held: 1,
            disputed: 0,
            unreadable: 0,
            oldest_seen,
            oldest_lag: Some(3),
            stopped: None,
        };
        assert_eq!(spokes, expected);
    }

    #[test]
    fn a_run_tells_what_it_did_and_how_the_spokes_stand() {
        let spokes = Spokes {
            silent: 1,
            failed: 2,
            held: 3,
            disputed: 5,
            unreadable: 6,
            oldest_seen: Some(Duration::from_secs(70)),
            oldest_lag: Some(4),
            stopped: Some(1),
        };
        let expected = json!({
            "Experience": "exp-management", "Component": "hub", "requestId": "r-1", "Errors": 0, "Throttles": 2, "Published": 1, "Changed": 1,
            "ApprovedProducts": 812, "RejectedProducts": 40, "PublishMillis": 250, "SilentSpokes": 1,
            "FailedExperiences": 2, "HeldExperiences": 3, "DisputedExperiences": 5, "UnreadableItems": 6,
            "OldestLastSeenSeconds": 70, "OldestVersionLag": 4, "StoppedVersions": 1});
        assert_eq!(told(&published(Outcome::Stored), Some(&spokes)), expected);
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let unchanged = told(&published(Outcome::Unchanged), None);
        assert_eq!((&unchanged["Published"], &unchanged["Changed"]), (&json!(0), &json!(0)));
        for absent in ["PublishMillis", "SilentSpokes", "OldestLastSeenSeconds"] {
            assert_eq!(unchanged.get(absent), None, "{absent}");
        }
        let failed = told(&Err(HubError::TopicPolicy("no".into())), None);
        let expected = json!({"Experience": "exp-management", "Component": "hub", "requestId": "r-1", "Errors": 1, "Throttles": 2});
        assert_eq!(failed, expected);
        let nobody = Spokes::of(&view([], Some(&head(42))), at("12:00:00"), HOUR);
        let nobody = told(&published(Outcome::Announced), Some(&nobody));
        assert_eq!((&nobody["SilentSpokes"], nobody.get("OldestVersionLag")), (&json!(0), None));
    }
}
