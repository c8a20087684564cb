//! `drift`: shows edits of the members' experiences that did not come from this system, with author
//! and time.

use clap::Args;
use pmp_terminal::{Exit, Failure, Frame, Output, OutputFormat};
use serde_json::json;

use super::history::Since;
use super::look::{Seen, hints, look};
use crate::commands::select::SelectArgs;
use crate::compose;
use crate::config::{ConfigArgs, SILENCE};
use crate::inspect::drift;
use crate::render::drift as render;

#[derive(Debug, Args)]
pub(crate) struct DriftArgs {
    #[command(flatten)]
    select: SelectArgs,
    /// Only what was noticed since then: a time ago (36h, 7d), a day (2026-11-24) or a moment, in
    /// UTC
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
    /// All of them, and not only the first
    #[arg(long)]
    all: bool,
}

pub(crate) async fn show_drift(config: &ConfigArgs, args: &DriftArgs, output: Output) -> Result<Exit, Failure> {
    let Seen { experience, view, rows: known, .. } = look(config, SILENCE).await?;
    let now = compose::clock().now();
    // An id that the hub does not know is an error, as in `status`.
    args.select.select(&view, known)?;
    let mut rows = drift::rows(&view, now);
    let since = args.since.map(|since| since.at(now));
    rows.retain(|row| {
        let of_it = args.select.takes_one(&row.organization, Some(&row.member_experience));
        of_it && since.is_none_or(|since| row.drift.noticed_at >= since)
    });
    let wide = output.format == OutputFormat::Wide;
    let all = args.all || wide;
    if output.is_document() {
        output.document(&json!({"experience": experience, "drift": rows}))?;
    } else if rows.is_empty() && output.is_table() {
        let is_narrow = since.is_some() || !args.select.flags().is_empty();
        let of_these = if is_narrow { " there, or since then" } else { "" };
        output.line(&format!("No spoke tells of an experience that others changed{of_these}."))?;
    } else {
        let summary = render::summary(&rows, all);
        let waits = render::waits(&rows, all, Frame::room());
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
