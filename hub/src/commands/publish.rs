//! `publish`: reads, stores and publishes once, each management experience that is asked for.

use aws_config::SdkConfig;
use clap::Args;
use futures::future::join_all;
use pmp_ledger::{Said, TableName};
use pmp_protocol::SnapshotVersion;
use pmp_runtime::Stop;
use pmp_terminal::{Exit, Failure, Output, count, progress, stop_on_signal};
use serde_json::{Map, Value, json};

use super::Keep;
use crate::audit::{Ran, Sight, not_in_the_audit};
use crate::commands::mistyped;
use crate::compose;
use crate::config::{ConfigArgs, Named, PublishConfig};
use crate::error::{HubError, sdk};
use crate::publish::products::{LookedUp, Products};
use crate::publish::{Hub, Outcome, Published, Sent, Trigger, products};
use crate::several::failed;

#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    keep: Keep,
}

pub(crate) async fn publish(config: &ConfigArgs, args: &PublishArgs, output: Output) -> Result<Exit, Failure> {
    let (configs, named) = (config.for_publish()?, config.named());
    let sdk = sdk().await?;
    let catalog = compose::catalog(&sdk);
    let hubs: Vec<_> = configs
        .iter()
        .map(|config| (config, compose::hub_of(&sdk, config, args.keep.keep_versions, catalog.clone())))
        .collect();
    // Side by side: one that hangs holds none of the others up.
    let all = join_all(hubs.iter().map(|(config, hub)| publish_one(&sdk, config, &named, hub, args.dry_run)));
    let what = "the catalog, and the ledger: the management experience is read, and stored if it changed";
    let outcomes = progress::waiting_for(output, what, all).await;
    let several = hubs.len() > 1;
    let stop = if !args.dry_run && configs.iter().any(|config| config.looks_products_up) {
        Some(stop_on_signal()?)
    } else {
        None
    };
    let (mut documents, mut failures) = (Vec::new(), Vec::new());
    for ((config, hub), outcome) in hubs.iter().zip(outcomes) {
        match outcome {
            Ok(published) => {
                let timestamps = config.timestamps.as_ref().filter(|_| !args.dry_run);
                if let Some(timestamps) = timestamps
                    && let Err(failure) = progress::waiting_for(
                        output,
                        "the ledger: what was published is written into the audit",
                        audit(&sdk, timestamps, hub, Some(&published)),
                    )
                    .await
                {
                    failures.push((&hub.experience, failure));
                }
                if output.is_table() {
                    let sentence = sentence(&published, args.dry_run);
                    output.line(&if several { format!("{}: {sentence}", hub.experience) } else { sentence })?;
                }
                let mut document = json!({"published": published});
                if let (Some(stop), Some(products)) = (&stop, compose::products(&sdk, config)) {
                    document["products"] = json!(look_products_up(&products, hub, stop).await);
                }
                documents.push(document);
            }
            Err(failure) if several => {
                documents.push(json!({"error": failure.one_line(), "hints": failure.hints()}));
                failures.push((&hub.experience, failure));
            }
            Err(failure) => return Err(failure),
        }
    }
    if !output.is_table() {
        output.document(&document(args.dry_run, &hubs, documents))?;
    }
    match failures.pop() {
        None => Ok(Exit::Ok),
        Some((_, only)) if !several => Err(only),
        Some(last) => {
            failures.push(last);
            Err(failed(failures, hubs.len()))
        }
    }
}

/// The answer of the command: of one management experience alone, or of each by its id.
fn document(dry_run: bool, hubs: &[(&PublishConfig, Hub)], documents: Vec<Value>) -> Value {
    let before = |name: &str, value: Value, document: Value| {
        let mut all = Map::from_iter([(name.to_owned(), value)]);
        all.extend(document.as_object().cloned().unwrap_or_default());
        Value::Object(all)
    };
    match <[Value; 1]>::try_from(documents) {
        Ok([only]) => before("dry_run", json!(dry_run), only),
        Err(documents) => {
            let named =
                hubs.iter().zip(documents).map(|((_, hub), one)| before("experience", json!(hub.experience), one));
            json!({"dry_run": dry_run, "experiences": named.collect::<Vec<_>>()})
        }
    }
}

async fn publish_one(
    sdk: &SdkConfig,
    config: &PublishConfig,
    named: &Named,
    hub: &Hub,
    dry_run: bool,
) -> Result<Published, Failure> {
    let published = if dry_run { hub.dry_run(Trigger::Operator).await } else { hub.publish(Trigger::Operator).await };
    let error = match published {
        Ok(published) => return Ok(published),
        Err(error) => error,
    };
    if let Some(timestamps) = config.timestamps.as_ref().filter(|_| !dry_run) {
        audit_failed(sdk, timestamps, hub, &error).await;
    }
    Err(mistyped::told(sdk, config.timestamps.as_ref(), named, error).await)
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
    write_down(sdk, timestamps, hub, published, None).await
}

/// Writes down what a person's run did before it failed. The run's own failure is the one that is
/// reported, so that of the audit is only a note.
pub(super) async fn audit_failed(sdk: &SdkConfig, timestamps: &TableName, hub: &Hub, error: &HubError) {
    let written = match hub.snapshots.head(&hub.experience).await {
        Ok(head) => write_down(sdk, timestamps, hub, error.published(), head.map(|head| head.latest)).await,
        Err(error) => Err(HubError::Ledger(error).into()),
    };
    if let Err(failure) = written {
        progress::note(&format!("warning: the audit may lack what was done: {}", failure.one_line()));
    }
}

async fn write_down(
    sdk: &SdkConfig,
    timestamps: &TableName,
    hub: &Hub,
    published: Option<&Published>,
    stored: Option<SnapshotVersion>,
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
    let sight = Sight { waves: waves.as_ref().map(Option::as_ref), fleet, members: None };
    let published = published.map(|published| (published, Trigger::Operator));
    let snapshots = hub.snapshots.as_ref();
    match auditor.ran(Ran { published, stored, sight, view: None, snapshots, records: None }).await {
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
async fn look_products_up(products: &Products, hub: &Hub, stop: &Stop) -> Option<LookedUp> {
    progress::step(progress::Step::Doing, "looking products up for the filters of the members");
    let outcome = stop.write_down(products.look_up(hub, None, stop.token())).await;
    let looked_up = outcome.and_then(products::log_outcome);
    if let Some(LookedUp { known, unknown, calls, .. }) = &looked_up {
        let (known, calls) = (count(*known, "product"), count(*calls, "call"));
        progress::step(progress::Step::Done, &format!("{known} looked up, {unknown} not yet, with {calls} now"));
    }
    looked_up
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
    // Waves would have kept it off, and a person may not think of that.
    let taken_back = published.taken_back.map(|version| {
        format!(" Waves are switched off: this is the content of snapshot {version}, which was taken back.")
    });
    let taken_back = taken_back.unwrap_or_default();
    match (published.outcome, dry_run) {
        (Outcome::Stored, false) => format!("Published {snapshot}{how}.{taken_back}"),
        (Outcome::Stored, true) => format!("Would store and publish {snapshot}.{taken_back}"),
        (Outcome::Recovered, false) => format!("Published {snapshot}{how}: an earlier run had only stored it."),
        (Outcome::Recovered, true) => format!("Would publish {snapshot}, which an earlier run only stored."),
        (Outcome::Announced, false) => format!("No changes. Announced {again}{how}."),
        (Outcome::Announced, true) => format!("No changes. Would announce {again}."),
        (Outcome::Unchanged, _) => format!("No changes since {snapshot}."),
    }
}
