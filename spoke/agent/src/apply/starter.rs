//! Starts change sets: the parts of all experiences wait here for the account's turns, and share change sets where turns
//! are scarce.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pmp_catalog::{Catalog, CatalogError, ChangeSetId, ChangeSetRequest, Part};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::poller::{Ended, Poller};
use super::reaction::Reaction;
use super::share::{Permitted, Sharing, change_sets, sizes};
use crate::patience::{Patience, Waited};

/// An account whose quota is used up by others is asked again after this.
const QUOTA_PAUSE: Duration = Duration::from_secs(15);
/// After a stop, this long for the answer to what was asked for.
const LAST_ANSWER: Duration = Duration::from_secs(2);

/// What came of a part.
#[derive(Debug)]
pub(crate) enum Started {
    /// It is running.
    Running {
        id: ChangeSetId,
        /// Whether the change set holds parts of other experiences, too.
        shared: bool,
        ended: oneshot::Receiver<Ended>,
    },
    /// Nothing was started.
    Refused {
        error: CatalogError,
        shared: bool,
        /// Whether the error is about this part, or may be. It is not where it names other experiences of the change set.
        concerned: bool,
    },
    /// Told to stop before it was asked for.
    Stopped,
}

struct Waiting {
    part: Part,
    alone: bool,
    answer: oneshot::Sender<Started>,
}

/// The handle of the task that starts.
#[derive(Debug)]
pub(crate) struct Starter {
    waiting: mpsc::UnboundedSender<Waiting>,
    active: Arc<AtomicUsize>,
    stop: CancellationToken,
}

/// What the task needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The name of the change sets.
    pub(crate) name: String,
    /// Whether experiences may share change sets.
    pub(crate) sharing: bool,
    /// Change sets that may be open at once.
    pub(crate) max_open: usize,
}

/// One experience that may have something to start, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Active(Arc<AtomicUsize>);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Starter {
    /// Starts the task. It ends when the handle is gone; once told to stop, it starts nothing more.
    pub(crate) fn start(
        catalog: Arc<dyn Catalog>,
        poller: Poller,
        settings: Settings,
        stop: CancellationToken,
    ) -> Self {
        let (waiting, receiver) = mpsc::unbounded_channel();
        let active = Arc::new(AtomicUsize::new(0));
        let places = Arc::new(Semaphore::new(settings.max_open));
        let starting = Arc::new(Starting { catalog, poller, settings, stop: stop.clone() });
        let task = Task { starting, places, active: active.clone(), queue: Vec::new(), first_came: Instant::now() };
        tokio::spawn(task.run(receiver));
        Self { waiting, active, stop }
    }

    /// Counts an experience that may start change sets, for the others to know how scarce turns are.
    pub(crate) fn active(&self) -> Active {
        self.active.fetch_add(1, Ordering::Relaxed);
        Active(self.active.clone())
    }

    /// Starts a part: `alone`, or in a change set with others.
    pub(crate) async fn submit(&self, part: Part, alone: bool) -> Started {
        let (answer, receiver) = oneshot::channel();
        if self.waiting.send(Waiting { part, alone, answer }).is_err() {
            return Started::Stopped;
        }
        let too_late = async {
            self.stop.cancelled().await;
            sleep(LAST_ANSWER).await;
        };
        tokio::select! {
            // The answer first: what was asked for is answered for a while after the stop, so that its change set is known.
            // Where that does not come, the next run finds it by its token, or as what holds the experience.
            biased;
            answer = receiver => answer.unwrap_or(Started::Stopped),
            () = too_late => Started::Stopped,
        }
    }
}

struct Task {
    starting: Arc<Starting>,
    places: Arc<Semaphore>,
    active: Arc<AtomicUsize>,
    queue: Vec<Waiting>,
    /// When the first part came into the queue that was empty before.
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
            let turn = async {
                let place = self.places.clone().acquire_owned().await;
                starting.catalog.pace().start_change_set.ready().await;
                place
            };
            tokio::select! {
                // The stop first: where it comes together with a turn, nothing new is started.
                biased;
                // Cancel-safe, all: the place is given back, and a turn is taken only when `ready` returns.
                () = starting.stop.cancelled() => {}
                more = waiting.recv() => match more {
                    Some(more) => self.queue.push(more),
                    None => return,
                },
                Ok(place) = turn => {
                    while let Ok(more) = waiting.try_recv() {
                        self.queue.push(more);
                    }
                    self.start(place);
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
            starts: pace.start_change_set.permitted().get().into(),
            looks: pace.describe_change_set.permitted().get().into(),
        };
        Sharing::new(self.active.load(Ordering::Relaxed), permitted, self.starting.poller.durations().typical())
    }

    /// Where parts should share, the first waits a little for others: those that shared before come back together.
    async fn linger(&mut self, waiting: &mut mpsc::UnboundedReceiver<Waiting>) {
        loop {
            let Sharing { company, linger, .. } = self.sharing();
            let shareable = self.queue.iter().filter(|part| !part.alone).count();
            if !(1..company).contains(&shareable) || self.starting.stop.is_cancelled() {
                return;
            }
            match tokio::time::timeout_at(self.first_came + linger, waiting.recv()).await {
                Ok(Some(more)) => self.queue.push(more),
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// Starts as many change sets as there are turns for what waits, the first with the turn and the place that it has.
    fn start(&mut self, place: OwnedSemaphorePermit) {
        let (alone, mut shareable): (Vec<_>, Vec<_>) = self.queue.drain(..).partition(|waiting| waiting.alone);
        let mut groups: Vec<Vec<Waiting>> = alone.into_iter().map(|waiting| vec![waiting]).collect();
        let Sharing { share, .. } = self.sharing();
        let wanted = groups.len() + shareable.len().div_ceil(share);
        let mut places = vec![place];
        while places.len() < wanted
            && let Ok(place) = self.places.clone().try_acquire_owned()
            && self.starting.catalog.pace().start_change_set.try_ready()
        {
            places.push(place);
        }
        // Those that must go alone first: they have waited for others before.
        let sets = change_sets(shareable.len(), places.len().saturating_sub(groups.len()), share);
        let sizes = if self.starting.settings.sharing { sizes(shareable.len(), sets) } else { vec![1; sets] };
        for size in sizes {
            let rest = shareable.split_off(size);
            groups.push(std::mem::replace(&mut shareable, rest));
        }
        let mut places = places.into_iter();
        for group in groups {
            match places.next() {
                Some(place) => _ = tokio::spawn(self.starting.clone().run(group, place)),
                None => self.queue.extend(group),
            }
        }
        self.queue.extend(shareable);
    }
}

/// What is needed to start one change set.
struct Starting {
    catalog: Arc<dyn Catalog>,
    poller: Poller,
    settings: Settings,
    stop: CancellationToken,
}

impl Starting {
    /// Starts the change set of a group, whose turn is taken, and answers each part.
    async fn run(self: Arc<Self>, group: Vec<Waiting>, place: OwnedSemaphorePermit) {
        let mut group = group.into_iter();
        let Some(first) = group.next() else { return };
        let mut request = ChangeSetRequest::new(first.part, self.settings.name.clone());
        let mut answers = vec![first.answer];
        for Waiting { part, answer, .. } in group {
            match request.add(part) {
                Ok(()) => answers.push(answer),
                // It has no room for this one. Nothing was asked: the experience submits it again.
                Err(_) => drop(answer.send(Started::Refused { error: no_room(), shared: true, concerned: false })),
            }
        }
        let shared = request.parts().len() > 1;
        match self.ask(&request).await {
            Ok(id) => {
                let experiences: Vec<_> = request.parts().iter().map(|part| part.experience.as_str()).collect();
                tracing::info!(change_set = %id, experiences = experiences.join(","), "change set started");
                let mut place = Some(place);
                for answer in answers {
                    let ended = self.poller.started(&id, place.take());
                    let _stopped = answer.send(Started::Running { id: id.clone(), shared, ended });
                }
            }
            // The dropped answers say that nothing was started.
            Err(NotStarted::Stopped) => {}
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

    /// Asks until there is an answer that is one: always for the same, with the same token. Once told to stop, it asks
    /// no more: somebody else may hold the lease by then.
    async fn ask(&self, request: &ChangeSetRequest) -> Result<ChangeSetId, NotStarted> {
        // The stop may have come between the turn and the first poll of this task.
        if self.stop.is_cancelled() {
            return Err(NotStarted::Stopped);
        }
        let mut patience = Patience::with_the_catalog();
        loop {
            let error = match self.catalog.start_change_set(request).await {
                Ok(id) => return Ok(id),
                Err(error) => error,
            };
            let waited = match Reaction::to(error.class()) {
                Reaction::AskAgain => patience.wait(&self.stop).await,
                Reaction::AwaitOwn => {
                    let ended = tokio::time::timeout(QUOTA_PAUSE, self.poller.any_ended());
                    tokio::select! {
                        // Cancel-safe, both: neither holds anything.
                        () = self.stop.cancelled() => Waited::Stopped,
                        _ = ended => patience.wait(&self.stop).await,
                    }
                }
                _ => return Err(NotStarted::Refused(error)),
            };
            if waited != Waited::TryAgain {
                return Err(NotStarted::Refused(error));
            }
            tracing::info!(%error, "trying again");
            tokio::select! {
                // The stop first, as above. Cancel-safe: a turn is taken only when `ready` returns.
                biased;
                () = self.stop.cancelled() => return Err(NotStarted::Refused(error)),
                () = self.catalog.pace().start_change_set.ready() => {}
            }
        }
    }
}

/// Why a change set was not started.
enum NotStarted {
    /// Told to stop before it was asked for.
    Stopped,
    /// The catalog's last answer. After a stop it is not asked again, whatever the answer means.
    Refused(CatalogError),
}

fn no_room() -> CatalogError {
    CatalogError::Unexpected { entity: "change set".to_owned(), problem: "no room for another part".to_owned() }
}
