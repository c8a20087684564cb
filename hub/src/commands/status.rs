//! `status`: shows the states of the member experiences.

use std::time::Duration;

use clap::Args;
use pmp_protocol::{ExperienceId, OrganizationSeen};
use pmp_terminal::{Exit, Failure, Frame, Output, OutputFormat, Screen, leave_on_signal, parse_duration, progress};
use pmp_waves::WaveName;
use serde_json::json;

use super::look::{Seen, hints, look, no_snapshot, not_known};
use crate::commands::select::{SelectArgs, SortKey, in_wave};
use crate::compose;
use crate::config::{ConfigArgs, StaleAfter};
use crate::render::status as shown;
use crate::rollout::told::Shown;
use crate::status::fleet::View;
use crate::status::group::group;
use crate::status::{SpokeState, SpokeStatus};

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Exit with 4 if anything is disputed, unreadable, held, in error or stale, if an organization
    /// never reported, or if none has
    #[arg(long)]
    check: bool,
    /// With --check: do not fail where no spoke has reported yet
    #[arg(long, requires = "check")]
    allow_empty: bool,
    #[command(flatten)]
    stale: StaleAfter,
    #[command(flatten)]
    select: SelectArgs,
    /// Only the organizations of this wave
    #[arg(long, value_name = "NAME")]
    wave: Option<WaveName>,
    /// Only these states, separated by commas: held, error, never …
    #[arg(long, value_name = "STATE,…", value_delimiter = ',')]
    state: Vec<SpokeState>,
    /// The order of the rows, where each is shown
    #[arg(long, value_enum, default_value_t, value_name = "KEY")]
    sort: SortKey,
    /// Show every row, not only one screen
    #[arg(long)]
    all: bool,
    /// Refresh the screen until Ctrl-C
    #[arg(short, long, conflicts_with_all = ["all", "check"])]
    watch: bool,
    /// With --watch: how often. Each refresh costs about one read unit for each organization
    #[arg(long, requires = "watch", default_value = "10s", value_parser = parse_every, value_name = "DURATION")]
    every: Duration,
}

impl StatusArgs {
    /// Whether the screen is refreshed until the program is stopped.
    pub(crate) fn goes_on(&self) -> bool {
        self.watch
    }

    /// The selected rows, in the order that `--sort` asks for.
    fn rows(&self, view: &View, rows: Vec<SpokeStatus>) -> Result<Vec<SpokeStatus>, Failure> {
        let mut rows = self.select.select(view, rows)?;
        if let Some(wave) = &self.wave {
            in_wave(view, wave, &mut rows)?;
        }
        rows.retain(|row| self.state.is_empty() || self.state.contains(&row.state));
        self.sort.sort(&mut rows);
        Ok(rows)
    }
}

fn parse_every(text: &str) -> Result<Duration, String> {
    let every = parse_duration(text)?;
    if every < Duration::from_secs(1) { Err("at least 1s".to_owned()) } else { Ok(every) }
}

pub(crate) async fn show_status(config: &ConfigArgs, args: &StatusArgs, output: Output) -> Result<Exit, Failure> {
    if args.watch {
        return watch(config, args, output).await;
    }
    let Seen { experience, view, rows, meant } = look(config, args.stale.stale_after).await?;
    let now = compose::clock().now();
    if args.check && !view.knows_experience() {
        return Err(no_snapshot(&experience, meant.as_ref()));
    }
    let rows = args.rows(&view, rows)?;
    if rows.is_empty() && output.is_table() {
        if output.header {
            output.lines(shown::headline(&experience, &view, &rows, now))?;
        }
        output.line(if view.heard_of_any() { "Nothing to show." } else { "No spoke has reported yet." })?;
    } else if output.is_document() {
        output.document(&document(&experience, &view, &rows))?;
    } else if output.format == OutputFormat::Table && !args.all {
        shown::page(&experience, &view, &rows, now, output.header).frame(Frame::HEIGHT).print(output)?;
    } else {
        if output.is_table() && output.header {
            output
                .lines(shown::headline(&experience, &view, &rows, now).into_iter().chain(shown::spokes(&view, now)))?;
        }
        let table = shown::table(&rows, now, output.format == OutputFormat::Wide);
        output.list_of("spokes", SpokeStatus::COLUMNS, &rows, table, &shown::summary(&view, &rows))?;
    }
    hints(&view);
    if !view.knows_experience() && meant.is_none() {
        progress::note(&format!("hint: {}", not_known(None, config.named().source)));
    }
    let anyone = args.allow_empty || view.heard_of_any();
    if args.check && !anyone {
        progress::note("hint: no spoke has reported, so nothing is in step; `--allow-empty` accepts that");
    }
    let healthy = anyone && view.restored().is_none() && rows.iter().all(|row| row.state.is_healthy());
    Ok(if args.check && !healthy { Exit::Unhealthy } else { Exit::Ok })
}

/// Redraws the screen until the program is stopped. If a read fails, the error is shown below the
/// last state.
async fn watch(config: &ConfigArgs, args: &StatusArgs, output: Output) -> Result<Exit, Failure> {
    if output.format != OutputFormat::Table {
        let error = "--watch draws a screen, and none of the other forms";
        return Err(Failure::new("E4062", error).hint("leave --output out".to_owned()));
    }
    let stop = leave_on_signal()?;
    let (mut screen, mut last) = (Screen::default(), None);
    loop {
        let look = look(config, args.stale.stale_after);
        let seen = async {
            match last.is_none() {
                true => progress::waiting_for(output, "the ledger", look).await,
                // What was seen before stands there meanwhile.
                false => look.await,
            }
        };
        let Some(seen) = stop.unless_stopped(seen).await else { return Ok(Exit::Ok) };
        let seen = seen.and_then(|Seen { experience, view, rows, .. }| Ok((experience, args.rows(&view, rows)?, view)));
        let trouble = match seen {
            Ok(seen) => {
                last = Some(seen);
                String::new()
            }
            Err(failure) if last.is_none() => return Err(failure),
            Err(failure) => failure.one_line(),
        };
        if let Some((experience, rows, view)) = &last {
            let page = shown::page(experience, view, rows, compose::clock().now(), output.header);
            // The last line is kept for an error.
            let mut frame = page.frame(Frame::HEIGHT - 2);
            frame.line(&trouble);
            if !screen.draw(&frame, output)? {
                return Ok(Exit::Ok);
            }
        }
        if stop.unless_stopped(tokio::time::sleep(args.every)).await.is_none() {
            return Ok(Exit::Ok);
        }
    }
}

/// The document for programs.
fn document(experience: &ExperienceId, view: &View, rows: &[SpokeStatus]) -> serde_json::Value {
    let snapshot = view.head.as_ref().map(
        |head| json!({"version": head.latest, "digest": head.digest, "taken_at": head.taken_at, "published": head.published}),
    );
    let roster = view.roster.as_ref().map(|roster| roster.keys().collect::<Vec<_>>());
    let groups = group(rows.iter().filter(|row| !row.state.is_healthy()));
    let causes = groups.iter().map(|group| {
        let experiences = group.members.iter().filter(|row| row.member_experience.is_some()).count();
        json!({"state": group.class, "cause": group.cause, "organizations": group.organizations().len(),
            "experiences": experiences, "rows": group.members.len()})
    });
    json!({"experience": experience, "snapshot": snapshot, "spokes": rows, "roster": roster, "highest_stored": view.mark,
        "restored": view.restored().is_some(), "left_out": view.left_out, "signs_of_life": signs_of_life(view),
        "causes": causes.collect::<Vec<_>>(), "directions": directions(view),
        "waves": view.waves.kept().map(|kept| Shown::of(&kept.state.rollout))})
}

/// What operators direct: for the fleet, and for single organizations.
fn directions(view: &View) -> serde_json::Value {
    let organizations: Vec<_> = view.directions.found.values().map(|directed| &directed.direction).collect();
    json!({"fleet": view.fleet.direction(), "organizations": organizations})
}

/// When each spoke was last seen, and the number of experiences that it keeps in step.
fn signs_of_life(view: &View) -> Vec<serde_json::Value> {
    let signs = view.reports().flat_map(|report| report.organization.signs());
    let sign = |seen: &OrganizationSeen| {
        let spoke = seen.spoke.as_ref();
        json!({"organization": seen.organization, "spoke": spoke.map(|spoke| &spoke.id), "last_seen": seen.last_seen,
            "experiences": seen.experiences, "selected": spoke.and_then(|spoke| spoke.selected.as_ref()),
            "account": seen.account, "region": seen.region, "spoke_version": seen.spoke_version,
            "hold": seen.hold})
    };
    signs.map(sign).collect()
}
