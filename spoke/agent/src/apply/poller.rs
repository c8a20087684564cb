//! Polls all open change sets under the account's rate limit, in the order in which they are due,
//! and sends each outcome to those who wait for it.
//!
//! One task does it all: [`Task::run`]. It receives change sets over a channel from [`Poller`],
//! keeps them in [`Task::open`], and answers each waiter over a `oneshot` channel.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use pmp_catalog::{Catalog, CatalogError, ChangeSetId, ChangeSetState, ChangeSetStatus, ErrorClass, Operation};
use pmp_runtime::Chance;
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::schedule::{Durations, Expectation};
use crate::progress::{ProgressEvent, ShowProgress};

/// The final status of a change set, or the error that kept the poller from finding it out.
pub(crate) type Ended = Result<ChangeSetStatus, CatalogError>;

/// The handle of the task that polls.
#[derive(Debug, Clone)]
pub(crate) struct Poller {
    watched: mpsc::UnboundedSender<Watched>,
    durations: Arc<Mutex<Durations>>,
    seen_times: Arc<Mutex<Vec<Duration>>>,
    any_ended: Arc<Notify>,
    shown: Arc<OnceLock<Arc<dyn ShowProgress>>>,
}

#[derive(Debug)]
struct Watched {
    id: ChangeSetId,
    /// When this process asked for it. `None` if somebody else started it.
    began: Option<Instant>,
    /// Its slot among the open change sets. It is given back when the change set ends.
    slot: Option<OwnedSemaphorePermit>,
    ended: oneshot::Sender<Ended>,
}

/// Polls that run at the same time. The rate limit sets the pace.
const CONCURRENT_POLLS: usize = 32;
/// The most failed polls of one change set before it is given up. With the pauses in between, this
/// is some five minutes.
const MAX_FAILURES: u32 = 20;
/// The most failed polls for an error that does not pass by itself. It is not 0, because a new
/// change set may be `NotFound` until it is visible everywhere.
const MAX_ODD_FAILURES: u32 = 3;
/// While no duration is known, change sets that began within this share of the first one's time
/// after it are polled in turns with it.
const TURNS: f64 = 0.1;
/// The least of that time: as long as a few starts take at their limit.
const SHORTEST_TURNS: Duration = Duration::from_millis(500);
/// The longest pause after a failed poll.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// The number of retries after an error of this class. The change set runs on whatever a poll
/// returns, so giving up is the last resort.
fn tries(class: ErrorClass) -> u32 {
    match class {
        ErrorClass::Throttled | ErrorClass::Transient => MAX_FAILURES,
        ErrorClass::AccessDenied => 0,
        _ => MAX_ODD_FAILURES,
    }
}

impl Poller {
    /// Starts the task. It ends when the last handle is dropped. `chance` keeps many spokes from
    /// polling in step.
    pub(crate) fn start(catalog: Arc<dyn Catalog>, durations: Durations, chance: Arc<dyn Chance>) -> Self {
        let (watched, receiver) = mpsc::unbounded_channel();
        let durations = Arc::new(Mutex::new(durations));
        let seen_times = Arc::<Mutex<Vec<Duration>>>::default();
        let any_ended = Arc::new(Notify::new());
        let shown = Arc::<OnceLock<_>>::default();
        let task = Task {
            catalog,
            durations: durations.clone(),
            seen_times: seen_times.clone(),
            any_ended: any_ended.clone(),
            shown: shown.clone(),
            chance,
            open: BTreeMap::new(),
        };
        tokio::spawn(task.run(receiver));
        Self { watched, durations, seen_times, any_ended, shown }
    }

    /// Shows from now on what runs. The first call counts.
    pub(crate) fn show(&self, progress: Arc<dyn ShowProgress>) {
        let _shown_already = self.shown.set(progress);
    }

    /// Polls a change set that was just started. `asked`: when the catalog was asked for it, from
    /// which on the catalog may count its time. `slot` is given back when it ends.
    pub(crate) fn started(
        &self,
        id: &ChangeSetId,
        asked: Instant,
        slot: Option<OwnedSemaphorePermit>,
    ) -> oneshot::Receiver<Ended> {
        self.watch(id, Some(asked), slot)
    }

    /// Polls a change set that somebody else started.
    pub(crate) fn adopted(&self, id: &ChangeSetId) -> oneshot::Receiver<Ended> {
        self.watch(id, None, None)
    }

    fn watch(
        &self,
        id: &ChangeSetId,
        began: Option<Instant>,
        slot: Option<OwnedSemaphorePermit>,
    ) -> oneshot::Receiver<Ended> {
        let (ended, receiver) = oneshot::channel();
        // The task lives as long as this handle. If it has ended because of a fault, the receiver
        // returns an error.
        let _gone = self.watched.send(Watched { id: id.clone(), began, slot, ended });
        receiver
    }

    /// Waits until some change set ends.
    pub(crate) async fn any_ended(&self) {
        self.any_ended.notified().await;
    }

    /// The durations of the change sets whose end was seen.
    pub(crate) fn seen_times(&self) -> Vec<Duration> {
        self.seen_times.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The durations of change sets in this account, as far as they are known.
    pub(crate) fn durations(&self) -> Durations {
        self.durations.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Open {
    began: Instant,
    /// Whether this process started it. Only then is its duration known.
    own: bool,
    /// When it was last seen running.
    running_at: Instant,
    due: Instant,
    polling: bool,
    looks: u32,
    failures: u32,
    waiting: Vec<oneshot::Sender<Ended>>,
    _slots: Vec<OwnedSemaphorePermit>,
}

struct Task {
    catalog: Arc<dyn Catalog>,
    durations: Arc<Mutex<Durations>>,
    seen_times: Arc<Mutex<Vec<Duration>>>,
    any_ended: Arc<Notify>,
    shown: Arc<OnceLock<Arc<dyn ShowProgress>>>,
    chance: Arc<dyn Chance>,
    /// Ordered by id, so that a simulation can be replayed: of two change sets that are due at
    /// once, the same one always comes first.
    open: BTreeMap<ChangeSetId, Open>,
}

impl Task {
    async fn run(mut self, mut watched: mpsc::UnboundedReceiver<Watched>) {
        let mut polls: FuturesUnordered<BoxFuture<'static, (ChangeSetId, Ended)>> = FuturesUnordered::new();
        let catalog = self.catalog.clone();
        loop {
            let due = self.open.values().filter(|open| !open.polling).map(|open| open.due).min();
            let permit = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
                catalog.pace().of(Operation::DescribeChangeSet).ready().await;
            };
            tokio::select! {
                // What is new comes first, and then the answers, before anything more is asked.
                // Both come to an end, so that nothing starves.
                biased;
                // All arms are cancel-safe: a permit is taken only when `ready` returns.
                new = watched.recv() => match new {
                    Some(new) => self.watch(new),
                    None => return,
                },
                Some((id, outcome)) = polls.next(), if !polls.is_empty() => self.seen(&id, outcome),
                () = permit, if polls.len() < CONCURRENT_POLLS => {
                    if let Some(id) = self.first_due() {
                        let catalog = catalog.clone();
                        polls.push(Box::pin(async move {
                            let outcome = catalog.describe_change_set(&id).await;
                            (id, outcome)
                        }));
                    }
                }
            }
        }
    }

    fn watch(&mut self, Watched { id, began, slot, ended }: Watched) {
        let now = Instant::now();
        // An adopted change set may have ended long ago: it is polled at once.
        let pause = began.map_or(Duration::ZERO, |_| self.expectation(&id, now).first_poll());
        let open = self.open.entry(id).or_insert_with(|| Open {
            began: began.unwrap_or(now),
            own: began.is_some(),
            running_at: began.unwrap_or(now),
            due: (began.unwrap_or(now) + pause).max(now),
            polling: false,
            looks: 0,
            failures: 0,
            waiting: Vec::new(),
            _slots: Vec::new(),
        });
        open.waiting.push(ended);
        open._slots.extend(slot);
    }

    /// Takes the change set whose poll is due first, and marks it as being polled.
    fn first_due(&mut self) -> Option<ChangeSetId> {
        let (id, open) = self.open.iter_mut().filter(|(_, open)| !open.polling).min_by_key(|(_, open)| open.due)?;
        open.polling = true;
        Some(id.clone())
    }

    fn seen(&mut self, id: &ChangeSetId, outcome: Ended) {
        let now = Instant::now();
        let jitter = self.chance.fraction();
        let Some(open) = self.open.get_mut(id) else { return };
        open.polling = false;
        open.looks = open.looks.saturating_add(1);
        // After it was polled, it may be another one's turn.
        let expectation = self.expectation(id, now);
        let Some(open) = self.open.get_mut(id) else { return };
        let elapsed = now - open.began;
        match &outcome {
            Ok(ChangeSetStatus { state: ChangeSetState::Running, .. }) => {
                open.running_at = now;
                open.failures = 0;
                open.due = now + expectation.next_poll(elapsed, jitter);
            }
            // A poll that fails says nothing about the change set, which runs on.
            Err(error) if open.failures < tries(error.class()) => {
                tracing::debug!(change_set = %id, %error, "could not poll the change set; trying again");
                let pause = Duration::from_millis(250 << open.failures.min(7)).min(LONGEST_PAUSE);
                open.failures += 1;
                open.due = now + pause.mul_f64(0.75 + jitter / 2.0);
            }
            _ => self.notify(id, &outcome, now),
        }
        self.pass_the_turn(now, jitter);
        self.show(now);
    }

    /// While no duration is known, makes sure that the change set whose turn it is is polled in
    /// time.
    fn pass_the_turn(&mut self, now: Instant, jitter: f64) {
        if self.durations().expectation().is_some() {
            return;
        }
        let Some(next) = self.next_in_turn(now).cloned() else { return };
        let Some(open) = self.open.get_mut(&next) else { return };
        let elapsed = now - open.began;
        open.due = open.due.min(now + Expectation::Unknown.next_poll(elapsed, jitter));
    }

    /// Shows the change set that is watched for the longest time.
    fn show(&self, now: Instant) {
        let first = self.open.iter().min_by_key(|(id, open)| (open.began, *id));
        let (Some(shown), Some((first, open))) = (self.shown.get(), first) else { return };
        let (watched, others) = (now - open.began, self.open.len() - 1);
        shown.show(ProgressEvent::Running { first, watched, looks: open.looks, others });
    }

    fn notify(&mut self, id: &ChangeSetId, outcome: &Ended, now: Instant) {
        let Some(open) = self.open.remove(id) else { return };
        // The duration of an adopted change set is not known, because its start was not seen.
        if let (true, Ok(status)) = (open.own, outcome) {
            let reported = status.ended.zip(status.started).map(|(ended, started)| ended.duration_since(started));
            let reported = reported.and_then(|took| Duration::try_from(took).ok());
            let (running_at, seen_at) = (open.running_at - open.began, now - open.began);
            let took =
                self.durations.lock().unwrap_or_else(PoisonError::into_inner).observe(running_at, seen_at, reported);
            self.seen_times.lock().unwrap_or_else(PoisonError::into_inner).push(took);
        }
        for waiting in open.waiting {
            // The receiver is gone if the experience was stopped: nothing to do.
            let _stopped = waiting.send(outcome.clone());
        }
        self.any_ended.notify_waiters();
        self.bring_forward(now);
    }

    /// The expected duration of a change set. While none is known, the change sets that this
    /// process started are polled in turns, on behalf of all.
    fn expectation(&self, id: &ChangeSetId, now: Instant) -> Expectation {
        let own = self.open.get(id).is_none_or(|open| open.own);
        match self.durations().expectation() {
            Some(known) if own => known,
            None if own && self.next_in_turn(now).is_some_and(|next| next != id) => {
                // One that is not watched yet begins now.
                let began = self.open.get(id).map_or(now, |open| open.began);
                let takes_turns = self.last_of_turns(now).is_some_and(|last| began <= last);
                if takes_turns { Expectation::Aside } else { Expectation::Apart }
            }
            _ => Expectation::Unknown,
        }
    }

    /// The latest moment at which a change set may have begun that takes turns with the first one.
    fn last_of_turns(&self, now: Instant) -> Option<Instant> {
        // One that could not be polled waits for its own pause.
        let own = self.open.values().filter(|open| open.own && open.failures == 0);
        let first = own.map(|open| open.began).min()?;
        Some(first + (now - first).mul_f64(TURNS).max(SHORTEST_TURNS))
    }

    /// The change set whose turn it is: of those that this process started, and that run for nearly
    /// as long as the first one, the one that was polled least. So one poll tells as much as one of
    /// each would, where all take as long, and none is forgotten where they do not.
    fn next_in_turn(&self, now: Instant) -> Option<&ChangeSetId> {
        let last = self.last_of_turns(now)?;
        let old = self.open.iter().filter(|(_, open)| open.own && open.failures == 0 && open.began <= last);
        old.min_by_key(|(id, open)| (open.looks, open.began, *id)).map(|(id, _)| id)
    }

    /// Brings polls forward after an end. If it is the first end that was seen, the others, which
    /// were polled rarely until now, get an expected end.
    fn bring_forward(&mut self, now: Instant) {
        let own: Vec<_> = self.open.iter().filter(|(_, open)| open.own).map(|(id, _)| id.clone()).collect();
        for id in own {
            let expectation = self.expectation(&id, now);
            let jitter = self.chance.fraction();
            let Some(open) = self.open.get_mut(&id) else { continue };
            let first_poll = open.began + expectation.first_poll();
            let seen_since = open.running_at >= first_poll;
            let due =
                if seen_since { now + expectation.next_poll(now - open.began, jitter) } else { first_poll.max(now) };
            open.due = open.due.min(due);
        }
    }

    fn durations(&self) -> std::sync::MutexGuard<'_, Durations> {
        self.durations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
