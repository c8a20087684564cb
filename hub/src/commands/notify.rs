//! `notify`: tells operations what changed in the fleet, once; or shows what it would tell.

use std::time::Duration;

use aws_config::SdkConfig;
use clap::Args;
use pmp_protocol::count;
use pmp_terminal::{Exit, Failure, Output, Table};
use serde_json::json;

use crate::compose;
use crate::config::{ConfigArgs, RunSettings, StatusConfig};
use crate::error::sdk;
use crate::notify::{Notification, Notified, NotifyError, begin};

#[derive(Debug, Args)]
pub(crate) struct NotifyArgs {
    /// Say what would be told, and neither send nor write anything
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    run: RunSettings,
}

pub(crate) async fn notify(config: &ConfigArgs, args: &NotifyArgs, output: Output) -> Result<Exit, Failure> {
    let (config, notify, stale_after) = config.for_notify(&args.run, !args.dry_run)?;
    let sdk = sdk().await?;
    let notified = match notify.filter(|_| !args.dry_run) {
        Some(notify) => {
            let notifier = compose::notifier(&sdk, &config, &notify, stale_after);
            notifier.finish(notifier.begin().await?).await?
        }
        None => foreseen(&sdk, &config, stale_after).await?,
    };
    print(&config, args, &notified, output)?;
    // What the topic refused is in the log, with what can be done about it.
    Ok(if notified.failed > 0 { Exit::Error } else { Exit::Ok })
}

/// What would be told. It only reads, so it takes no topic.
async fn foreseen(sdk: &SdkConfig, config: &StatusConfig, stale_after: Duration) -> Result<Notified, Failure> {
    let (outbox, fleet) = (compose::outbox(sdk, config), compose::consistent_fleet(sdk, config));
    let begun = begin(&*outbox, &fleet, &config.experience, &*compose::clock()).await?;
    let told = begun.foreseen(&config.experience, compose::silence(stale_after));
    let waiting = outbox.unsent(&config.experience).await.map_err(NotifyError::from)?.len();
    Ok(Notified { told, waiting, ..Notified::default() })
}

fn print(config: &StatusConfig, args: &NotifyArgs, notified: &Notified, output: Output) -> Result<(), Failure> {
    let Notified { told, sent, failed, waiting } = notified;
    if output.is_document() {
        let document = json!({
            "experience": config.experience, "dry_run": args.dry_run, "notifications": told,
            "sent": sent, "failed": failed, "waiting": waiting,
        });
        return Ok(output.document(&document)?);
    }
    if output.is_table() {
        let sentences = told.iter().map(|told| told.summary.clone());
        return Ok(output.lines(sentences.chain([sentence(args, notified)]))?);
    }
    Ok(output.list_of("notifications", Notification::COLUMNS, told, Table::new(&[]), "")?)
}

/// The last line for a person.
fn sentence(args: &NotifyArgs, Notified { told, sent, failed, waiting }: &Notified) -> String {
    let left = match waiting {
        0 => String::new(),
        waiting => format!(" {} not sent yet.", was(*waiting)),
    };
    if args.dry_run {
        return match told.as_slice() {
            [] => format!("Nothing to tell.{left}"),
            told => format!("Would send {}.{left}", count(told.len(), "notification")),
        };
    }
    match (sent, failed) {
        (0, 0) if *waiting == 0 => "Nothing to tell.".to_owned(),
        (sent, 0) => format!("Sent {}.{left}", count(*sent, "notification")),
        (sent, failed) => format!(
            "Sent {}. {} not sent, and a later run tries again.{left}",
            count(*sent, "notification"),
            was(*failed)
        ),
    }
}

fn was(number: usize) -> String {
    format!("{} {}", count(number, "notification"), if number == 1 { "was" } else { "were" })
}
