//! Starts change sets. The parts of all experiences wait here for the account's permits, and share
//! change sets where permits are scarce.
//!
//! One task, [`Task::run`], holds the queue. The way of a part, with three experiences A, B and C:
//!
//! 1. Each experience calls [`Starter::submit`], and waits for the answer. A test of suspects, from
//!    C, must go alone.
//! 2. The task waits a moment for more parts ([`Task::linger`]), then for a slot (a bound on open
//!    change sets) and for a permit of the rate limit.
//! 3. [`Task::start`] forms groups: C alone, then A and B together where [`Sharing`] says so. Each
//!    group needs a slot and a permit. Groups without them wait in the queue.
//! 4. [`Starting::run`] asks the catalog for one group, repeats the request with the same token
//!    where that helps, and answers each experience of the group. The slot goes to the poller,
//!    which gives it back when the change set has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pmp_catalog::{Catalog, CatalogError, ChangeSetId, ChangeSetRequest, Operation, Part};
use pmp_runtime::{Chance, Waited};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::Closing;
use super::poller::{Ended, Poller};
use super::share::{Permitted, Sharing, change_sets, is_full, sizes};
use crate::retry::backoff;
use crate::retry::reaction::Reaction;

/// How long to wait if others use up the account's quota of open change sets, and none of ours
/// ends.
const QUOTA_PAUSE: Duration = Duration::from_secs(15);
/// How long to wait, after a stop, for the answer to a request that is on its way.
const LAST_ANSWER: Duration = Duration::from_secs(2);

/// The outcome of submitting a part.
#[derive(Debug)]
pub(crate) enum Started {
    /// Its change set is running.
    Running {
        id: ChangeSetId,
        /// Whether the change set holds parts of other experiences, too.
        shared: bool,
        ended: oneshot::Receiver<Ended>,
    },
    /// The catalog refused the request, and no change set was started.
    Refused {
        error: CatalogError,
        shared: bool,
        /// Whether the error may be about this part. `false` if it names only other experiences of
        /// the change set.
        concerned: bool,
    },
    /// The spoke had to stop before the catalog was asked.
    Stopped,
    /// Change windows closed before the catalog was asked.
    Closed,
    /// The task that starts change sets has ended without a stop, because of a fault of this
    /// program.
    Gone,
}

struct Waiting {
    part: Part,
    alone: bool,
    answer: oneshot::Sender<Started>,
}

/// The handle of the task that starts change sets.
#[derive(Debug)]
pub(crate) struct Starter {
    waiting: mpsc::UnboundedSender<Waiting>,
    active: Arc<AtomicUsize>,
    stop: CancellationToken,
}

/// Settings that decide how the task starts change sets.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The name of the change sets.
    pub(crate) name: String,
    /// Whether experiences may share change sets.
    pub(crate) sharing: bool,
    /// The most change sets that may be open at once.
    pub(crate) max_open: usize,
    /// Where the jitter of pauses comes from.
    pub(crate) chance: Arc<dyn Chance>,
    /// When change windows close. `None` where they do not.
    pub(crate) closing: Option<Closing>,
}

/// Counts one experience that may have something to start, for as long as this value lives.
#[derive(Debug)]
pub(crate) struct Active(Arc<AtomicUsize>);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Starter {
    /// Starts the task. It ends when the handle is dropped. Once `stop` is cancelled, it starts
    /// nothing more (rule 7).
    pub(crate) fn start(catalog: Arc<dyn Catalog>, poller: Poller, settings: Options, stop: CancellationToken) -> Self {
        let (waiting, receiver) = mpsc::unbounded_channel();
        let active = Arc::new(AtomicUsize::new(0));
        let slots = Arc::new(Semaphore::new(settings.max_open));
        let starting = Arc::new(Starting { catalog, poller, settings, stop: stop.clone() });
        let task = Task { starting, slots, active: active.clone(), queue: Vec::new(), first_came: Instant::now() };
        tokio::spawn(task.run(receiver));
        Self { waiting, active, stop }
    }

    /// Counts an experience that may start change sets, so that the others know how scarce permits
    /// are.
    pub(crate) fn active(&self) -> Active {
        self.active.fetch_add(1, Ordering::Relaxed);
        Active(self.active.clone())
    }

    /// Starts a part: `alone`, or in a change set with others.
    pub(crate) async fn submit(&self, part: Part, alone: bool) -> Started {
        let (answer, receiver) = oneshot::channel();
        if self.waiting.send(Waiting { part, alone, answer }).is_err() {
            return self.unanswered();
        }
        let too_late = async {
            self.stop.cancelled().await;
            sleep(LAST_ANSWER).await;
        };
        tokio::select! {
            // The answer goes first: a request that is under way gets a moment after the stop, so
            // that its change set is known. If no answer comes, the next pass finds the change set
            // by its token, or as the one that locks the experience.
            biased;
            answer = receiver => answer.unwrap_or_else(|_| self.unanswered()),
            () = too_late => Started::Stopped,
        }
    }
}

impl Starter {
    /// The reason why the task dropped a part without an answer.
    fn unanswered(&self) -> Started {
        if self.stop.is_cancelled() { Started::Stopped } else { Started::Gone }
    }
}

struct Task {
    starting: Arc<Starting>,
    slots: Arc<Semaphore>,
    active: Arc<AtomicUsize>,
    queue: Vec<Waiting>,
    /// The time at which a part came into the empty queue.
    first_came: Instant,
}

impl Task {
    async fn run(mut self, mut waiting: mpsc::UnboundedReceiver<Waiting>) {
        let starting = self.starting.clone();
        loop {
            if starting.stop.is_cancelled() {
                self.queue.clear();
            }
            if self.queue.is_empty() {
                match waiting.recv().await {
                    Some(first) if !starting.stop.is_cancelled() => {
                        self.queue.push(first);
                        self.first_came = Instant::now();
                    }
                    Some(stopped) => drop(stopped),
                    None => return,
                }
                continue;
            }
            self.linger(&mut waiting).await;
            let permit = async {
                let slot = self.slots.clone().acquire_owned().await;
                starting.catalog.pace().of(Operation::StartChangeSet).ready().await;
                slot
            };
            tokio::select! {
                // The stop goes first: if it comes together with a permit, nothing new is started.
                biased;
                // All arms are cancel-safe: the slot is given back, and a permit is taken only when
                // `ready` returns.
                () = starting.stop.cancelled() => {}
                more = waiting.recv() => match more {
                    Some(more) => self.queue.push(more),
                    None => return,
                },
                Ok(slot) = permit => {
                    while let Ok(more) = waiting.try_recv() {
                        self.queue.push(more);
                    }
                    self.start(slot);
                }
            }
        }
    }

    fn sharing(&self) -> Sharing {
        if !self.starting.settings.sharing {
            return Sharing::NONE;
        }
        let pace = self.starting.catalog.pace();
        let permitted = Permitted {
            starts: pace.of(Operation::StartChangeSet).permitted().get().into(),
            polls: pace.of(Operation::DescribeChangeSet).permitted().get().into(),
        };
        Sharing::new(self.active.load(Ordering::Relaxed), permitted, self.starting.poller.durations().typical())
    }

    /// Waits a little for more parts, if parts should share. Experiences that shared a change set
    /// come back at the same moment, so a short wait brings them together again.
    async fn linger(&mut self, waiting: &mut mpsc::UnboundedReceiver<Waiting>) {
        loop {
            let Sharing { even_size, linger, .. } = self.sharing();
            let shareable = changes(self.queue.iter().filter(|waiting| !waiting.alone));
            let enough = !(1..even_size).contains(&shareable.len()) || is_full(&shareable);
            if enough || self.starting.stop.is_cancelled() {
                return;
            }
            match tokio::time::timeout_at(self.first_came + linger, waiting.recv()).await {
                Ok(Some(more)) => self.queue.push(more),
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// Starts as many change sets as are permitted now. The caller holds a permit and `slot` for
    /// the first.
    fn start(&mut self, slot: OwnedSemaphorePermit) {
        let (alone, mut shareable): (Vec<_>, Vec<_>) = self.queue.drain(..).partition(|waiting| waiting.alone);
        let mut groups: Vec<Vec<Waiting>> = alone.into_iter().map(|waiting| vec![waiting]).collect();
        let Sharing { share, .. } = self.sharing();
        let takes = changes(shareable.iter());
        let wanted = groups.len() + change_sets(&takes, share);
        let mut slots = vec![slot];
        while slots.len() < wanted
            && let Ok(slot) = self.slots.clone().try_acquire_owned()
            && self.starting.catalog.pace().of(Operation::StartChangeSet).try_ready()
        {
            slots.push(slot);
        }
        // Parts that must go alone come first. They were in a failed change set before, and have
        // waited for it.
        let sets = slots.len().saturating_sub(groups.len());
        let sizes =
            if self.starting.settings.sharing { sizes(&takes, sets) } else { vec![1; sets.min(shareable.len())] };
        for size in sizes {
            let rest = shareable.split_off(size);
            groups.push(std::mem::replace(&mut shareable, rest));
        }
        let mut slots = slots.into_iter();
        for group in groups {
            match slots.next() {
                Some(slot) => _ = tokio::spawn(self.starting.clone().run(group, slot)),
                None => self.queue.extend(group),
            }
        }
        self.queue.extend(shareable);
    }
}

/// How many changes of a change set each part takes.
fn changes<'a>(waiting: impl Iterator<Item = &'a Waiting>) -> Vec<usize> {
    waiting.map(|waiting| waiting.part.changes()).collect()
}

/// Everything that the start of one change set needs.
struct Starting {
    catalog: Arc<dyn Catalog>,
    poller: Poller,
    settings: Options,
    stop: CancellationToken,
}

impl Starting {
    /// Starts the change set of one group, whose permit is taken, and answers each part.
    async fn run(self: Arc<Self>, group: Vec<Waiting>, slot: OwnedSemaphorePermit) {
        let mut group = group.into_iter();
        let Some(first) = group.next() else { return };
        let mut request = ChangeSetRequest::new(first.part, self.settings.name.clone());
        let mut answers = vec![first.answer];
        for Waiting { part, answer, .. } in group {
            match request.add(part) {
                Ok(()) => answers.push(answer),
                // The request has no room for this part. The catalog was not asked: the experience
                // submits its part again.
                Err(_) => drop(answer.send(Started::Refused { error: no_room(), shared: true, concerned: false })),
            }
        }
        let shared = request.parts().len() > 1;
        match self.ask(&request).await {
            Ok((id, asked)) => {
                let experiences: Vec<_> = request.parts().iter().map(|part| part.experience.as_str()).collect();
                tracing::info!(change_set = %id, experiences = experiences.join(","), "change set started");
                let mut slot = Some(slot);
                for answer in answers {
                    let ended = self.poller.started(&id, asked, slot.take());
                    let _stopped = answer.send(Started::Running { id: id.clone(), shared, ended });
                }
            }
            // Nothing was started. Dropping the senders reports that to the experiences.
            Err(NotStarted::Stopped) => {}
            Err(NotStarted::Closed) => answers.into_iter().for_each(|answer| drop(answer.send(Started::Closed))),
            Err(NotStarted::Refused(error)) => {
                let text = error.to_string();
                let named: Vec<_> =
                    request.parts().iter().map(|part| text.contains(part.experience.as_str())).collect();
                let any = named.contains(&true);
                for (answer, named) in answers.into_iter().zip(named) {
                    let concerned = named || !any;
                    let _stopped = answer.send(Started::Refused { error: error.clone(), shared, concerned });
                }
            }
        }
    }

    /// Asks the catalog until it answers, always with the same request and the same token, so that
    /// nothing is started twice. After a stop it does not ask again, because another spoke may hold
    /// the lease by then.
    async fn ask(&self, request: &ChangeSetRequest) -> Result<(ChangeSetId, Instant), NotStarted> {
        // The stop may have come after the permit was taken, before this task ran.
        if self.stop.is_cancelled() {
            return Err(NotStarted::Stopped);
        }
        let mut pauses = backoff::for_the_catalog(&self.settings.chance);
        loop {
            // A part may have waited long for its permit.
            if self.settings.closing.as_ref().is_some_and(Closing::is_over) {
                return Err(NotStarted::Closed);
            }
            let asked = Instant::now();
            let error = match self.catalog.start_change_set(request).await {
                Ok(id) => return Ok((id, asked)),
                Err(error) => error,
            };
            let waited = match Reaction::to(error.class()) {
                Reaction::AskAgain => pauses.wait(&self.stop).await,
                Reaction::AwaitOwn => {
                    let ended = tokio::time::timeout(QUOTA_PAUSE, self.poller.any_ended());
                    tokio::select! {
                        biased;
                        // Both arms are cancel-safe: neither holds anything.
                        () = self.stop.cancelled() => Waited::Stopped,
                        _ = ended => pauses.wait(&self.stop).await,
                    }
                }
                _ => return Err(NotStarted::Refused(error)),
            };
            if waited != Waited::TryAgain {
                return Err(NotStarted::Refused(error));
            }
            tracing::info!(%error, "trying again");
            tokio::select! {
                // The stop goes first, as above. Both arms are cancel-safe: a permit is taken only
                // when `ready` returns.
                biased;
                () = self.stop.cancelled() => return Err(NotStarted::Refused(error)),
                () = self.catalog.pace().of(Operation::StartChangeSet).ready() => {}
            }
        }
    }
}

/// The reason why a change set was not started.
enum NotStarted {
    /// The spoke had to stop before the catalog was asked.
    Stopped,
    /// Change windows closed before the catalog was asked again.
    Closed,
    /// The catalog's last answer. After a stop the catalog is not asked again, whatever the answer
    /// was.
    Refused(CatalogError),
}

fn no_room() -> CatalogError {
    CatalogError::Unexpected { entity: "change set".to_owned(), problem: "no room for another part".to_owned() }
}
