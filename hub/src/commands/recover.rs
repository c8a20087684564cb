//! `recover`: lets the hub go on after the table of snapshots was restored.

use clap::Args;
use pmp_audit::Event;
use pmp_protocol::ExperienceId;
use pmp_terminal::{Exit, Failure, Output, progress};
use serde_json::json;

use super::Keep;
use super::publish::{audit, audit_failed, sentence};
use crate::compose;
use crate::config::ConfigArgs;
use crate::error::sdk;
use crate::publish::Recovery;
use crate::status::fleet::Restored;

#[derive(Debug, Args)]
pub(crate) struct RecoverArgs {
    /// The management experience, as a confirmation
    #[arg(value_name = "EXPERIENCE")]
    experience: Option<ExperienceId>,
    /// Do it without the confirmation
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    keep: Keep,
}

pub(crate) async fn recover(config: &ConfigArgs, args: &RecoverArgs, output: Output) -> Result<Exit, Failure> {
    let config = config.for_recover()?;
    let sdk = sdk().await?;
    let hub = compose::hub(&sdk, &config, args.keep.keep_versions);
    let confirmed = args.yes || args.experience.as_ref() == Some(&config.experience);
    if !confirmed && let Some(restored) = hub.restored().await? {
        let differs = args.experience.as_ref().map(|other| format!("`{other}` is not the experience of this hub; "));
        let hint = format!("{}go on: `pmp-hub recover {}`, or `--yes`", differs.unwrap_or_default(), config.experience);
        let text =
            format!("{restored}; what the management experience says now would become snapshot {}", restored.next());
        return Err(Failure::new("E4057", text).hint(hint).exit(Exit::Refused));
    }
    if let Some(other) = args.experience.as_ref().filter(|_| !confirmed) {
        let error = format!("`{other}` is not the experience of this hub");
        return Err(Failure::new("E4058", error)
            .hint(format!("its experience is `{}`", config.experience))
            .exit(Exit::Refused));
    }
    if !confirmed {
        if output.is_table() {
            output.line("Nothing was lost: the ledger has the newest snapshot that was ever stored.")?;
        } else {
            output.document(&json!({"lost": null, "published": null}))?;
        }
        progress::note("hint: `pmp-hub publish` announces it again");
        return Ok(Exit::Ok);
    }
    let recovery = match &config.timestamps {
        Some(timestamps) => {
            let lost = hub.restored().await?;
            let latest = lost.as_ref().and_then(|lost| lost.latest);
            let highest = lost.as_ref().map(|lost| lost.mark.version);
            let auditor = compose::auditor(&sdk, timestamps, &config.experience);
            let asked = auditor.asked(Event::Recover { latest, highest }).await?;
            let recovered = hub.recover().await;
            if let Err(error) = &recovered {
                audit_failed(&sdk, timestamps, &hub, error).await;
            }
            let recovery = match recovered {
                // It is published: the audit must not say that nothing of it was done.
                Err(error) if error.published().is_some() => return Err(error.into()),
                recovered => asked.done(recovered).await?,
            };
            audit(&sdk, timestamps, &hub, Some(&recovery.published)).await?;
            recovery
        }
        None => hub.recover().await?,
    };
    let Recovery { restored, published } = &recovery;
    if output.is_table() {
        match restored {
            Some(restored) if restored.is_ahead() => output.line(&format!("Put right: {restored}."))?,
            Some(restored) => output.line(&format!("Lost: {}.", restored.lost()))?,
            None => output.line("Nothing was lost.")?,
        }
        output.line(&sentence(published, false))?;
    } else {
        let lost = restored.as_ref().map(Restored::lost);
        output.document(&json!({"lost": lost, "published": published}))?;
    }
    Ok(Exit::Ok)
}
