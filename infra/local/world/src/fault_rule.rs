//! Fault rules: what goes wrong, for which calls, how often and when. The world file and the
//! control endpoint share this form. This module only defines the rules; the embedded AWS applies
//! them.

use std::time::Duration;

use jiff::SignedDuration;
use pmp_protocol::{alike, not_one_of};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::{self, DurationText};

/// One fault, the calls or messages that it applies to, and how often it happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// The kind of fault, with its parameters.
    pub fault: Fault,
    /// Only calls to this service, by its signing name: `aws-marketplace`, `dynamodb`, `sns`,
    /// `sqs`, `sts`, `organizations`, `kms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Only calls of this operation, such as `StartChangeSet`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Only calls by this account. For faults of messages: only queues of this account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// For faults of messages: only the queue of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// How likely the fault is each time, from 0 to 1. Without `probability`, `next` and `every` it
    /// happens each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: Option<f64>,
    /// The fault happens this many times from now, and then no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
    /// The fault happens every Nth time: 3 means the third, the sixth, the ninth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub every: Option<u64>,
    /// How long after the rule was added the fault begins, by the emulator's clock.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "duration::optional")]
    #[schemars(with = "Option<DurationText>")]
    pub after: Option<Duration>,
    /// How long the fault lasts, from its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "duration::optional")]
    #[schemars(with = "Option<DurationText>")]
    pub lasting: Option<Duration>,
    /// The random seed of this rule. Without it, the world's seed plus the rule's number is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// What goes wrong with a call or a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// The call takes longer.
    Latency {
        /// The shortest time that is drawn.
        #[serde(with = "duration")]
        #[schemars(with = "DurationText")]
        min: Duration,
        /// The longest time that is drawn; the same as `min` if it is absent.
        #[serde(default, skip_serializing_if = "Option::is_none", with = "duration::optional")]
        #[schemars(with = "Option<DurationText>")]
        max: Option<Duration>,
    },
    /// The service's own error for too many requests. The call has no effect.
    Throttling {
        /// The error's text, in place of the service's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// The service's own internal error, HTTP 500. The call has no effect.
    ServerError {
        /// The error's text, in place of the service's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// `ServiceUnavailable`, HTTP 503. The call has no effect.
    Unavailable {
        /// The error's text, in place of the service's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// The service's own error for a caller without the permission.
    AccessDenied {
        /// The error's text, in place of the service's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// `ResourceInUseException`, of the catalog and of DynamoDB.
    ResourceInUse {
        /// The error's text, in place of the service's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// The error for a quota that is used up, of the catalog, DynamoDB and SQS.
    QuotaExceeded {
        /// The error's text, in place of the service's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// The service's own error for a request that is not valid.
    Validation {
        /// The error's text, in place of the service's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// An entity is described as it was some time ago, so a change set that succeeded since then
    /// does not show yet. Applies to `DescribeEntity` and `BatchDescribeEntities` of the catalog.
    StaleRead {
        /// The shortest time that is drawn.
        #[serde(with = "duration")]
        #[schemars(with = "DurationText")]
        min: Duration,
        /// The longest time that is drawn; the same as `min` if it is absent.
        #[serde(default, skip_serializing_if = "Option::is_none", with = "duration::optional")]
        #[schemars(with = "Option<DurationText>")]
        max: Option<Duration>,
    },
    /// The connection is dropped before the call is handled: it has no effect, and the client gets
    /// no answer.
    LostRequest {},
    /// The connection is dropped after the call was handled: it has its effect, and the client gets
    /// no answer.
    LostAnswer {},
    /// The change set that the call starts ends as `FAILED` with `SERVER_FAULT`, and nothing is
    /// applied.
    ServerFault {},
    /// The emulator's clock jumps before the call is handled: forward, or back if the duration is
    /// negative.
    ClockJump {
        /// How far: `1h`, `-5m`.
        #[schemars(with = "String")]
        by: SignedDuration,
    },
    /// A message that a queue accepted is lost.
    MessageLost {},
    /// A message is in the queue several times, each with the same id.
    MessageDuplicated {
        /// How many copies are added; one if it is absent.
        #[serde(default = "one")]
        #[schemars(range(min = 1, max = 100))]
        copies: u32,
    },
    /// A message becomes visible only after some time.
    MessageDelayed {
        /// The shortest time that is drawn.
        #[serde(with = "duration")]
        #[schemars(with = "DurationText")]
        min: Duration,
        /// The longest time that is drawn; the same as `min` if it is absent.
        #[serde(default, skip_serializing_if = "Option::is_none", with = "duration::optional")]
        #[schemars(with = "Option<DurationText>")]
        max: Option<Duration>,
    },
    /// A message overtakes the messages that already wait in the queue.
    MessageReordered {},
}

fn one() -> u32 {
    1
}

/// The operations of AWS's services, one a line, each after the signing name of its service.
const OPERATIONS: &str = include_str!("operations.txt");

/// The operations of the catalog whose answers can be stale.
pub const STALE_READS: [&str; 2] = ["DescribeEntity", "BatchDescribeEntities"];

/// The services that a rule can name, by their signing names.
pub const SERVICES: [&str; 7] = ["aws-marketplace", "dynamodb", "kms", "organizations", "sns", "sqs", "sts"];

impl FaultRule {
    /// A rule for this fault that applies to all calls or messages, each time.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self {
            fault,
            service: None,
            operation: None,
            account: None,
            queue: None,
            probability: None,
            next: None,
            every: None,
            after: None,
            lasting: None,
            seed: None,
        }
    }

    /// The problems of the rule, each with the name of its field.
    #[must_use]
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        let mut refuse = |field, problem: String| problems.push((field, problem));
        if let Some(service) = self.service.as_deref().filter(|service| !SERVICES.contains(service)) {
            refuse("service", not_one_of(service, &SERVICES));
        }
        if let Some(problem) = self.operation.as_deref().and_then(|named| operation(named, self.service.as_deref())) {
            refuse("operation", problem);
        }
        if let Some(account) = self.account.as_deref().filter(|account| !super::is_account(account)) {
            refuse("account", format!("`{account}` is not an account id (12 digits)"));
        }
        if [self.probability.is_some(), self.next.is_some(), self.every.is_some()]
            .into_iter()
            .filter(|set| *set)
            .count()
            > 1
        {
            refuse("probability", "only one of `probability`, `next` and `every` can be given".into());
        }
        if let Some(probability) = self.probability.filter(|probability| !(0.0..=1.0).contains(probability)) {
            refuse("probability", format!("{probability} is not between 0 and 1"));
        }
        if self.every == Some(0) {
            refuse("every", "must be at least 1".into());
        }
        if let Fault::Latency { min, max: Some(max) }
        | Fault::StaleRead { min, max: Some(max) }
        | Fault::MessageDelayed { min, max: Some(max) } = self.fault
            && min > max
        {
            refuse("fault", "`min` is longer than `max`".into());
        }
        if let Fault::MessageDuplicated { copies } = self.fault
            && !(1..=100).contains(&copies)
        {
            refuse("fault", "`copies` must be 1 to 100".into());
        }
        if self.fault.befalls_messages() {
            if self.operation.is_some() || self.service.as_deref().is_some_and(|service| service != "sqs") {
                let why =
                    "a fault of messages befalls them however they came into the queue: match by `account` and `queue`";
                refuse("operation", why.into());
            }
        } else if self.queue.is_some() {
            refuse("queue", "only faults of messages can be matched by queue".into());
        }
        if self.fault == (Fault::ServerFault {})
            && (self.service.as_deref().is_some_and(|service| service != "aws-marketplace")
                || self.operation.as_deref().is_some_and(|operation| operation != "StartChangeSet"))
        {
            refuse("fault", "`server-fault` befalls `StartChangeSet` of `aws-marketplace` alone".into());
        }
        if matches!(self.fault, Fault::StaleRead { .. })
            && (self.service.as_deref().is_some_and(|service| service != "aws-marketplace")
                || self.operation.as_deref().is_some_and(|operation| !STALE_READS.contains(&operation)))
        {
            let operations = STALE_READS.join("` and `");
            refuse("fault", format!("`stale-read` befalls `{operations}` of `aws-marketplace` alone"));
        }
        problems
    }
}

/// What is wrong with the name of an operation, of `service` or of any: a rule for a name that is
/// mistyped would befall nothing.
fn operation(named: &str, service: Option<&str>) -> Option<String> {
    let known = OPERATIONS.lines().filter_map(|line| line.split_once(':'));
    let known: Vec<_> = known.filter(|(of, _)| service.is_none_or(|service| service == *of)).collect();
    if known.is_empty() || known.iter().any(|(_, operation)| *operation == named) {
        return None;
    }
    let of = service.unwrap_or("any service here");
    let same = known.iter().map(|(_, operation)| *operation).find(|known| known.eq_ignore_ascii_case(named));
    let meant = same.or_else(|| alike(named, known.iter().map(|(_, operation)| *operation)).into_iter().next());
    let meant = meant.map_or_else(String::new, |operation| format!("; did you mean `{operation}`?"));
    Some(format!("`{named}` is no operation of {of}{meant}"))
}

impl Fault {
    /// The names of all kinds.
    pub const KINDS: [&str; 17] = [
        "latency",
        "throttling",
        "server-error",
        "unavailable",
        "access-denied",
        "resource-in-use",
        "quota-exceeded",
        "validation",
        "stale-read",
        "lost-request",
        "lost-answer",
        "server-fault",
        "clock-jump",
        "message-lost",
        "message-duplicated",
        "message-delayed",
        "message-reordered",
    ];

    /// Its name in the file.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Latency { .. } => "latency",
            Self::Throttling { .. } => "throttling",
            Self::ServerError { .. } => "server-error",
            Self::Unavailable { .. } => "unavailable",
            Self::AccessDenied { .. } => "access-denied",
            Self::ResourceInUse { .. } => "resource-in-use",
            Self::QuotaExceeded { .. } => "quota-exceeded",
            Self::Validation { .. } => "validation",
            Self::StaleRead { .. } => "stale-read",
            Self::LostRequest {} => "lost-request",
            Self::LostAnswer {} => "lost-answer",
            Self::ServerFault {} => "server-fault",
            Self::ClockJump { .. } => "clock-jump",
            Self::MessageLost {} => "message-lost",
            Self::MessageDuplicated { .. } => "message-duplicated",
            Self::MessageDelayed { .. } => "message-delayed",
            Self::MessageReordered {} => "message-reordered",
        }
    }

    /// Whether it befalls messages on their way into a queue, not calls.
    #[must_use]
    pub fn befalls_messages(&self) -> bool {
        matches!(
            self,
            Self::MessageLost {}
                | Self::MessageDuplicated { .. }
                | Self::MessageDelayed { .. }
                | Self::MessageReordered {}
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_that_is_mistyped_is_refused() {
        let problems = |operation: &str, service: Option<&str>| {
            let rule = FaultRule::new(Fault::LostAnswer {});
            let service = service.map(str::to_owned);
            FaultRule { operation: Some(operation.to_owned()), service, ..rule }.problems()
        };
        let problem = |text: &str| vec![("operation", text.to_owned())];
        let mistyped = "`StartChangeset` is no operation of any service here; did you mean `StartChangeSet`?";
        assert_eq!(problems("StartChangeset", None), problem(mistyped));
        let slip = "`SendMesage` is no operation of sqs; did you mean `SendMessage`?";
        assert_eq!(problems("SendMesage", Some("sqs")), problem(slip));
        let rule = FaultRule { service: Some("dynamo-db".into()), ..FaultRule::new(Fault::LostAnswer {}) };
        assert!(rule.problems()[0].1.ends_with("; did you mean `dynamodb`?"), "{:?}", rule.problems());
        assert_eq!(problems("Publish", Some("sqs")), problem("`Publish` is no operation of sqs"));
        for (operation, service) in
            [("StartChangeSet", None), ("GetProduct", Some("aws-marketplace")), ("Publish", Some("sns"))]
        {
            assert_eq!(problems(operation, service), []);
        }
    }

    #[test]
    fn every_kind_is_read_by_its_name_and_written_as_it_was_read() {
        for kind in Fault::KINDS {
            let more = match kind {
                "latency" | "stale-read" | "message-delayed" => r#","min":"1s""#,
                "clock-jump" => r#","by":"-1h""#,
                _ => "",
            };
            let fault: Fault = serde_json::from_str(&format!(r#"{{"kind":"{kind}"{more}}}"#)).unwrap();
            assert_eq!(fault.kind(), kind);
            let written = serde_json::to_string(&fault).unwrap();
            assert_eq!(serde_json::from_str::<Fault>(&written).unwrap(), fault, "{written}");
        }
    }
}
