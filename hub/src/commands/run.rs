//! `run`: publishes by schedule and on change events.

use std::time::Duration;

use clap::Args;
use pmp_terminal::{Exit, Failure, parse_duration, stop_on_signal};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Keep;
use crate::compose;
use crate::config::{ConfigArgs, INTERVAL, STALE, silence_of_run};
use crate::error::sdk;
use crate::follow_up::FollowUp;
use crate::metrics::Metrics;
use crate::publish::products;
use crate::status::fleet::Fleet;
use crate::triggers::agent;
use crate::triggers::event_queue::EventQueue;

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// How often an unchanged snapshot is announced: 30s, 15m, 1h
    #[arg(long, env = INTERVAL.variable, default_value = "1h", value_parser = parse_duration, value_name = "DURATION")]
    interval: Duration,
    /// How long a spoke may be silent before the metrics count it, which are written where the log
    /// is JSON, and before operations is told: longer than the interval [default: 3h, or three
    /// intervals where that is longer]
    #[arg(long, env = STALE.variable, value_name = "DURATION")]
    stale_after: Option<String>,
    /// Stop after this time, as on SIGTERM: 90s, 15m, 8h
    #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
    stop_after: Option<Duration>,
    #[command(flatten)]
    keep: Keep,
}

pub(crate) async fn run_agent(config: &ConfigArgs, args: &RunArgs, metrics: bool) -> Result<Exit, Failure> {
    let config = config.for_run(Some(args.interval))?;
    let stale_after = silence_of_run(args.stale_after.as_deref(), args.interval)?;
    let stop = stop_on_signal()?;
    if let Some(after) = args.stop_after {
        stop.before(Instant::now() + after, Duration::ZERO);
    }
    let Some(sdk) = stop.unless_stopped(sdk()).await else { return Ok(Exit::Ok) };
    let sdk = sdk?;
    let events = config.events_queue_url.clone().map(|url| EventQueue::new(&sdk, url));
    tracing::info!(
        experience = %config.experience, interval = ?args.interval, change_events = events.is_some(), "hub running"
    );
    let notifier = compose::notifier_of_runs(&sdk, &config, stale_after);
    let fleet =
        config.timestamps.as_ref().map(|table| Fleet::new(&sdk, &config.snapshots, table, config.members.clone()));
    let audit = compose::run_audit(&sdk, &config, fleet.clone());
    let follow_up = FollowUp { fleet, metrics: metrics.then_some(Metrics { stale_after }), notifier, audit };
    let hub = compose::hub(&sdk, &config, args.keep.keep_versions);
    let (products, due) = (compose::products(&sdk, &config), Notify::new());
    let look_up = async {
        if let Some(products) = &products {
            products::run(products, &hub, &due, &stop).await;
        }
    };
    let publish = agent::run(&hub, args.interval, events, &follow_up, &due, stop.token().clone());
    tokio::join!(publish, look_up);
    Ok(Exit::Ok)
}
