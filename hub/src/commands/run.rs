//! `run`: publishes by schedule and on change events.

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use clap::Args;
use futures::future::join_all;
use pmp_catalog::Catalog;
use pmp_metrics::{MetricSet, NoMetricSet};
use pmp_runtime::Stop;
use pmp_terminal::{Exit, Failure, parse_duration, stop_on_signal};
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::Keep;
use crate::compose;
use crate::config::{ConfigArgs, INTERVAL, METRICS, PublishConfig, STALE, silence_of_run};
use crate::error::sdk;
use crate::follow_up::FollowUp;
use crate::metrics::Metrics;
use crate::publish::products;
use crate::status::fleet::Fleet;
use crate::triggers::agent::{self, Events};
use crate::triggers::calls::{self, Calls};
use crate::triggers::event_queue::EventQueue;

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// How often an unchanged snapshot is announced: 30s, 15m, 1h
    #[arg(long, env = INTERVAL.variable, default_value = "1h", value_parser = parse_duration, value_name = "DURATION")]
    interval: Duration,
    /// How long a spoke may be silent before the metrics count it, and before operations is told.
    /// Longer than the interval [default: 3h, or three intervals where that is longer]
    #[arg(long, env = STALE.variable, value_name = "DURATION")]
    stale_after: Option<String>,
    /// Stop after this time, as on SIGTERM: 90s, 15m, 8h
    #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
    stop_after: Option<Duration>,
    /// Which figures become metrics, which CloudWatch bills: none, alarms, or all. They are written
    /// where the log is JSON
    #[arg(long, env = METRICS.variable, default_value = "all", value_parser = metric_set, value_name = "WHICH")]
    metrics: MetricSet,
    #[command(flatten)]
    keep: Keep,
}

/// A blank is how templates spell "not set".
fn metric_set(text: &str) -> Result<MetricSet, NoMetricSet> {
    if text.trim().is_empty() { Ok(MetricSet::default()) } else { text.parse() }
}

pub(crate) async fn run_agent(config: &ConfigArgs, args: &RunArgs, metrics: bool) -> Result<Exit, Failure> {
    let configs = config.for_run(Some(args.interval))?;
    let stale_after = silence_of_run(args.stale_after.as_deref(), args.interval)?;
    let stop = stop_on_signal()?;
    if let Some(after) = args.stop_after {
        stop.before(Instant::now() + after, Duration::ZERO);
    }
    let Some(sdk) = stop.unless_stopped(sdk()).await else { return Ok(Exit::Ok) };
    let sdk = sdk?;
    let queue = configs.iter().find_map(|config| config.events_queue_url.clone()).map(|url| EventQueue::new(&sdk, url));
    let catalog = compose::catalog(&sdk);
    let service = Service { sdk, args, catalog, stale_after, metrics, stop };
    if let [config] = configs.as_slice() {
        service.serve(config, queue.as_ref().map_or(Events::None, Events::Queue)).await;
        return Ok(Exit::Ok);
    }
    let calls: Vec<_> = configs.iter().map(|_| Calls::default()).collect();
    let serving = configs.iter().zip(&calls).map(|(config, calls)| {
        let events = if queue.is_some() { Events::Called(calls) } else { Events::None };
        // So that each line of the log says which one it is about.
        service.serve(config, events).instrument(tracing::info_span!("serving", experience = %config.experience))
    });
    let pass_on = async {
        if let Some(queue) = &queue {
            calls::pass_on(queue, &calls, service.stop.token()).await;
        }
    };
    tokio::join!(join_all(serving), pass_on);
    Ok(Exit::Ok)
}

/// What the management experiences of one process share.
struct Service<'a> {
    sdk: SdkConfig,
    args: &'a RunArgs,
    catalog: Arc<dyn Catalog>,
    stale_after: Duration,
    metrics: bool,
    stop: Stop,
}

impl Service<'_> {
    /// Serves one management experience until the stop. No failure ends it.
    async fn serve(&self, config: &PublishConfig, events: Events<'_>) {
        let Self { sdk, args, stale_after, stop, .. } = self;
        let stale_after = *stale_after;
        tracing::info!(
            experience = %config.experience, interval = ?args.interval, change_events = !matches!(events, Events::None), "hub running"
        );
        let fleet =
            config.timestamps.as_ref().map(|table| Fleet::new(sdk, &config.snapshots, table, config.members.clone()));
        let notifier = compose::notifier_of_runs(sdk, config, stale_after);
        let audit = compose::run_audit(sdk, config, fleet.clone());
        let follow_up = FollowUp {
            fleet,
            metrics: self.metrics.then_some(Metrics { stale_after, set: args.metrics }),
            notifier,
            audit,
        };
        let hub = compose::hub_of(sdk, config, args.keep.keep_versions, self.catalog.clone());
        let (products, due) = (compose::products(sdk, config), Notify::new());
        let look_up = async {
            if let Some(products) = &products {
                products::run(products, &hub, &due, stop).await;
            }
        };
        let publish = agent::run(&hub, args.interval, events, &follow_up, &due, stop.token().clone());
        tokio::join!(publish, look_up);
    }
}
