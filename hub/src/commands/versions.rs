//! `versions`: counts the member experiences by the version that is applied.

use clap::Args;
use pmp_terminal::{Exit, Failure, Output, OutputFormat, Table};
use serde_json::json;

use super::look::{Seen, hints, look};
use crate::config::{ConfigArgs, SILENCE};
use crate::inspect::versions;
use crate::render::versions as render;

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
    if output.is_document() {
        output.document(&json!({"experience": experience, "newest": newest, "versions": versions}))?;
    } else if versions.is_empty() && output.is_table() {
        output.line("No spoke has reported yet.")?;
    } else {
        let summary = render::summary(&versions, newest, args.all);
        let mut table = render::table(&versions, args.all);
        if output.format == OutputFormat::Table && !args.all {
            (table, _) = table.on_a_screen(Table::SCREEN_ROWS);
        }
        output.list_of("versions", &["version", "organizations", "experiences"], &versions, table, &summary)?;
    }
    hints(&view);
    Ok(Exit::Ok)
}
