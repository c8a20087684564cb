//! `drift`: shows edits of the members' experiences that did not come from this system, with author
//! and time.

use clap::Args;
use pmp_terminal::{Exit, Failure, Output, OutputFormat};
use serde_json::json;

use super::look::{Seen, hints, look};
use crate::compose;
use crate::config::{ConfigArgs, SILENCE};
use crate::inspect::drift;
use crate::render::drift as render;

#[derive(Debug, Args)]
pub(crate) struct DriftArgs {
    /// All of them, and not only the first
    #[arg(long)]
    all: bool,
}

pub(crate) async fn show_drift(config: &ConfigArgs, args: &DriftArgs, output: Output) -> Result<Exit, Failure> {
    let Seen { experience, view, .. } = look(config, SILENCE).await?;
    let now = compose::clock().now();
    let rows = drift::rows(&view, now);
    let wide = output.format == OutputFormat::Wide;
    let all = args.all || wide;
    if output.is_document() {
        output.document(&json!({"experience": experience, "drift": rows}))?;
    } else if rows.is_empty() && output.is_table() {
        output.line("No spoke tells of an experience that others changed.")?;
    } else {
        let summary = render::summary(&rows, all);
        let waits = render::waits(&rows, all);
        let (below, after) = if waits.is_empty() { (summary.as_str(), None) } else { ("", Some(&summary)) };
        let columns = ["organization", "member_experience", "drift"];
        output.list_of("drift", &columns, &rows, render::table(&rows, now, all, wide), below)?;
        if output.is_table() {
            output.lines(waits.iter().chain(after))?;
        }
    }
    hints(&view);
    Ok(Exit::Ok)
}
