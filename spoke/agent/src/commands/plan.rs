//! `plan`: shows what a snapshot would change here, product by product. It changes nothing.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use pmp_protocol::{Answers, Snapshot, SnapshotVersion};
use pmp_terminal::progress::{self, waiting_for};
use pmp_terminal::{Exit, Failure, Output, OutputFormat, Table};
use serde_json::json;

use crate::commands::plan_file::PlanFile;
use crate::commands::progress::{EXPERIENCES, LEDGER, SNAPSHOT, shown};
use crate::commands::{plan_rows, render, unfiltered};
use crate::compose::{Purpose, sdk_and_spoke};
use crate::config::ConfigArgs;
use crate::error::SpokeError;
use crate::pass::Spoke;
use crate::pass::preview::{Planned, Previews};
use crate::pass::standing::Standing;

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// Exit with 2 if there are changes to make
    #[arg(long)]
    detailed_exitcode: bool,
    /// Plan for this kept snapshot instead of the newest; `sync` always applies the newest
    #[arg(long, value_name = "VERSION", conflicts_with = "out")]
    version: Option<SnapshotVersion>,
    /// Keep the plan in this file, for `sync --plan`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Every product, and not only the first of each experience
    #[arg(long)]
    all: bool,
}

pub(crate) async fn plan(config: &ConfigArgs, args: &PlanArgs, output: Output) -> Result<Exit, Failure> {
    let config = config.for_pass()?;
    let (_, mut spoke) = sdk_and_spoke(&config, "plan", Purpose::Look, Some(output)).await?;
    spoke.progress = shown(output);
    let standing = waiting_for(output, LEDGER, spoke.standing()).await?;
    let fetched = snapshot(&spoke, &standing, args.version);
    let snapshot = Arc::new(waiting_for(output, SNAPSHOT, fetched).await?);
    let previews = waiting_for(output, EXPERIENCES, spoke.preview(&standing, &snapshot)).await?;
    let names = waiting_for(output, "the ledger: the names of products", names(&spoke)).await;
    let now = spoke.clock.now();
    let paused = standing.steering.paused(now);
    if output.is_table() {
        let all = args.all || output.format == OutputFormat::Wide;
        output.lines(render::previews(&previews, &snapshot, &names, all))?;
    } else if output.format == OutputFormat::Csv {
        let rows = plan_rows::rows(&previews, &names);
        output.list_of("products", plan_rows::COLUMNS, &rows, Table::new(&[]), "")?;
    } else {
        let Previews { experiences, warnings } = &previews;
        let names = names.named_of(previews.products());
        let mut document = json!({
            "version": snapshot.version(), "digest": snapshot.digest(), "experiences": experiences, "names": names,
        });
        if !warnings.is_empty() {
            document["warnings"] = json!(warnings);
        }
        if let Some(paused) = &paused {
            document["paused"] = json!(paused);
        }
        output.document(&document)?;
    }
    if let Some(path) = &args.out {
        PlanFile::new(&spoke.identity, &config, &snapshot, &previews, now).write(path)?;
        progress::note(&format!("hint: `pmp-spoke sync --plan {}` does exactly this, or nothing", path.display()));
    }
    if let Some(hint) = unfiltered::hint(&spoke, &standing.before) {
        progress::note(&hint);
    }
    if let Some(paused) = &paused {
        progress::note(&format!("hint: {paused}: `pmp-spoke sync` changes nothing of this for now"));
    }
    let any = |test: fn(&Planned) -> bool| previews.experiences.iter().any(|preview| test(&preview.outcome));
    if any(|outcome| matches!(outcome, Planned::Failed { .. })) {
        Ok(Exit::Error)
    } else if any(|outcome| matches!(outcome, Planned::Held { .. })) {
        Ok(Exit::Refused)
    } else if args.detailed_exitcode && any(|outcome| matches!(outcome, Planned::Plan { change_sets: 1.., .. })) {
        Ok(Exit::ChangesPending)
    } else {
        Ok(Exit::Ok)
    }
}

/// What the hub looked up of products; nothing where it did not, or where that cannot be read:
/// names are a help, and no more.
async fn names(spoke: &Spoke) -> Answers {
    let none = || Answers::none((*spoke.management).clone());
    let Some(answers) = &spoke.answers else { return none() };
    let found = answers.newest(&spoke.management).await.ok().flatten();
    found.map_or_else(none, |(_, answers)| answers)
}

/// The newest snapshot, or the version that was asked for.
async fn snapshot(spoke: &Spoke, standing: &Standing, wanted: Option<SnapshotVersion>) -> Result<Snapshot, Failure> {
    let latest = standing.head.latest;
    let Some(wanted) = wanted.filter(|wanted| *wanted != standing.target().0) else {
        return Ok(spoke.in_force(standing, &[]).await?);
    };
    if wanted > latest {
        let error = format!("the ledger has no snapshot {wanted}: the newest is {latest}");
        return Err(Failure::new("E5021", error).hint("`pmp-hub history` lists those that are kept".to_owned()));
    }
    let fetched = spoke.snapshots.fetch(&spoke.management, wanted).await;
    fetched.map_err(|error| {
        let hint = format!("the ledger keeps a number of versions: try a newer one, up to {latest}");
        Failure::from(SpokeError::from(error)).hint(hint)
    })
}
