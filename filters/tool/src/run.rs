//! `pmp-filter run`: prints a filter's decisions on products from a file, a world or the ledger, in
//! the form of a plan. As in a spoke, the filter is first asked whether it manages the experience
//! at all.

use std::path::PathBuf;

use clap::Args;
use pmp_filter_host::{EvaluateError, LogLevel, Managed, Usage};
use pmp_protocol::{Decision, ExperienceId, Verdict};
use pmp_terminal::{Exit, Failure, Output, OutputFormat, PrintError, Table, count, print_json, progress};
use serde_json::{Value, json};

use crate::catalog::{self, OwnedProduct, OwnedStatus, Scene};
use crate::component::{Component, Settings};
use crate::ledger::{self, Ledger};
use crate::world;

/// The most decisions that are listed; the rest is only counted. `-o wide` lists all, including
/// those that keep a product.
const MAX_LISTED: usize = 40;

/// The columns of a spreadsheet.
const COLUMNS: &[&str] = &["product", "verdict", "reason"];

/// The options of `pmp-filter run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    component: Component,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    supply: Supply,
    #[command(flatten)]
    ledger: Ledger,
    #[command(flatten)]
    scene: Scene,
}

/// Where the products come from.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Supply {
    /// The products: JSON, `{"products": [...]}` or the content of a snapshot
    #[arg(long, value_name = "FILE")]
    products: Option<PathBuf>,
    /// A world file of pmp-local: the products that its experience --management-experience lists at
    /// the start
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// The newest snapshot of this management experience in the hub's ledger, which is only read
    #[arg(long, value_name = "EXPERIENCE")]
    ledger: Option<ExperienceId>,
}

impl Run {
    /// Prints the decisions. The filter's log and the resources that it used go to standard error.
    pub(crate) async fn execute(self, output: Output) -> Result<Exit, Failure> {
        let filter = self.settings.configure(&self.component.load_kept(output)?)?;
        let mut scene = self.scene.sorted();
        let owned = if let Some(path) = &self.supply.world {
            world::read(path, &mut scene)?
        } else if let Some(experience) = self.supply.ledger {
            let read = ledger::read(self.ledger, experience, &mut scene);
            progress::waiting_for(output, "the ledger: the newest snapshot", read).await?
        } else {
            // clap refuses the arguments unless exactly one of the three is given.
            catalog::read(&self.supply.products.unwrap_or_default())?
        };
        let products: Vec<_> = owned.iter().map(OwnedProduct::borrow).collect();
        let context = scene.borrow();
        if filter.has_scope() {
            let (managed, usage) = filter.manages(&context).map_err(failed)?;
            tell(&usage);
            if let Managed::No { reason } = managed {
                leave_alone(&scene, reason.as_deref(), output)?;
                return Ok(Exit::Ok);
            }
            progress::note(&format!("the filter manages `{}`", scene.experience));
        }
        let what = format!("the filter: it decides on {}", count(products.len(), "product"));
        let evaluation = progress::computing(output, &what, || filter.evaluate(&context, &products)).map_err(failed)?;
        tell(&evaluation.usage);
        print(&owned, &evaluation.decisions, output)?;
        Ok(Exit::Ok)
    }
}

/// Prints the log lines of a failed run, and returns the reason why it failed.
pub(crate) fn failed(error: EvaluateError) -> Failure {
    tell(&error.usage);
    Failure::from(error).hint("a failing filter changes nothing: a spoke keeps the last good state".to_owned())
}

/// Prints that the filter does not manage the experience, so it is not run for any product.
fn leave_alone(scene: &Scene, reason: Option<&str>, output: Output) -> Result<(), PrintError> {
    let said =
        format!("`{}` is not managed{}", scene.experience, reason.map(|it| format!(": {it}")).unwrap_or_default());
    match output.format {
        OutputFormat::Json | OutputFormat::Yaml => {
            output.document(&json!({ "managed": false, "reason": reason, "decisions": [] }))
        }
        // In these formats each line is a decision, and there is none.
        OutputFormat::Ndjson | OutputFormat::Csv => {
            progress::note(&said);
            output.list_of::<Value>("decisions", COLUMNS, &[], Table::new(&[]), "")
        }
        OutputFormat::Table | OutputFormat::Wide => output.line(&format!("{said}. Nothing would be changed there.")),
    }
}

/// Prints the filter's log lines and the resources that it used.
pub(crate) fn tell(usage: &Usage) {
    for line in &usage.logs {
        let level = match line.level {
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
        };
        progress::note(&format!("log: {level}: {}", line.message));
    }
    if usage.logs_dropped > 0 {
        progress::note(&format!(
            "log: {} dropped",
            count(usize::try_from(usage.logs_dropped).unwrap_or(usize::MAX), "more line")
        ));
    }
    let (fuel, memory) = (usage.fuel_used, usage.peak_memory_bytes as f64 / 1_048_576.0);
    progress::note(&format!(
        "used: {fuel} units of fuel, {memory:.1} MiB, {:.1} ms",
        usage.elapsed.as_secs_f64() * 1e3
    ));
}

fn print(products: &[OwnedProduct], decisions: &[Decision], output: Output) -> Result<(), PrintError> {
    let rows = || products.iter().zip(decisions);
    match output.format {
        OutputFormat::Csv => {
            let rows: Vec<_> = rows().map(row).collect();
            return output.list_of("decisions", COLUMNS, &rows, Table::new(&[]), "");
        }
        OutputFormat::Json | OutputFormat::Yaml => {
            let rows: Vec<_> = rows().map(row).collect();
            return output.document(&json!({ "managed": true, "decisions": rows }));
        }
        OutputFormat::Ndjson => return rows().try_for_each(|pair| print_json(&row(pair).to_string())),
        OutputFormat::Table | OutputFormat::Wide => {}
    }
    let wide = output.format == OutputFormat::Wide;
    let listed: Vec<_> = rows().filter(|(product, decision)| wide || narrows(product, decision)).collect();
    let shown = if wide { listed.len() } else { listed.len().min(MAX_LISTED) };
    for (product, decision) in &listed[..shown] {
        output.line(&line(product, decision))?;
    }
    if shown < listed.len() {
        output.line(&format!("  … and {} more (`-o wide` lists all)", listed.len() - shown))?;
    }
    output.line(&summary(products, decisions))
}

fn row((product, decision): (&OwnedProduct, &Decision)) -> Value {
    json!({ "product": product.id, "verdict": decision.verdict, "reason": decision.reason })
}

fn narrows(product: &OwnedProduct, decision: &Decision) -> bool {
    product.status == OwnedStatus::Approved && decision.verdict != Verdict::Keep
}

fn line(product: &OwnedProduct, decision: &Decision) -> String {
    let symbol = match decision.verdict {
        Verdict::Keep => "+",
        Verdict::Exclude => "o",
        Verdict::Reject => "-",
    };
    let verb = decision.verdict.as_str();
    let name = product.name.as_deref().unwrap_or_default();
    let reason = decision.reason.as_deref().unwrap_or_default();
    format!("  {symbol} {verb:<8} {:<36}  {name:<24}  {reason}", product.id).trim_end().to_owned()
}

fn summary(products: &[OwnedProduct], decisions: &[Decision]) -> String {
    let of = |verdict| {
        let approved = products.iter().zip(decisions).filter(|(product, _)| product.status == OwnedStatus::Approved);
        approved.filter(|(_, decision)| decision.verdict == verdict).count()
    };
    let rejected = products.iter().filter(|product| product.status == OwnedStatus::Rejected).count();
    format!(
        "{}: {} kept, {} excluded, {} rejected by the filter; {rejected} rejected by the hub.",
        count(products.len(), "product"),
        of(Verdict::Keep),
        of(Verdict::Exclude),
        of(Verdict::Reject)
    )
}
