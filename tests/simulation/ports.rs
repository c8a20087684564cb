//! The ports of one process, over the simulated world. Every call goes through [`Ports::call`],
//! where faults strike. Once the process is dead its calls never come back, whoever still waits for
//! them.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use pmp_aws::ApiError;
use pmp_catalog::{Pace, RateLimits};
use pmp_runtime::{Stop, StopReason};
use pmp_spoke::{Inbox, Received, SpokeError};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::faults::{Fault, Operation, api, no_answer, refused};
use crate::world::World;

mod catalog;
mod ledger;

/// How long a call takes when nothing is wrong.
const CALL: Duration = Duration::from_millis(20);
/// A call that hangs does so for this long before the process is told to stop.
const HANGS_BEFORE_STOP: Duration = Duration::from_secs(2);
/// The longest that a receive waits.
const LONG_POLL: Duration = Duration::from_secs(20);
/// How long a received message is hidden, until the spoke says otherwise.
const VISIBILITY: Duration = Duration::from_secs(30);
/// How often a message may be received before it becomes a dead letter.
const MAX_RECEIVES: u32 = 50;
/// Products that people may change: see [`World::foreign_change`].
pub(crate) const UNIVERSE: usize = 400;

/// The ports of one process.
#[derive(Clone)]
pub(crate) struct Ports {
    pub(crate) world: Arc<Mutex<World>>,
    /// Cancelled when the process dies.
    pub(crate) dead: CancellationToken,
    /// Cancelled when it is told to stop.
    pub(crate) told_to_stop: Stop,
    pace: Arc<Pace>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ports")
    }
}

/// How a call failed, for those who know what kind of port they are.
enum Failure {
    Api(ApiError),
}

impl Ports {
    pub(crate) fn new(world: Arc<Mutex<World>>) -> Self {
        Self {
            world,
            dead: CancellationToken::new(),
            told_to_stop: Stop::new(),
            pace: Arc::new(Pace::new(RateLimits::default())),
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// A call: its effect on the world, or a failure in its place.
    async fn call<T>(
        &self,
        operation: Operation,
        what: &str,
        effect: impl FnOnce(&mut World, Option<Fault>) -> T,
    ) -> Result<T, Failure> {
        self.alive().await;
        let latency = self.world().faults.latency;
        sleep(latency).await;
        let fault = {
            let mut world = self.world();
            world.calls += 1;
            let call = world.calls;
            let fault = world.faults.at(call, operation);
            let fault_text = fault.map(|fault| format!("  <- {fault:?}")).unwrap_or_default();
            world.note(format!("{operation:?} {what}{fault_text}"));
            world.called(operation, fault);
            fault
        };
        if let Some(Fault::LedgerDown(seconds)) = fault {
            self.world().take_down(Duration::from_secs(seconds));
        }
        if operation.is_ledger() && self.world().ledger_is_down() {
            sleep(CALL).await;
            return Err(Failure::Api(no_answer()));
        }
        match fault {
            Some(Fault::Slow(seconds)) => sleep(Duration::from_secs(seconds)).await,
            Some(Fault::Hang) => {
                sleep(HANGS_BEFORE_STOP).await;
                self.tell_to_stop();
                std::future::pending::<()>().await;
            }
            Some(Fault::CrashBefore) => self.die().await,
            Some(Fault::Refused(n)) => {
                sleep(CALL).await;
                let error = if operation.is_catalog() { refused(n) } else { api("InternalServerError", "sorry", 500) };
                return Err(Failure::Api(error));
            }
            Some(Fault::Stop) => self.tell_to_stop(),
            Some(Fault::Foreign) => self.world().foreign_change(UNIVERSE),
            Some(Fault::ForeignLock) => self.world().foreign_lock(UNIVERSE),
            Some(Fault::Cancel) => self.world().cancel_one(),
            Some(Fault::StealLease) => self.world().steal_lease(),
            _ => {}
        }
        sleep(CALL).await;
        self.alive().await;
        let value = {
            let mut world = self.world();
            world.settle();
            effect(&mut world, fault)
        };
        match fault {
            Some(Fault::CrashAfter) => self.die().await,
            Some(Fault::Lost) => return Err(Failure::Api(no_answer())),
            _ => {}
        }
        Ok(value)
    }

    /// The process is told to stop after a while, if it still lives.
    pub(crate) fn stop_after(&self, after: Duration) {
        let ports = self.clone();
        tokio::spawn(async move {
            sleep(after).await;
            if !ports.dead.is_cancelled() {
                ports.tell_to_stop();
            }
        });
    }

    fn tell_to_stop(&self) {
        if !self.told_to_stop.is_stopped() {
            self.world().told_to_stop();
            self.told_to_stop.stop(StopReason::Signal("SIGTERM"));
        }
    }

    /// Comes back only to the living.
    async fn alive(&self) {
        if self.dead.is_cancelled() {
            std::future::pending::<()>().await;
        }
    }

    async fn die(&self) {
        {
            let mut world = self.world();
            world.note("the process dies");
            world.died();
        }
        self.dead.cancel();
        std::future::pending::<()>().await;
    }
}

fn in_queue(Failure::Api(source): Failure) -> SpokeError {
    SpokeError::Queue { queue: "simulated".into(), source }
}

#[async_trait]
impl Inbox for Ports {
    async fn receive(&self, wait: bool) -> Result<Vec<Received>, SpokeError> {
        let until = Instant::now() + if wait { LONG_POLL } else { Duration::ZERO };
        loop {
            let take = |world: &mut World, fault| take(world, fault);
            let (next, queue_moved) = {
                let world = self.world();
                (world.queue.iter().map(|message| message.visible_at).min(), Arc::clone(&world.queue_moved))
            };
            // From here on, what moves in the queue is noticed.
            let moved = queue_moved.notified();
            let now = Instant::now();
            if next.is_some_and(|next| next <= now) || !wait || now >= until {
                return self.call(Operation::Receive, "", take).await.map_err(in_queue);
            }
            // A queue with nothing in it makes no call that could fail: time passes until something
            // comes.
            self.alive().await;
            tokio::select! {
                biased;
                () = moved => {}
                () = sleep_until(next.map_or(until, |next| next.min(until))) => {}
            }
        }
    }

    async fn delete(&self, messages: &[Received]) -> Result<(), SpokeError> {
        if messages.is_empty() {
            return Ok(());
        }
        let delete = |world: &mut World, fault| {
            let deleted = Fault::cut(fault, messages);
            world.record("deleted:", &deleted);
            world.queue.retain(|message| deleted.iter().all(|gone| gone.id != message.id));
        };
        let what = format!("{} messages", messages.len());
        self.call(Operation::Delete, &what, delete).await.map_err(in_queue)
    }

    async fn bury(&self, message: &Received, reason: &str) -> Result<bool, SpokeError> {
        let bury = |world: &mut World, _| {
            let (buried, left) = world.queue.drain(..).partition(|one| one.id == message.id);
            world.queue = left;
            world.dead_letters.extend::<Vec<_>>(buried);
            true
        };
        self.call(Operation::Bury, reason, bury).await.map_err(in_queue)
    }

    async fn hide(&self, messages: &[Received], duration: Duration) -> Result<(), SpokeError> {
        let hide = |world: &mut World, fault| {
            let until = Instant::now() + duration;
            let messages = Fault::cut(fault, messages);
            world.record("hidden:", &messages);
            let hidden = world.queue.iter_mut().filter(|message| messages.iter().any(|one| one.id == message.id));
            hidden.for_each(|message| message.visible_at = until);
            world.queue_moved.notify_waiters();
        };
        let what = format!("{} messages for {duration:?}", messages.len());
        self.call(Operation::Hide, &what, hide).await.map_err(in_queue)
    }
}

fn take(world: &mut World, fault: Option<Fault>) -> Vec<Received> {
    let now = Instant::now();
    let most = match fault {
        Some(Fault::Empty) => 0,
        Some(Fault::Half) => 1,
        _ => 10,
    };
    let (mut taken, mut versions) = (Vec::new(), Vec::new());
    let mut queue = std::mem::take(&mut world.queue);
    // No order may be relied on.
    world.faults.rng.shuffle(&mut queue);
    for mut message in queue {
        if taken.len() < most && message.visible_at <= now {
            message.times += 1;
            if message.times > MAX_RECEIVES {
                world.note(format!("{} becomes a dead letter", message.id));
                world.dead_letters.push(message);
                continue;
            }
            message.visible_at = now + VISIBILITY;
            versions.extend(message.version);
            taken.push(Received {
                id: message.id.clone(),
                body: message.body.clone(),
                handle: message.id.clone(),
                times: message.times,
                sent: None,
            });
        }
        world.queue.push(message);
    }
    world.record("received:", &taken);
    world.received(&taken, &versions);
    taken
}
