//! The hub as a Lambda function: one event, one look at the management experience.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;
use pmp_lambda::{Function, Invocation};
use pmp_terminal::Failure;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::compose::{hub, notifier_of_runs, products, run_audit};
use crate::config::{FunctionArgs, PublishConfig};
use crate::error::{HubError, sdk};
use crate::follow_up::FollowUp;
use crate::metrics::{Metrics, Run};
use crate::publish::products;
use crate::publish::products::Products;
use crate::publish::{Hub, Outcome, Published, Trigger};
use crate::status::fleet::Fleet;
use crate::triggers::event::{READ_AGAIN_AFTER, Request, classify, has_seen};

/// The longest that products are looked up in one invocation: another one may have to wait for this
/// one to end, and 10,000 products take about as long.
const LOOK_UP_FOR: Duration = Duration::from_secs(40);

/// What one execution environment of the function keeps between invocations.
#[derive(Debug)]
pub(crate) struct HubFunction {
    hub: Hub,
    /// What looks products up, where that is wanted.
    products: Option<Products>,
    follow_up: FollowUp,
    /// When the last read that succeeded began.
    read: Mutex<Option<Timestamp>>,
}

impl Function for HubFunction {
    type Settings = FunctionArgs;

    async fn init(settings: FunctionArgs) -> Result<Self, Failure> {
        let config = settings.config()?;
        let sdk = sdk().await?;
        let PublishConfig { snapshots, timestamps, members, .. } = &config.publish;
        let fleet = timestamps.as_ref().map(|table| Fleet::new(&sdk, snapshots, table, members.clone()));
        let notifier = notifier_of_runs(&sdk, &config.publish, config.stale_after);
        let hub = hub(&sdk, &config.publish, config.keep_versions);
        let products = products(&sdk, &config.publish);
        tracing::info!(experience = %hub.experience, "hub ready");
        let metrics = Some(Metrics { stale_after: config.stale_after });
        let audit = run_audit(&sdk, &config.publish, fleet.clone());
        Ok(Self { hub, products, follow_up: FollowUp { fleet, metrics, notifier, audit }, read: Mutex::default() })
    }

    async fn invoke(&self, event: Value, invocation: &Invocation) -> Result<Value, Failure> {
        let (trigger, ended) = match classify(&event) {
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
        let mut published = self.publish(trigger, invocation).await?;
        if trigger == Trigger::ChangeEvent
            && published.outcome == Outcome::Unchanged
            && !has_seen(self.last_read(), ended)
        {
            tracing::info!(again_in = ?READ_AGAIN_AFTER, "nothing new yet: looking once more");
            tokio::select! {
                biased;
                // Cancel-safe, both: nothing has begun, and the schedule covers what this would
                // have found.
                () = invocation.stop.stopped() => {}
                () = tokio::time::sleep(READ_AGAIN_AFTER) => published = self.publish(trigger, invocation).await?,
            }
        }
        // Where an event led to nothing new, there is nothing to look up: most are about something
        // else.
        if let Some(products) = self.products.as_ref().filter(|_| published.outcome != Outcome::Unchanged) {
            // What there is no time for is looked up after the next look.
            let (deadline, stop) = (Instant::now() + LOOK_UP_FOR, &invocation.stop);
            let look_up = products.look_up(&self.hub, Some(deadline), stop.token());
            stop.write_down(look_up).await.and_then(products::log_outcome);
        }
        Ok(json!({"published": published}))
    }
}

impl HubFunction {
    async fn publish(&self, trigger: Trigger, invocation: &Invocation) -> Result<Published, Failure> {
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
        Ok(outcome?)
    }

    fn last_read(&self) -> Option<Timestamp> {
        *self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
