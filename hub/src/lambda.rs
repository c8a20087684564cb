//! The hub as a Lambda function: one event, one look at each management experience.

use std::sync::PoisonError;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use pmp_lambda::{Function, Invocation};
use pmp_terminal::Failure;
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::compose::{catalog, hub_of, notifier_of_runs, products, run_audit};
use crate::config::{FunctionArgs, PublishConfig};
use crate::error::{HubError, sdk};
use crate::follow_up::FollowUp;
use crate::metrics::{Metrics, Run};
use crate::publish::products;
use crate::publish::products::Products;
use crate::publish::{Hub, Outcome, Published, Trigger};
use crate::several::failed;
use crate::status::fleet::Fleet;
use crate::triggers::event::{READ_AGAIN_AFTER, Request, classify, has_seen};

/// The longest that products are looked up in one invocation: another one may have to wait for this
/// one to end, and 10,000 products take about as long.
const LOOK_UP_FOR: Duration = Duration::from_secs(40);

/// What one execution environment of the function keeps between invocations.
#[derive(Debug)]
pub(crate) struct HubFunction {
    /// One for each management experience; at least one.
    served: Vec<Served>,
}

/// What the function keeps of one management experience.
#[derive(Debug)]
struct Served {
    hub: Hub,
    /// What looks products up, where that is wanted.
    products: Option<Products>,
    follow_up: FollowUp,
    /// When the last read that succeeded began.
    read: Mutex<Option<Timestamp>>,
    /// The last invocation that this one answered well. Lambda repeats one that failed under the
    /// same id, and then only those are due that failed.
    answered: Mutex<Option<String>>,
    /// The last invocation that published, and failed after that.
    unfinished: Mutex<Option<String>>,
}

impl Function for HubFunction {
    type Settings = FunctionArgs;

    async fn init(settings: FunctionArgs) -> Result<Self, Failure> {
        let config = settings.config()?;
        let sdk = sdk().await?;
        let catalog = catalog(&sdk);
        let serve = |publish: &PublishConfig| {
            let PublishConfig { snapshots, timestamps, members, .. } = publish;
            let fleet = timestamps.as_ref().map(|table| Fleet::new(&sdk, snapshots, table, members.clone()));
            let notifier = notifier_of_runs(&sdk, publish, config.stale_after);
            let hub = hub_of(&sdk, publish, config.keep_versions, catalog.clone());
            tracing::info!(experience = %hub.experience, "hub ready");
            let metrics = Some(Metrics { stale_after: config.stale_after, set: config.metrics });
            let audit = run_audit(&sdk, publish, fleet.clone());
            Served {
                hub,
                products: products(&sdk, publish),
                follow_up: FollowUp { fleet, metrics, notifier, audit },
                read: Mutex::default(),
                answered: Mutex::default(),
                unfinished: Mutex::default(),
            }
        };
        Ok(Self { served: config.publish.iter().map(serve).collect() })
    }

    async fn invoke(&self, event: Value, invocation: &Invocation) -> Result<Value, Failure> {
        let request = classify(&event);
        if let [only] = self.served.as_slice() {
            return only.invoke(request, invocation).await;
        }
        // Side by side: one that fails or hangs holds none of the others up.
        let answers = self.served.iter().map(|served| {
            let request_id = &invocation.request_id;
            // So that each line of the log says which one it is about.
            let span = tracing::info_span!("serving", experience = %served.hub.experience, requestId = request_id);
            served.invoke_once(request, invocation).instrument(span)
        });
        let answers = join_all(answers).await;
        let (mut told, mut failures) = (Vec::new(), Vec::new());
        for (served, answer) in self.served.iter().zip(answers) {
            let experience = &served.hub.experience;
            match answer {
                Ok(answer) => told.push(json!({"experience": experience, "answer": answer})),
                Err(failure) => {
                    tracing::error!(%experience, error = failure.render(), "could not publish");
                    failures.push((experience, failure));
                }
            }
        }
        if failures.is_empty() { Ok(json!({"experiences": told})) } else { Err(failed(failures, self.served.len())) }
    }
}

impl Served {
    /// Answers an invocation, unless it did so already before Lambda repeated it for another one's
    /// sake.
    async fn invoke_once(&self, request: Request, invocation: &Invocation) -> Result<Value, Failure> {
        let locked = || self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if locked().as_ref() == Some(&invocation.request_id) {
            tracing::info!(experience = %self.hub.experience, "this invocation was answered before it was repeated");
            return Ok(json!({"outcome": "seen"}));
        }
        let answer = self.invoke(request, invocation).await;
        if answer.is_ok() {
            *locked() = Some(invocation.request_id.clone());
        }
        answer
    }

    async fn invoke(&self, request: Request, invocation: &Invocation) -> Result<Value, Failure> {
        // Lambda repeats what failed. What this one announced already is not announced once more:
        // only the steps are taken that are left.
        let repeats = self.is_unfinished(invocation);
        let (trigger, ended) = match request {
            Request::Publish(_) if repeats => (Trigger::ChangeEvent, None),
            Request::Publish(trigger) => (trigger, None),
            Request::PublishIfNew(ended) if has_seen(self.last_read(), ended) => {
                tracing::info!("the change was seen by an earlier read");
                return Ok(json!({"outcome": "seen"}));
            }
            Request::PublishIfNew(ended) => (Trigger::ChangeEvent, ended),
            Request::Ignore => {
                tracing::info!("an event of a change set that changed nothing");
                return Ok(json!({"outcome": "ignored"}));
            }
        };
        let mut outcome = self.publish(trigger, invocation).await;
        let found_nothing = |outcome: &Result<Published, HubError>| {
            outcome.as_ref().is_ok_and(|published| published.outcome == Outcome::Unchanged)
        };
        if trigger == Trigger::ChangeEvent && !repeats && found_nothing(&outcome) && !has_seen(self.last_read(), ended)
        {
            tracing::info!(again_in = ?READ_AGAIN_AFTER, "nothing new yet: looking once more");
            tokio::select! {
                biased;
                // Cancel-safe, both: nothing has begun, and the schedule covers what this would
                // have found.
                () = invocation.stop.stopped() => {}
                () = tokio::time::sleep(READ_AGAIN_AFTER) => outcome = self.publish(trigger, invocation).await,
            }
        }
        // What was published is so, whatever failed after it.
        let published = outcome.as_ref().map_or_else(HubError::published, Some);
        // Where an event led to nothing new, there is nothing to look up: most are about something
        // else.
        let is_new = published.is_some_and(|published| published.outcome != Outcome::Unchanged);
        if let Some(products) = self.products.as_ref().filter(|_| is_new) {
            // What there is no time for is looked up after the next look.
            let (deadline, stop) = (Instant::now() + LOOK_UP_FOR, &invocation.stop);
            let look_up = products.look_up(&self.hub, Some(deadline), stop.token());
            stop.write_down(look_up).await.and_then(products::log_outcome);
        }
        let published = outcome?;
        Ok(json!({"published": published}))
    }

    async fn publish(&self, trigger: Trigger, invocation: &Invocation) -> Result<Published, HubError> {
        let (began, read, throttled) = (Instant::now(), self.hub.clock.now(), pmp_aws::throttles());
        let outcome = tokio::select! {
            biased;
            // Publishing may be dropped at any point: the next run goes on from what is stored.
            () = invocation.stop.stopped() => {
                let reason = invocation.stop.reason().map_or_else(String::new, ToString::to_string);
                Err(HubError::Stopped(reason))
            }
            outcome = self.hub.publish(trigger) => outcome,
        };
        if outcome.is_ok() {
            *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(read);
        }
        if outcome.as_ref().is_err_and(|error| error.published().is_some()) {
            *self.unfinished() = Some(invocation.request_id.clone());
        }
        let throttles = pmp_aws::throttles() - throttled;
        let request_id = Some(invocation.request_id.as_str());
        let run = Run { trigger, outcome: &outcome, took: began.elapsed(), throttles, request_id };
        // Figures that cannot be had in time are left out, and what could not be told or written
        // into the audit comes with the next run; the answer comes.
        if invocation.stop.write_down(self.follow_up.after(&self.hub, run)).await.is_none() {
            tracing::warn!(
                "the time is up: figures of this run, its audit, or notifications, are left to the next one"
            );
        }
        outcome
    }

    fn unfinished(&self) -> MutexGuard<'_, Option<String>> {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this invocation published before, and failed after that.
    fn is_unfinished(&self, invocation: &Invocation) -> bool {
        self.unfinished().as_ref() == Some(&invocation.request_id)
    }

    fn last_read(&self) -> Option<Timestamp> {
        *self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
