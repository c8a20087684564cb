//! `run`: runs the agent until it is stopped.

use std::sync::Arc;

use pmp_terminal::{Exit, Failure};

use crate::commands::metrics::StandardOutput;
use crate::commands::mistyped;
use crate::compose::{Purpose, sdk_and_spoke, stop};
use crate::config::ConfigArgs;
use crate::intake::agent;
use crate::intake::sqs::SqsInbox;

pub(crate) async fn run_agent(config: &ConfigArgs, metrics: bool) -> Result<Exit, Failure> {
    let (config, queue_url) = config.for_run()?;
    let stop = stop(&config)?;
    let Some(started) = stop.unless_stopped(sdk_and_spoke(&config, "run", Purpose::Pass, None)).await else {
        return Ok(Exit::Ok);
    };
    let (sdk, mut spoke) = started?;
    let wanted = config.metrics;
    spoke.metrics = metrics.then(|| Arc::new(StandardOutput(wanted)) as _);
    if stop.unless_stopped(mistyped::warn(&sdk, &config, &spoke)).await.is_none() {
        return Ok(Exit::Ok);
    }
    let inbox = SqsInbox::new(&sdk, queue_url);
    tracing::info!(experience = %spoke.management, organization = %spoke.identity.organization, "spoke running");
    agent::run(&spoke, &inbox, &stop).await;
    Ok(Exit::Ok)
}
