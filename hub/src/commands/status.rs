//! `status`: how the member experiences stand.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use pmp_protocol::OrganizationSeen;
use pmp_terminal::{Exit, Failure, Output, OutputFormat, progress};
use serde_json::json;

use super::look::{Seen, hints, look, no_snapshot, not_known};
use crate::config::{ConfigArgs, STALE_AFTER, parse_stale_after};
use crate::fleet::View;
use crate::shown;

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Exit with 4 if anything is disputed, unreadable, held, in error, stale or was never heard of, or nobody was
    #[arg(long)]
    check: bool,
    /// With --check: do not fail where no spoke has reported yet
    #[arg(long, requires = "check")]
    allow_empty: bool,
    /// How long a spoke may be silent, or behind, before it is stale
    #[arg(long, env = "PMP_STALE_AFTER", default_value = STALE_AFTER, value_parser = parse_stale_after, value_name = "DURATION")]
    stale_after: Duration,
}

pub(crate) async fn show_status(config: &ConfigArgs, args: &StatusArgs, output: Output) -> Result<Exit, Failure> {
    let Seen { experience, view, rows, meant } = look(config, args.stale_after).await?;
    let now = Timestamp::now();
    if args.check && !view.knows_experience() {
        return Err(no_snapshot(&experience, meant.as_ref()));
    }
    if output.is_table() && output.header {
        output.lines(shown::headline(&experience, &view, now).into_iter().chain(shown::spokes(&view, now)))?;
    }
    let table = shown::table(&rows, now, output.format == OutputFormat::Wide);
    if rows.is_empty() && output.is_table() {
        output.line("No spoke has reported yet.")?;
    } else if output.format == OutputFormat::Json {
        let snapshot = view.head.as_ref().map(|head| {
            json!({"version": head.latest, "digest": head.digest, "taken_at": head.taken_at, "published": head.published})
        });
        let roster = view.roster.as_ref().map(|roster| roster.keys().collect::<Vec<_>>());
        output.document(&json!({"experience": experience, "snapshot": snapshot, "spokes": rows, "roster": roster,
            "highest_stored": view.mark, "restored": view.restored().is_some(), "left_out": view.left_out,
            "signs_of_life": signs_of_life(&view)}))?;
    } else {
        output.list("spokes", &rows, table, &shown::summary(&rows))?;
    }
    hints(&view);
    if !view.knows_experience() {
        progress::note(&format!("hint: {}", not_known(meant.as_ref())));
    }
    let anyone = args.allow_empty || view.heard_of_any();
    if args.check && !anyone {
        progress::note("hint: no spoke has reported, so nothing is in step; `--allow-empty` takes that for well");
    }
    let healthy = anyone && view.restored().is_none() && rows.iter().all(|row| row.state.is_healthy());
    Ok(if args.check && !healthy { Exit::Unhealthy } else { Exit::Ok })
}

/// When each spoke was seen, and how much it keeps in step.
fn signs_of_life(view: &View) -> Vec<serde_json::Value> {
    let signs = view.reports().flat_map(|report| report.organization.signs());
    let sign = |seen: &OrganizationSeen| {
        let spoke = seen.spoke.as_ref();
        json!({"organization": seen.organization, "spoke": spoke.map(|spoke| &spoke.id), "last_seen": seen.last_seen,
            "experiences": seen.experiences, "selected": spoke.and_then(|spoke| spoke.selected.as_ref()),
            "account": seen.account, "region": seen.region, "spoke_version": seen.spoke_version})
    };
    signs.map(sign).collect()
}
