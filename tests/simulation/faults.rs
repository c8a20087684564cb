//! What goes wrong, and when: by a plan (this call, this fault) or by chance from a seed.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use pmp_aws::{ApiError, Outcome};

/// The weight of a call that goes wrong as often as the world says.
const OFTEN: u32 = 4;
/// Of a thousand calls, so many go wrong at most, whatever their weight: all must end some day.
const MOST: u32 = 400;

/// What the spoke calls, of all its ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    ListExperiences,
    DescribeExperiences,
    DescribePolicies,
    StartChangeSet,
    DescribeChangeSet,
    ListChangeSets,
    ReadSnapshot,
    ReadReceipts,
    PutReceipt,
    PutSeen,
    Receive,
    Delete,
    Bury,
    Hide,
    Lease,
}

impl Operation {
    pub(crate) fn is_catalog(self) -> bool {
        self <= Self::ListChangeSets
    }

    /// How likely it is to go wrong, in parts of [`OFTEN`]. Most of all calls look at a queue or
    /// renew a lease: if all were alike, hardly a seed would strike where something changes.
    fn weight(self) -> u32 {
        match self {
            Self::StartChangeSet => 12 * OFTEN,
            Self::Delete => 8 * OFTEN,
            Self::PutReceipt | Self::ReadSnapshot | Self::ListExperiences | Self::DescribeChangeSet => 3 * OFTEN,
            Self::Receive | Self::Hide | Self::Lease => 1,
            _ => OFTEN,
        }
    }

    pub(crate) fn is_ledger(self) -> bool {
        matches!(self, Self::ReadSnapshot | Self::ReadReceipts | Self::PutReceipt | Self::PutSeen | Self::Lease)
    }
}

/// The documented errors, and two that a network adds: name, text, HTTP status.
pub(crate) const ERRORS: [(&str, &str, u16); 10] = [
    ("ResourceInUseException", "locked by change sets: 'cs-elsewhere'", 423),
    ("ThrottlingException", "Rate exceeded", 429),
    ("ServiceQuotaExceededException", "too many open change sets", 402),
    ("ValidationException", "Cumulative number of values in Ids array must be less than or equal to 50", 422),
    ("ValidationException", "not the newest revision, which is 99", 422),
    ("ValidationException", "something is wrong with it", 422),
    ("AccessDeniedException", "not authorized", 403),
    ("ResourceNotFoundException", "not found", 404),
    ("InternalServiceException", "sorry", 500),
    ("Unknown", "bad gateway", 502),
];

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process dies before the call has an effect.
    CrashBefore,
    /// The process dies after it, and never hears the answer.
    CrashAfter,
    /// The call fails before it has an effect, with the nth of [`ERRORS`] (at the catalog) or a
    /// plain failure elsewhere.
    Refused(usize),
    /// The call has its effect, and the answer is lost.
    Lost,
    /// The answer says that there is nothing; of a list that is to be worked off, nothing is. It is
    /// no error.
    Empty,
    /// The answer holds half of what there is, and says that this is all; of a list that is to be
    /// worked off, half is.
    Half,
    /// The call takes this many seconds.
    Slow(u64),
    /// The call never comes back; two seconds later the process is told to stop.
    Hang,
    /// The process is told to stop, as by SIGTERM.
    Stop,
    /// Somebody else changes an experience just before the call.
    Foreign,
    /// Somebody else's change set holds an experience from just before the call.
    ForeignLock,
    /// The change set that this call starts ends as `SERVER_FAULT`; at any other call nothing.
    FailedByServer,
    /// A running change set of the spoke is cancelled at the console.
    Cancel,
    /// Somebody else takes the lease, as after a long pause of this process, and gives it back
    /// later.
    StealLease,
    /// This call and the next few of the same operation are throttled.
    Burst(u32),
    /// From this call on, the ledger does not answer for so many seconds.
    LedgerDown(u64),
}

impl Fault {
    /// What a list comes to.
    pub(crate) fn cut<T>(fault: Option<Self>, list: impl IntoIterator<Item = T>) -> Vec<T> {
        let list: Vec<_> = list.into_iter().collect();
        let left = match fault {
            Some(Self::Empty) => 0,
            Some(Self::Half) => list.len() / 2,
            _ => list.len(),
        };
        list.into_iter().take(left).collect()
    }
}

/// The faults of one world, and when they happen.
#[derive(Debug)]
pub(crate) struct Faults {
    pub(crate) rng: Rng,
    /// Of a thousand calls, how many go wrong.
    pub(crate) per_mille: u32,
    /// At these calls, counted from 1 over all incarnations, this goes wrong.
    pub(crate) planned: BTreeMap<u64, Fault>,
    burst: Option<(Operation, u32)>,
    /// How long each change set takes; none: as AWS's do.
    pub(crate) change_sets_take: Option<Duration>,
    /// From the first call that hangs on, every call does, until the process is gone.
    pub(crate) all_hang: bool,
    hanging: bool,
    /// How much longer every call of the next process takes, and when after its start it is told to
    /// stop.
    pub(crate) slow_life: Option<(Duration, Duration)>,
    /// How much longer every call of the living process takes.
    pub(crate) latency: Duration,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            per_mille: 0,
            planned: BTreeMap::new(),
            burst: None,
            change_sets_take: None,
            all_hang: false,
            hanging: false,
            slow_life: None,
            latency: Duration::ZERO,
        }
    }

    /// No more of them.
    pub(crate) fn stop(&mut self) {
        self.per_mille = 0;
        self.planned.clear();
        self.burst = None;
        self.hanging = false;
    }

    /// A new process finds everything well again, but for what is planned for it; when it is to be
    /// told to stop.
    pub(crate) fn reborn(&mut self) -> Option<Duration> {
        self.hanging = false;
        let (latency, stop) = self.slow_life.take().unzip();
        self.latency = latency.unwrap_or_default();
        stop
    }

    /// What goes wrong with this call.
    pub(crate) fn at(&mut self, call: u64, operation: Operation) -> Option<Fault> {
        if self.hanging {
            return Some(Fault::Hang);
        }
        if let Some((_, left)) = self.burst.as_mut().filter(|(bursting, _)| *bursting == operation) {
            *left -= 1;
            if *left == 0 {
                self.burst = None;
            }
            return Some(Fault::Refused(1));
        }
        let fault = self.planned.remove(&call).or_else(|| self.by_chance(operation));
        self.hanging = self.all_hang && fault == Some(Fault::Hang);
        if let Some(Fault::Burst(length)) = fault {
            self.burst = (length > 1).then_some((operation, length - 1));
            return Some(Fault::Refused(1));
        }
        fault
    }

    fn by_chance(&mut self, operation: Operation) -> Option<Fault> {
        let per_mille = (self.per_mille * operation.weight() / OFTEN).min(MOST);
        if self.rng.u32(0..1000) >= per_mille {
            return None;
        }
        if operation == Operation::StartChangeSet {
            // Where it matters most which.
            match self.rng.u32(0..8) {
                0..=3 => return Some(Fault::Refused(self.rng.usize(0..ERRORS.len()))),
                4 => return Some(Fault::Foreign),
                _ => {}
            }
        }
        Some(match self.rng.u32(0..18) {
            0 => Fault::CrashBefore,
            1 | 2 => Fault::CrashAfter,
            3..=5 => Fault::Refused(self.rng.usize(0..ERRORS.len())),
            6 | 7 => Fault::Lost,
            8 => Fault::Slow(self.rng.u64(1..90)),
            9 => Fault::Stop,
            10 => Fault::Foreign,
            11 => Fault::ForeignLock,
            12 | 13 => Fault::FailedByServer,
            14 => Fault::Cancel,
            15 => Fault::StealLease,
            16 => Fault::LedgerDown(self.rng.u64(1..120)),
            _ => Fault::Burst(self.rng.u32(2..12)),
        })
    }

    /// How long a change set takes.
    pub(crate) fn duration(&mut self) -> Duration {
        self.change_sets_take.unwrap_or_else(|| Duration::from_millis(self.rng.u64(5_000..60_000)))
    }
}

/// The nth of [`ERRORS`], as the adapter reports it.
pub(crate) fn refused(n: usize) -> ApiError {
    let (code, message, status) = ERRORS[n % ERRORS.len()];
    api(code, message, status)
}

pub(crate) fn api(code: &str, message: &str, status: u16) -> ApiError {
    let outcome = Outcome::Refused { code: code.into(), message: message.into(), status, request_id: None };
    ApiError::of("simulated", outcome)
}

pub(crate) fn no_answer() -> ApiError {
    ApiError::of("simulated", Outcome::NoAnswer("connection reset".into()))
}
