//! From what went over the lines to figures.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use pmp_tests::Call;
use serde::Serialize;
use serde_json::Value;

/// What was measured of one scenario. Times in seconds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    pub(crate) scenario: String,
    pub(crate) title: String,
    /// Change sets that the catalog accepted.
    pub(crate) change_sets: usize,
    /// The fewest that would do, with each experience by itself, and with up to 20 changes in one.
    pub(crate) fewest: [usize; 2],
    pub(crate) floor: f64,
    pub(crate) floor_shared: f64,
    /// From the hub's SNS `Publish` (or the person's click) to the answer to the last receipt.
    pub(crate) wall: f64,
    /// From the start of the command `pmp-hub publish`, its own start included.
    pub(crate) from_command: f64,
    /// From the spoke's first call to the catalog to the last receipt.
    pub(crate) at_work: f64,
    /// The spoke's calls to the catalog.
    pub(crate) calls: BTreeMap<String, usize>,
    /// `DescribeChangeSet` calls for each change set; none where there was no change set.
    pub(crate) looks: Option<f64>,
    /// Those that were throttled.
    pub(crate) throttled: usize,
    /// The most calls of an operation within one second.
    pub(crate) busiest_second: BTreeMap<String, usize>,
    /// From the end of a change set to the start of the next of the same experience: median and
    /// longest, in seconds, and the median as a share of the change set's duration.
    pub(crate) lag: Option<Lag>,
    /// How many receipts say what.
    pub(crate) receipts: BTreeMap<String, usize>,
    /// The same job for the command `pmp-spoke sync`, in a world of its own, as a whole process. A
    /// second run follows where there was nothing to do. Empty where it was not asked for.
    pub(crate) command: Vec<Whole>,
    /// What is not as it should be; empty if all is well.
    pub(crate) problems: Vec<String>,
}

/// What one run of the command `pmp-spoke sync` took, as a whole process.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Whole {
    /// From its start to its exit, in seconds.
    pub(crate) wall: f64,
    /// The wall time as a multiple of the floor with shared change sets; none where the floor is
    /// zero.
    pub(crate) of_floor: Option<f64>,
    /// Processor time of all its threads, in seconds.
    pub(crate) processor: f64,
    /// The peak of its resident set, in MiB.
    pub(crate) peak_mib: f64,
    /// Change sets that the catalog accepted.
    pub(crate) change_sets: usize,
    /// `DescribeChangeSet` calls for each of them; none where there was none.
    pub(crate) looks: Option<f64>,
    /// Its calls to the catalog, by operation.
    pub(crate) calls: BTreeMap<String, usize>,
    /// Those that were throttled.
    pub(crate) throttled: usize,
    /// What is above the scenario's bounds. On a machine that does other work, that may be so.
    pub(crate) above: Vec<String>,
    /// What is not as it should be.
    pub(crate) problems: Vec<String>,
}

impl Whole {
    /// All calls to the catalog.
    pub(crate) fn all_calls(&self) -> usize {
        self.calls.values().sum()
    }
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Lag {
    pub(crate) median: f64,
    pub(crate) longest: f64,
    pub(crate) share: f64,
}

/// The last receipt of an experience that says that it is done with `version` or a later one.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) status: String,
    pub(crate) at: Instant,
}

/// The receipts that ended the work on an experience, by member experience, from the spoke's calls
/// to the ledger.
pub(crate) fn ended(calls: &[Call], from: Instant) -> HashMap<String, Ended> {
    let mut found = HashMap::new();
    for call in calls.iter().filter(|call| call.operation == "PutItem" && call.sent >= from && call.status == 200) {
        let Ok(asked) = serde_json::from_slice::<Value>(&call.asked) else { continue };
        let text = |name: &str| asked["Item"][name]["S"].as_str().map(str::to_owned);
        let (Some(member), Some(status), Some(at)) = (text("member_experience"), text("status"), call.answered) else {
            continue;
        };
        if status == "applying" {
            found.remove(&member);
        } else {
            found.insert(member, Ended { status, at });
        }
    }
    found
}

/// How often each operation was called, and how many of all were throttled.
pub(crate) fn count(calls: &[Call]) -> (BTreeMap<String, usize>, usize) {
    let mut counts = BTreeMap::new();
    for call in calls {
        *counts.entry(call.operation.clone()).or_default() += 1;
    }
    (counts, calls.iter().filter(|call| call.status == 429).count())
}

/// The polls of each change set, where there was any.
pub(crate) fn looks(counts: &BTreeMap<String, usize>, change_sets: usize) -> Option<f64> {
    let looks = counts.get("DescribeChangeSet").copied().unwrap_or_default();
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    (change_sets > 0).then(|| looks as f64 / change_sets as f64)
}

/// The most calls of each operation within one second, wherever it begins.
pub(crate) fn busiest(calls: &[Call]) -> BTreeMap<String, usize> {
    let mut times: BTreeMap<String, Vec<Instant>> = BTreeMap::new();
    for call in calls {
        times.entry(call.operation.clone()).or_default().push(call.sent);
    }
    let most = |times: &Vec<Instant>| {
        let within = |first: Instant| {
            let second = first..first + Duration::from_secs(1);
            times.iter().filter(|time| second.contains(*time)).count()
        };
        times.iter().map(|first| within(*first)).max().unwrap_or_default()
    };
    times.iter().map(|(operation, times)| (operation.clone(), most(times))).collect()
}

/// A change set that the catalog accepted.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    pub(crate) id: String,
    pub(crate) experiences: Vec<String>,
    pub(crate) sent: Instant,
    pub(crate) answered: Instant,
}

/// The change sets that the spoke started, in order.
pub(crate) fn started(calls: &[Call]) -> Vec<Started> {
    let accepted = |call: &&Call| call.operation == "StartChangeSet" && call.status == 200;
    let read = |call: &Call| {
        let asked: Value = serde_json::from_slice(&call.asked).ok()?;
        let answer: Value = serde_json::from_slice(&call.answer).ok()?;
        let entity = |change: &Value| change["Entity"]["Identifier"].as_str()?.split('@').next().map(str::to_owned);
        let mut experiences: Vec<_> = asked["ChangeSet"].as_array()?.iter().filter_map(entity).collect();
        experiences.dedup();
        let id = answer["ChangeSetId"].as_str()?.to_owned();
        Some(Started { id, experiences, sent: call.sent, answered: call.answered? })
    };
    calls.iter().filter(accepted).filter_map(read).collect()
}

/// The longest chain as it was: of each experience's change sets, the sum of their durations. Needs
/// all ends.
pub(crate) fn longest_chain(started: &[Started], ended: &HashMap<String, Instant>) -> Option<f64> {
    let mut sums: HashMap<&str, f64> = HashMap::new();
    for change_set in started {
        let took = ended.get(&change_set.id)?.saturating_duration_since(change_set.answered);
        for experience in &change_set.experiences {
            *sums.entry(experience).or_default() += took.as_secs_f64();
        }
    }
    sums.into_values().reduce(f64::max)
}

/// From the end of each change set to the start of the next one of an experience that it names.
pub(crate) fn lag(started: &[Started], ended: &HashMap<String, Instant>) -> Option<Lag> {
    let mut last: HashMap<&str, &Started> = HashMap::new();
    let mut lags = Vec::new();
    for change_set in started {
        for experience in &change_set.experiences {
            let before = last.insert(experience, change_set);
            let Some((before, end)) = before.and_then(|before| Some((before, ended.get(&before.id)?))) else {
                continue;
            };
            let took = end.duration_since(before.answered).as_secs_f64();
            let lag = change_set.sent.saturating_duration_since(*end).as_secs_f64();
            lags.push((lag, lag / took.max(0.001)));
        }
    }
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    let longest = lags.iter().map(|(lag, _)| *lag).fold(0.0, f64::max);
    let share = median(lags.iter().map(|(_, share)| *share).collect())?;
    Some(Lag { median: median(lags.iter().map(|(lag, _)| *lag).collect())?, longest, share })
}
