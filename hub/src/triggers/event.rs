//! What an event asks of the hub: a schedule, a change in the catalog, or an operator. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::publish::Trigger;

/// A read that began this long after a change ended has seen it: more than clocks differ and
/// answers lag.
const SEEN_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// Where an event leads to a look that finds nothing new, the hub looks once more after this time:
/// AWS documents nowhere that the event comes after its effect can be read. That look has seen the
/// change, wherever it was.
pub(crate) const READ_AGAIN_AFTER: Duration = Duration::from_secs(12);

/// What the hub reads of an EventBridge event, by AWS's [event structure]. Types of our own,
/// because those of `aws_lambda_events` bring seventeen crates for these four fields.
///
/// [event structure]:
/// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
#[derive(Debug, Deserialize)]
pub(crate) struct EventBridgeEvent {
    source: String,
    #[serde(rename = "detail-type")]
    detail_type: String,
    /// When what it tells of happened.
    time: Option<Timestamp>,
    /// There in every event. An object or a text without it is somebody's test, not an event.
    #[serde(rename = "detail")]
    _detail: Value,
}

/// What an event asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// Publish, and announce even what is unchanged.
    Publish(Trigger),
    /// To look whether a change that ended then, where that is known, is one of the management
    /// experience.
    PublishIfNew(Option<Timestamp>),
    /// Nothing: a change set that changed nothing.
    Ignore,
}

/// What any JSON asks for. An EventBridge event of the schedule announces; a change set's makes the
/// hub look, as does any other event that a rule brings; everything else is an operator's test
/// event.
pub(crate) fn classify(event: &Value) -> Request {
    match serde_json::from_value::<EventBridgeEvent>(event.clone()) {
        Ok(event) => classify_bridge_event(&event),
        Err(_) => Request::Publish(Trigger::Operator),
    }
}

pub(crate) fn classify_bridge_event(event: &EventBridgeEvent) -> Request {
    match (event.source.as_str(), event.detail_type.as_str()) {
        // Rules with a schedule, and EventBridge Scheduler.
        ("aws.events" | "aws.scheduler", "Scheduled Event") => Request::Publish(Trigger::Schedule),
        ("aws.marketplacecatalog", "Change Set Failed" | "Change Set Cancelled") => Request::Ignore,
        _ => Request::PublishIfNew(event.time),
    }
}

/// Whether a read that began at `read` has seen a change that ended at `ended`: of a burst of
/// events, few need a read.
pub(crate) fn has_seen(read: Option<Timestamp>, ended: Option<Timestamp>) -> bool {
    read.zip(ended).is_some_and(|(read, ended)| read.duration_since(ended) > SEEN_AFTER)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(source: &str, kind: &str) -> Value {
        json!({"version": "0", "id": "1", "detail-type": kind, "source": source, "account": "111111111111",
               "time": "2026-11-24T12:00:00Z", "region": "us-east-1", "resources": [], "detail": {}})
    }

    #[test]
    fn the_schedule_announces_a_change_makes_it_look_and_anything_else_is_an_operator() {
        let noon = "2026-11-24T12:00:00Z".parse().ok();
        let publish = Request::Publish;
        let mut scheduler = event("aws.scheduler", "Scheduled Event");
        // EventBridge Scheduler sends the detail as text.
        scheduler["detail"] = json!("{}");
        for (event, expected) in [
            (event("aws.events", "Scheduled Event"), publish(Trigger::Schedule)),
            (scheduler, publish(Trigger::Schedule)),
            (event("aws.marketplacecatalog", "Change Set Succeeded"), Request::PublishIfNew(noon)),
            (event("aws.marketplacecatalog", "Change Set Failed"), Request::Ignore),
            (event("aws.marketplacecatalog", "Change Set Cancelled"), Request::Ignore),
            (event("aws.private-marketplace", "Product Request Approved"), Request::PublishIfNew(noon)),
            (json!({}), publish(Trigger::Operator)),
            (json!({"source": "aws.events", "detail-type": "Scheduled Event"}), publish(Trigger::Operator)),
            (json!({"key1": "value1"}), publish(Trigger::Operator)),
            (json!(null), publish(Trigger::Operator)),
            (json!(["anything"]), publish(Trigger::Operator)),
        ] {
            assert_eq!(classify(&event), expected, "{event}");
        }
    }

    #[test]
    fn a_second_look_has_seen_the_change_whenever_the_first_one_was() {
        let noon = "2026-11-24T12:00:00Z".parse::<Timestamp>().unwrap();
        assert!(has_seen(Some(noon + READ_AGAIN_AFTER), Some(noon)));
    }

    #[test]
    fn a_change_that_ended_well_before_a_read_has_been_seen() {
        let at = |second: i64| Timestamp::from_second(second).ok();
        assert!(has_seen(at(100), at(80)));
        assert!(!has_seen(at(100), at(95)), "an answer may lag behind");
        assert!(!has_seen(at(100), at(120)));
        assert!(!has_seen(None, at(80)));
        assert!(!has_seen(at(100), None));
    }
}
