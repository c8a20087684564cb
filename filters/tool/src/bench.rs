//! `pmp-filter bench`: measures the cost of a filter. Times depend on this machine; fuel and memory
//! are the same on every machine.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use pmp_filter_host::{Limits, Managed};
use pmp_terminal::progress::computing;
use pmp_terminal::{Exit, Failure, Output, count};
use serde_json::json;

use crate::catalog::{self, OwnedProduct, Scene};
use crate::component::{Component, Settings};
use crate::run::failed;

/// The options of `pmp-filter bench`.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(flatten)]
    component: Component,
    #[command(flatten)]
    settings: Settings,
    /// Products from a file, instead of made-up ones
    #[arg(long, value_name = "FILE", conflicts_with = "count")]
    products: Option<PathBuf>,
    /// How many products to make up
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,
    /// How often to run
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
    #[command(flatten)]
    scene: Scene,
}

impl Bench {
    /// Runs the filter several times over the same products, and prints the figures.
    pub(crate) fn execute(self, output: Output) -> Result<Exit, Failure> {
        let ready = self.component.load(output)?;
        let filter = self.settings.configure(&ready.filter)?;
        let owned = match &self.products {
            Some(path) => catalog::read(path)?,
            None => catalog::made_up(self.count as usize)?,
        };
        let products: Vec<_> = owned.iter().map(OwnedProduct::borrow).collect();
        let scene = self.scene.sorted();
        // As in a spoke, the filter is not run for an experience that it does not manage.
        let scope = filter.has_scope().then(|| filter.manages(&scene.borrow())).transpose().map_err(failed)?;
        if let Some((Managed::No { reason }, _)) = scope {
            let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            let error = format!("the filter does not manage `{}`{reason}", scene.experience);
            return Err(Failure::new("E2140", error)
                .hint("name one that it manages with --experience or --experience-name".to_owned()));
        }
        let (runs, over) = (count(self.runs as usize, "run"), count(owned.len(), "product"));
        let measure = || {
            let runs = (0..self.runs).map(|_| filter.evaluate(&scene.borrow(), &products));
            runs.map(|run| Ok(run.map_err(failed)?.usage)).collect::<Result<Vec<_>, Failure>>()
        };
        let usages = computing(output, &format!("{runs} over {over}"), measure)?;
        let mut times: Vec<_> = usages.iter().map(|usage| usage.elapsed).collect();
        times.sort();
        let usage = usages.last();
        let (Some(usage), Some(least), Some(most)) = (usage, times.first(), times.last()) else { return Ok(Exit::Ok) };
        let (median, limits) = (times[times.len() / 2], Limits::default());
        let per_second = owned.len() as f64 / median.as_secs_f64().max(1e-9);
        if !output.is_table() {
            output.document(&json!({
                "products": owned.len(), "runs": self.runs, "file_bytes": ready.bytes,
                "load_seconds": ready.took.as_secs_f64(),
                "scope_seconds": scope.as_ref().map(|(_, usage)| usage.elapsed.as_secs_f64()),
                "run_seconds": { "least": least.as_secs_f64(), "median": median.as_secs_f64(), "most": most.as_secs_f64() },
                "products_per_second": per_second,
                "fuel": usage.fuel_used, "peak_memory_bytes": usage.peak_memory_bytes,
            }))?;
            return Ok(Exit::Ok);
        }
        let line = |label: &str, value: String| output.line(&format!("{label:<12}{value}"));
        line("Products", format!("{}, {}", owned.len(), count(self.runs as usize, "run")))?;
        line("Load", format!("{:.1} ms: compiled, and asked what it is", milliseconds(ready.took)))?;
        if let Some((_, usage)) = &scope {
            line("Scope", format!("{:.1} ms: managed", milliseconds(usage.elapsed)))?;
        }
        line(
            "Run",
            format!(
                "{:.1} ms (least {:.1}, most {:.1})",
                milliseconds(median),
                milliseconds(*least),
                milliseconds(*most)
            ),
        )?;
        line("Speed", format!("{per_second:.0} products per second"))?;
        line("Fuel", share(usage.fuel_used as f64, limits.fuel as f64, 1.0, "units"))?;
        line("Memory", share(usage.peak_memory_bytes as f64, limits.memory_bytes as f64, 1_048_576.0, "MiB"))?;
        Ok(Exit::Ok)
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The used share of a limit, in words.
fn share(used: f64, limit: f64, unit: f64, name: &str) -> String {
    let digits = usize::from(unit > 1.0);
    format!("{:.digits$} of {:.0} {name} ({:.1}%)", used / unit, limit / unit, used / limit * 100.0)
}
