//! `init`: make the queue, and subscribe it to the hub's topic.

mod resources;

use clap::Args;
use pmp_terminal::{Exit, Failure, Output};

use crate::config::ConfigArgs;
use crate::error::{failure, sdk};

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The name of the queue; its dead-letter queue gets the suffix -dead-letters
    #[arg(long, env = "PMP_QUEUE_NAME", default_value = "pmp-sync-snapshots", value_name = "NAME")]
    queue_name: String,
    /// The topic carries other management experiences, too: keep their messages out. SNS takes 200
    /// such filter policies a topic
    #[arg(long)]
    shared_topic: bool,
}

pub(crate) async fn initialize(config: &ConfigArgs, args: &InitArgs, output: Output) -> Result<Exit, Failure> {
    let config = config.for_init()?;
    let sdk = sdk().await?;
    let made = resources::init(&sdk, &config, &args.queue_name, args.shared_topic).await.map_err(failure)?;
    if output.is_table() {
        output.line(&format!("# subscribed {} as {}", made.queue_arn, made.subscription_arn))?;
        output.line(&format!("# dead letters go to {}", made.dead_letter_queue_url))?;
        output.line(&format!("export PMP_QUEUE_URL={}", made.queue_url))?;
    } else {
        output.document(&serde_json::to_value(&made).map_err(Failure::new)?)?;
    }
    Ok(Exit::Ok)
}
