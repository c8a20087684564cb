//! `init`: makes the queue, and subscribes it to the hub's topic.

mod resources;

use clap::Args;
use pmp_terminal::{Exit, Failure, Output};
use serde_json::json;

use self::resources::Filtering;
use crate::commands::doctor::lets_through;
use crate::config::{ConfigArgs, InitSettings};
use crate::error::sdk;

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    settings: InitSettings,
    /// The topic carries several management experiences: add a filter policy to the subscription,
    /// also to one that is there.
    /// SNS permits 200 of these for a topic
    #[arg(long)]
    shared_topic: bool,
}

pub(crate) async fn initialize(config: &ConfigArgs, args: &InitArgs, output: Output) -> Result<Exit, Failure> {
    let (config, queue_name) = (config.for_init()?, args.settings.name_of_queue()?);
    let sdk = sdk().await?;
    let made = resources::init(&sdk, &config, &queue_name, args.shared_topic).await?;
    if output.is_table() {
        output.pasted(&format!("# subscribed {} as {}", made.queue_arn, made.subscription_arn))?;
        let experience = &config.experience;
        match &made.filter_policy {
            Some(Filtering::Set(policy)) => {
                output.pasted(&format!("# the subscription has the filter policy {policy} now"))?;
            }
            Some(Filtering::Enough(policy)) if lets_through(policy, experience) => {
                output.pasted(&format!("# the subscription's filter policy lets {experience} through already"))?;
            }
            // It asks for something else besides, and whoever wrote it knows what for.
            Some(Filtering::Enough(policy)) => output.pasted(&format!(
                "# the subscription's filter policy {policy} stays: `pmp-spoke doctor` says whether it keeps {experience} out"
            ))?,
            None => {}
        }
        output.pasted(&format!("# dead letters go to {}", made.dead_letter_queue_url))?;
        output.pasted(&format!("export PMP_QUEUE_URL={}", made.queue_url))?;
    } else {
        output.document(&json!(made))?;
    }
    Ok(Exit::Ok)
}
