//! `exceptions`: shows what is held, deferred, filtered or not managed, over the fleet.

use clap::Args;
use pmp_terminal::{Exit, Failure, Frame, Output, OutputFormat};
use serde_json::json;

use super::look::{Seen, hints, look};
use crate::commands::select::SelectArgs;
use crate::compose;
use crate::config::{ConfigArgs, StaleAfter};
use crate::inspect::exceptions::{self, ExceptionKind};
use crate::render::exceptions as render;

#[derive(Debug, Args)]
pub(crate) struct ExceptionsArgs {
    #[command(flatten)]
    select: SelectArgs,
    /// Only these kinds, separated by commas: held, confirmed, paused, pinned, set-aside, filtered,
    /// skipped
    #[arg(long, visible_alias = "state", value_name = "KIND,…", value_delimiter = ',')]
    kind: Vec<ExceptionKind>,
    /// Every exception, and not only one screen
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    stale: StaleAfter,
}

/// What every exception has, as the columns of a spreadsheet.
const COLUMNS: &[&str] =
    &["kind", "organization", "member_experience", "reason", "products", "product", "version", "since", "next_try"];

pub(crate) async fn show_exceptions(
    config: &ConfigArgs,
    args: &ExceptionsArgs,
    output: Output,
) -> Result<Exit, Failure> {
    let Seen { experience, view, rows, .. } = look(config, args.stale.stale_after).await?;
    let rows = args.select.select(&view, rows)?;
    let is_wanted = |kind: ExceptionKind| args.kind.is_empty() || args.kind.contains(&kind);
    let mut found = exceptions::list(&rows, view.head.as_ref());
    found.retain(|row| is_wanted(row.kind));
    let mut held = exceptions::held(&rows, view.head.as_ref());
    held.retain(|_| is_wanted(ExceptionKind::Held));
    let version = view.head.as_ref().map(|head| head.latest);
    if output.is_document() {
        let causes = exceptions::causes(&found, &held);
        output
            .document(&json!({"experience": experience, "version": version, "causes": causes, "exceptions": found}))?;
    } else if found.is_empty() && output.is_table() {
        let line = if args.kind.is_empty() {
            "No exceptions: nothing is held, set aside, filtered or skipped."
        } else {
            "No exceptions of this kind."
        };
        output.line(line)?;
    } else if output.format == OutputFormat::Table && !args.all {
        render::page(&found, &held, &args.select.flags()).frame(Frame::HEIGHT).print(output)?;
    } else {
        let (table, summary) = (render::table(&found, compose::clock().now()), render::summary(&found));
        output.list_of("exceptions", COLUMNS, &found, table, &summary)?;
    }
    hints(&view);
    Ok(Exit::Ok)
}
