//! `versions`: what everyone is on.

use clap::Args;
use pmp_terminal::{Exit, Failure, Output, OutputFormat};
use serde_json::json;

use super::look::{Seen, hints, look};
use crate::config::{ConfigArgs, SILENCE};
use crate::versions;

#[derive(Debug, Args)]
pub(crate) struct VersionsArgs {
    /// All versions, and not only the newest
    #[arg(long)]
    all: bool,
}

pub(crate) async fn show_versions(config: &ConfigArgs, args: &VersionsArgs, output: Output) -> Result<Exit, Failure> {
    let Seen { experience, view, rows, .. } = look(config, SILENCE).await?;
    let versions = versions::list(&rows);
    let newest = view.head.as_ref().map(|head| head.latest);
    if output.format == OutputFormat::Json {
        output.document(&json!({"experience": experience, "newest": newest, "versions": versions}))?;
    } else if versions.is_empty() && output.is_table() {
        output.line("No spoke has reported yet.")?;
    } else {
        let summary = versions::summary(&versions, newest, args.all);
        output.list("versions", &versions, versions::table(&versions, args.all), &summary)?;
    }
    hints(&view);
    Ok(Exit::Ok)
}
