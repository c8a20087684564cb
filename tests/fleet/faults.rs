//! What goes wrong at the calls, by the seed.

use std::time::Duration;

use fastrand::Rng;
use pmp_protocol::ExperienceId;

use crate::cloud::{Answer, Request, Service};

/// The weight of a call that goes wrong as often as the fleet says.
const OFTEN: u32 = 4;
/// Of a thousand calls, so many go wrong at most, whatever their weight: all must end some day.
const MOST: u32 = 300;

/// One thing that goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process dies before the call has an effect.
    DieBefore,
    /// The process dies after it, and never hears the answer.
    DieAfter,
    /// The service refuses, before any effect, with the nth of its errors.
    Refused(usize),
    /// The connection cannot be made.
    Unreachable,
    /// The call has its effect, and the answer is an error of the server.
    Lost,
    /// The call has its effect, and no answer ever comes.
    Silent,
    /// The answer takes so many seconds.
    Slow(u64),
    /// The process is told to stop, as by SIGTERM.
    Stop,
    /// The change set that this call starts ends as `SERVER_FAULT`; at any other call nothing.
    ServerFails,
}

/// The faults of one fleet.
#[derive(Debug)]
pub(crate) struct Faults {
    pub(crate) rng: Rng,
    /// Of a thousand calls, how many go wrong.
    per_mille: u32,
    /// Organizations whose spokes never succeed with a change set any more.
    pub(crate) broken: Vec<ExperienceId>,
}

impl Faults {
    pub(crate) fn new(seed: u64, per_mille: u32) -> Self {
        Self { rng: Rng::with_seed(seed), per_mille, broken: Vec::new() }
    }

    /// No more of them.
    pub(crate) fn stop(&mut self) {
        self.per_mille = 0;
    }

    /// Whether nothing goes wrong.
    pub(crate) fn are_over(&self) -> bool {
        self.per_mille == 0
    }

    /// How long a request, or an answer, is on its way.
    pub(crate) fn latency(&mut self) -> Duration {
        Duration::from_millis(self.rng.u64(3..40))
    }

    /// What goes wrong with a call of this weight.
    pub(crate) fn at(&mut self, weight: u32) -> Option<Fault> {
        let per_mille = (self.per_mille * weight / OFTEN).min(MOST);
        if self.rng.u32(0..1000) >= per_mille {
            return None;
        }
        Some(match self.rng.u32(0..18) {
            0 | 1 => Fault::DieBefore,
            2..=4 => Fault::DieAfter,
            5..=7 => Fault::Refused(self.rng.usize(0..100)),
            8 => Fault::Unreachable,
            9..=11 => Fault::Lost,
            12 => Fault::Silent,
            13 | 14 => Fault::Slow(self.rng.u64(1..30)),
            15 => Fault::Stop,
            _ => Fault::ServerFails,
        })
    }

    /// Whether a read that need not be consistent is an old one.
    pub(crate) fn is_stale(&mut self) -> bool {
        self.per_mille > 0 && self.rng.u8(0..4) == 0
    }
}

/// How likely a call is to go wrong, in parts of [`OFTEN`]. Most of all calls look at a queue or
/// at a lease: if all were alike, hardly a seed would strike where something changes.
pub(crate) fn weight(request: &Request) -> u32 {
    match (request.service, request.operation.as_str()) {
        (Service::Catalog, "StartChangeSet") => 10 * OFTEN,
        (Service::Topic, _) | (Service::Tables, "TransactWriteItems" | "UpdateItem") => 20 * OFTEN,
        (Service::Queues, "DeleteMessageBatch") => 8 * OFTEN,
        (Service::Catalog, "DescribeChangeSet" | "ListEntities") | (Service::Tables, "PutItem") => 2 * OFTEN,
        (Service::Queues, _) => 1,
        (Service::Tables, "Query") if is_lease(request) => 1,
        _ => OFTEN,
    }
}

/// Whether a request is about the lease of an organization.
pub(crate) fn is_lease(request: &Request) -> bool {
    let lease = b"\"lease\"";
    request.body.windows(lease.len()).any(|bytes| bytes == lease)
}

/// What each service refuses with: name, text, HTTP status.
const OF_CATALOG: [(&str, &str, u16); 5] = [
    ("ThrottlingException", "Rate exceeded", 429),
    ("InternalServiceException", "sorry", 500),
    ("ServiceQuotaExceededException", "too many open change sets", 402),
    ("AccessDeniedException", "not authorized", 403),
    ("ResourceInUseException", "locked by change sets: 'cs-elsewhere'", 423),
];
const OF_TABLES: [(&str, &str, u16); 3] = [
    ("ProvisionedThroughputExceededException", "too fast", 400),
    ("InternalServerError", "sorry", 500),
    ("ThrottlingException", "Rate exceeded", 400),
];
const OF_OTHERS: [(&str, &str, u16); 2] = [("Throttling", "Rate exceeded", 400), ("InternalFailure", "sorry", 500)];

/// The nth refusal of a service.
pub(crate) fn refusal(service: Service, n: usize) -> Answer {
    let (code, message, status) = match service {
        Service::Catalog => OF_CATALOG[n % OF_CATALOG.len()],
        Service::Tables => OF_TABLES[n % OF_TABLES.len()],
        Service::Queues | Service::Topic | Service::Sessions => OF_OTHERS[n % OF_OTHERS.len()],
    };
    Answer::refused(service, status, code, message)
}

/// What an answer is that was lost on its way.
pub(crate) fn lost(service: Service) -> Answer {
    Answer::refused(service, 502, "BadGateway", "the answer was lost")
}
