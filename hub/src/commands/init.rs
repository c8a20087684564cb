//! `init`: makes the tables and the topic.

pub(crate) mod resources;

use clap::Args;
use pmp_audit::Event;
use pmp_ledger::DynamoRoster;
use pmp_protocol::{AccountId, OrganizationId};
use pmp_terminal::{Exit, Failure, Output};
use serde_json::json;

use super::caller;
use crate::commands::init::resources as init;
use crate::compose;
use crate::config::ConfigArgs;
use crate::error::sdk;

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// An account that may subscribe its queue to the topic; repeat for more
    #[arg(long = "allow-account", value_name = "ACCOUNT")]
    allow_accounts: Vec<AccountId>,
    /// A member organization to admit to the roster; repeat for more, or separate them by commas
    #[arg(long = "admit", value_name = "ORG", value_delimiter = ',')]
    admit: Vec<OrganizationId>,
    /// With --admit: these keep more than 200 experiences each, so that more of what they report is
    /// read
    #[arg(long, requires = "admit")]
    large: bool,
}

pub(crate) async fn initialize(config: &ConfigArgs, args: &InitArgs, output: Output) -> Result<Exit, Failure> {
    let config = config.for_init(!args.admit.is_empty())?;
    let sdk = sdk().await?;
    let mut made = init::init(&sdk, &config, &args.allow_accounts).await?;
    if let (Some(experience), [_, ..]) = (&config.experience, args.admit.as_slice()) {
        let by = caller(&sdk).await?;
        let roster = DynamoRoster::new(&sdk, config.timestamps.clone());
        let auditor = compose::auditor(&sdk, &config.timestamps, experience);
        let asked = auditor.asked(Event::Admit { organizations: args.admit.clone(), large: args.large }).await?;
        let admitted = init::admit(&roster, experience, &args.admit, args.large, &by, compose::clock().now()).await;
        made.changes.extend(asked.done(admitted).await?);
    }
    if !output.is_table() {
        output.document(&json!(made))?;
        return Ok(Exit::Ok);
    }
    if made.changes.is_empty() {
        output.pasted("# No changes: tables and topic are as they should be.")?;
    }
    for change in &made.changes {
        output.pasted(&format!("# {change}"))?;
    }
    for (variable, value) in [
        ("PMP_SNAPSHOTS_TABLE", &made.snapshots_table),
        ("PMP_TIMESTAMPS_TABLE", &made.timestamps_table),
        ("PMP_TOPIC_ARN", &made.topic_arn),
    ] {
        output.pasted(&format!("export {variable}={value}"))?;
    }
    Ok(Exit::Ok)
}
