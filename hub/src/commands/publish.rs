//! `publish`: reads, stores and publishes once.

use aws_config::SdkConfig;
use clap::Args;
use pmp_ledger::{Said, TableName};
use pmp_terminal::{Exit, Failure, Output, count, progress, stop_on_signal};
use serde_json::json;

use super::Keep;
use crate::audit::{Ran, Sight, not_in_the_audit};
use crate::commands::mistyped;
use crate::compose;
use crate::config::ConfigArgs;
use crate::error::sdk;
use crate::publish::products::{LookedUp, Products};
use crate::publish::{Hub, Outcome, Published, Sent, Trigger, products};

#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    keep: Keep,
}

pub(crate) async fn publish(config: &ConfigArgs, args: &PublishArgs, output: Output) -> Result<Exit, Failure> {
    let config = config.for_publish()?;
    let sdk = sdk().await?;
    let hub = compose::hub(&sdk, &config, args.keep.keep_versions);
    let products = compose::products(&sdk, &config).filter(|_| !args.dry_run);
    let published =
        if args.dry_run { hub.dry_run(Trigger::Operator).await } else { hub.publish(Trigger::Operator).await };
    let published = match published {
        Ok(published) => published,
        Err(error) => return Err(mistyped::told(&sdk, config.timestamps.as_ref(), error).await),
    };
    let audited = match config.timestamps.as_ref().filter(|_| !args.dry_run) {
        Some(timestamps) => audit(&sdk, timestamps, &hub, Some(&published)).await,
        None => Ok(()),
    };
    if output.is_table() {
        output.line(&sentence(&published, args.dry_run))?;
    }
    let looked_up = match &products {
        Some(products) => look_products_up(products, &hub).await?,
        None => None,
    };
    if !output.is_table() {
        let mut document = json!({"dry_run": args.dry_run, "published": published});
        if products.is_some() {
            document["products"] = json!(looked_up);
        }
        output.document(&document)?;
    }
    audited.map(|()| Exit::Ok)
}

/// Writes down what a person published, and what came of it in the waves and in the settings.
///
/// # Errors
/// If it cannot be written. It is done all the same, and the next run of the hub writes it.
pub(super) async fn audit(
    sdk: &SdkConfig,
    timestamps: &TableName,
    hub: &Hub,
    published: Option<&Published>,
) -> Result<(), Failure> {
    let auditor = compose::auditor(sdk, timestamps, &hub.experience);
    // What cannot be read is left to the next run of the hub.
    let waves = match &hub.rollouts {
        Some(rollouts) => rollouts.kept(&hub.experience).await.ok(),
        None => None,
    };
    let waves = waves.map(|kept| kept.filter(|kept| !kept.state.ended));
    let fleet = match &hub.marks {
        Some(marks) => marks.direction(&hub.experience, None).await.ok(),
        None => None,
    };
    let fleet = match &fleet {
        Some(Said::Nothing) => Some(None),
        Some(Said::Directed(directed)) => Some(Some(&directed.direction)),
        Some(Said::Unreadable(_) | Said::NotPermitted) | None => None,
    };
    let sight = Sight { waves: waves.as_ref().map(Option::as_ref), fleet };
    let published = published.map(|published| (published, Trigger::Operator));
    match auditor.ran(Ran { published, sight, view: None, snapshots: hub.snapshots.as_ref() }).await {
        Err(error) if error.is_access_denied() => {
            not_in_the_audit(error);
            Ok(())
        }
        Err(error) => Err(Failure::from(error)
            .within("it is done, and the audit does not say so yet")
            .hint("the next run of the hub writes it into the audit".to_owned())),
        Ok(()) => Ok(()),
    }
}

/// Looks products up after the snapshot is published. A failure is printed, and is no failure of
/// `publish`.
async fn look_products_up(products: &Products, hub: &Hub) -> Result<Option<LookedUp>, Failure> {
    let stop = stop_on_signal()?;
    progress::step(progress::Step::Doing, "looking products up for the filters of the members");
    let outcome = stop.write_down(products.look_up(hub, None, stop.token())).await;
    let looked_up = outcome.and_then(products::log_outcome);
    if let Some(LookedUp { known, unknown, calls, .. }) = &looked_up {
        let (known, calls) = (count(*known, "product"), count(*calls, "call"));
        progress::step(progress::Step::Done, &format!("{known} looked up, {unknown} not yet, with {calls} now"));
    }
    Ok(looked_up)
}

/// The result of `publish`, for a person.
pub(crate) fn sentence(published: &Published, dry_run: bool) -> String {
    let Published { version, digest, counts, .. } = published;
    let snapshot = format!("snapshot {version} ({}), {counts}", digest.short());
    let again = format!("snapshot {version} again ({}), with {counts}", digest.short());
    let how = match &published.sent {
        Some(Sent { inline: true, message_bytes, .. }) => format!(", in a message of {message_bytes} bytes"),
        Some(Sent { message_bytes, .. }) => format!(", by reference, in a message of {message_bytes} bytes"),
        None => String::new(),
    };
    match (published.outcome, dry_run) {
        (Outcome::Stored, false) => format!("Published {snapshot}{how}."),
        (Outcome::Stored, true) => format!("Would store and publish {snapshot}."),
        (Outcome::Recovered, false) => format!("Published {snapshot}{how}: an earlier run had only stored it."),
        (Outcome::Recovered, true) => format!("Would publish {snapshot}, which an earlier run only stored."),
        (Outcome::Announced, false) => format!("No changes. Announced {again}{how}."),
        (Outcome::Announced, true) => format!("No changes. Would announce {again}."),
        (Outcome::Unchanged, _) => format!("No changes since {snapshot}."),
    }
}
