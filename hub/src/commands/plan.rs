//! `plan`: shows the fleet's plan before anything is published.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use pmp_catalog::{RateLimits, SdkCatalog};
use pmp_ledger::LedgerError;
use pmp_plan::GuardRails;
use pmp_protocol::{Content, Direction, ExperienceId, Sealed, SnapshotVersion};
use pmp_terminal::{Exit, Failure, Frame, Output, OutputFormat, progress};
use serde_json::json;

use super::look::hints;
use crate::compose;
use crate::config::{ConfigArgs, PlanConfig};
use crate::error::{HubError, sdk};
use crate::filters::folder;
use crate::filters::program::FilterProgram;
use crate::inspect::not_published::InForce;
use crate::inspect::plan as fleet_plan;
use crate::inspect::plan::inquiry::{Outlooks, Supply, worth_finding};
use crate::publish::read;
use crate::render::plan as render;
use crate::render::status::moment;
use crate::status::fleet::{Fleet, View};
use crate::status::named::Names;
use crate::status::windows;

/// The most files of the folder of filters that cannot be read, and are named.
const MAX_UNREADABLE: usize = 5;

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The share of approved products beyond which the spokes' guard rails hold a plan: theirs are
    /// not known here
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u8).range(0..=100), value_name = "PERCENT")]
    max_removed_percent: u8,
    /// Exit with 2 if something would change, and with 3 if a guard rail would hold something;
    /// with 0 if nothing of the plan is published, as under a pin
    #[arg(long)]
    detailed_exitcode: bool,
}

pub(crate) async fn show_plan(config: &ConfigArgs, args: &PlanArgs, output: Output) -> Result<Exit, Failure> {
    let PlanConfig { status: config, folder, program, waves } = config.for_plan()?;
    let sdk = sdk().await?;
    let fleet = Fleet::new(&sdk, &config.snapshots, &config.timestamps, config.members);
    let catalog = SdkCatalog::new(&sdk, RateLimits::default());
    let content = read::management_experience(&catalog, &config.experience);
    let content = progress::waiting_for(output, "the catalog: the management experience", content).await?;
    let names = Names::read(&sdk, &config.snapshots, &config.experience);
    let looked = async { tokio::join!(fleet.look(&config.experience), names) };
    let (view, names) = progress::waiting_for(output, "the ledger: what the members report", looked).await;
    let view = view.map_err(HubError::Ledger)?;
    let now = compose::clock().now();
    let mut kept = BTreeMap::new();
    for version in fleet_plan::needed(&view, now) {
        match fleet.snapshots.fetch(&config.experience, version).await {
            Ok(snapshot) => _ = kept.insert(version, snapshot.content().clone()),
            // Nothing was published yet. The plan itself says so if it matters.
            Err(LedgerError::NoSnapshot { .. }) => {}
            Err(error) => return Err(HubError::Ledger(error).into()),
        }
    }
    let filters = Filters { folder, program };
    let outlooks = filters.foresee(&view, &content, &kept, &names, now, output).await?;
    let guard = GuardRails { max_removed_percent: args.max_removed_percent, ..GuardRails::default() };
    let plan = fleet_plan::plan(&view, &content, &kept, &outlooks, guard, &waves, now);
    let wide = output.format == OutputFormat::Wide;
    let in_force = InForce::of(&view);
    let digest = match in_force.asks_for_content() {
        true => Some(seal(&config.experience, &content)?.digest()),
        false => None,
    };
    let next = in_force.next(digest, view.head.as_ref().map(|head| head.latest));
    if output.is_document() {
        let latest = view.head.as_ref().map(|head| head.latest);
        output.document(&json!({"experience": config.experience, "newest": latest, "experiences": plan.rows,
            "products": plan.products,
            "filtered": plan.filtered,
            "filtered_shortened": plan.shortened,
            "names": plan.names(&names),
            "not_published": next.not_published()}))?;
    } else if plan.rows.is_empty() && output.is_table() {
        output.line("No spoke has reported yet.")?;
    } else {
        let table = render::table(&plan, wide);
        let summary = render::summary(&plan, wide);
        let lines =
            render::that_fit(render::lines(&plan, wide, &names, Frame::room()), table.len() + summary.len(), wide);
        let columns = ["organization", "member_experience", "applied", "outlook"];
        output.list_of("experiences", &columns, &plan.rows, table, "")?;
        if output.is_table() {
            output.lines(lines.into_iter().chain(summary))?;
        }
    }
    hints(&view);
    if let Some(restored) = view.restored() {
        progress::note(&format!("hint: {restored}: nothing of this is published until `pmp-hub recover`"));
    }
    if let Some(told) = next.told() {
        progress::note(&format!("hint: {told}"));
    }
    if let Some(direction) = view.fleet.direction() {
        keeps_back(direction, now).iter().for_each(|hint| progress::note(hint));
    }
    Ok(match args.detailed_exitcode {
        // Whatever it would change: nothing of it comes, but where somebody has begun with it.
        true if next.not_published().is_some() && plan.rows.iter().all(|row| row.due.is_none()) => Exit::Ok,
        true if plan.holds() => Exit::Refused,
        true if plan.changes() => Exit::ChangesPending,
        _ => Exit::Ok,
    })
}

/// What is directed for the fleet that keeps the plan from coming now.
fn keeps_back(direction: &Direction, now: Timestamp) -> Vec<String> {
    let pause = direction.paused(now).map(|pause| {
        let until = moment(pause.ends());
        format!("hint: the fleet is paused until {until}: nothing is changed before, unless `pmp-hub resume` ends it")
    });
    let windows = windows::of_the_fleet(Some(direction), now).and_then(Result::ok).filter(|said| !said.open);
    let windows = windows.map(|said| match (&said.until, &said.fleet) {
        (Some(until), Some(words)) => format!(
            "hint: the fleet's change windows ({words}) are closed until {}: nothing is changed before",
            until.day_and_time(now)
        ),
        _ => format!("hint: {}", said.told(now)),
    });
    pause.into_iter().chain(windows).collect()
}

pub(super) fn seal(experience: &ExperienceId, content: &Content) -> Result<Sealed, HubError> {
    Sealed::new(content).map_err(|source| HubError::Seal { experience: experience.clone(), source })
}

/// Where the members' filters are, and what runs them.
struct Filters {
    folder: Option<String>,
    program: Option<String>,
}

impl Filters {
    /// What the filters would decide. Where they cannot be run, it says why for each experience.
    async fn foresee(
        &self,
        view: &View,
        content: &Content,
        kept: &BTreeMap<SnapshotVersion, Content>,
        names: &Names,
        now: Timestamp,
        output: Output,
    ) -> Result<Outlooks, Failure> {
        let wanted = worth_finding(view, now);
        let mut supply = Supply { folder: self.folder.clone(), answers: names.answers(), ..Supply::default() };
        if let Some(folder) = self.folder.as_ref().filter(|_| !wanted.is_empty()) {
            let folder = PathBuf::from(folder);
            let looked = tokio::task::spawn_blocking(move || folder::look(&folder, &wanted)).await;
            // A panic there is a fault of the program, and is told as any other.
            let found = looked.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
            found.unreadable.iter().take(MAX_UNREADABLE).for_each(|problem| {
                progress::note(&format!("hint: in the folder of filters, {problem}"));
            });
            if found.more {
                progress::note("hint: the folder of filters holds more files than are looked at");
            }
            (supply.files, supply.settings) = (found.files, found.settings);
        }
        let program = FilterProgram::find(self.program.as_deref());
        supply.no_program = program.as_ref().err().map(ToString::to_string);
        let inquiry = fleet_plan::inquiry::Inquiry::new(view, content, kept, &supply, now);
        let answers = match program {
            Ok(program) if !inquiry.asks().is_empty() => {
                progress::waiting_for(output, "the members' filters: compiled, and run", program.ask(inquiry.asks()))
                    .await
            }
            _ => Default::default(),
        };
        let ended = answers.ended.map(|ended| ended.to_string());
        Ok(inquiry.foresee(answers.answered, ended.as_deref()))
    }
}
