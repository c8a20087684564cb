//! The peak memory of both programs with large snapshots.
//!
//! Each pass runs one command as a process of its own, against the embedded AWS, and reads the peak
//! of its resident set. Each has a bound, which holds for debug builds: they need more than what
//! ships. With `--before DIR` the programs of another build run the same, and what takes more than
//! 15 % on top of theirs fails, too.

// A benchmark is a program for a person; what it cannot do ends it, with the reason.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

#[path = "../../../filters/host/tests/guests/guests.rs"]
mod guests;
mod pass;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use pmp_tests::Measured;
use serde_json::{Value, json};

use crate::pass::{Pass, all};

const MIB: f64 = 1024.0 * 1024.0;
/// More than this share above the build before is a regression, if it is more than the noise of a
/// resident set, in MiB.
const WORSE: f64 = 0.15;
const NOISE: f64 = 3.0;

/// Measures the peak memory of both programs
#[derive(Debug, Parser)]
#[command(name = "memory")]
struct Cli {
    /// Only this pass; repeat for more. Without it all
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// So many member experiences, where a pass has many: no bound holds then
    #[arg(long)]
    experiences: Option<usize>,
    /// So many products in each: no bound holds then
    #[arg(long)]
    products: Option<usize>,
    /// The programs of another build: measure them, too
    #[arg(long, value_name = "DIR")]
    before: Option<PathBuf>,
    /// How often each command runs, in a world of its own; the least peak counts
    #[arg(long, default_value_t = 1, value_name = "N")]
    rounds: usize,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    /// A variable for the spoke; repeat for more
    #[arg(long, value_name = "NAME=VALUE")]
    spoke_env: Vec<String>,
    /// What cargo passes to benchmarks
    #[arg(long, hide = true)]
    bench: bool,
}

/// What one pass took, by one build.
#[derive(Debug, Clone, Copy)]
struct Took {
    mib: f64,
    processor: f64,
    wall: f64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(missing) = ["pmp-hub", "pmp-spoke"].iter().find_map(|name| pmp_tests::find_binary(name).err()) {
        eprintln!("error: {missing}");
        return ExitCode::FAILURE;
    }
    let own_sizes = cli.experiences.is_some() || cli.products.is_some();
    let passes = all().into_iter().filter(|pass| cli.only.is_empty() || cli.only.iter().any(|it| it == pass.name));
    let (mut rows, mut well) = (Vec::new(), true);
    for pass in passes {
        let pass = Pass {
            experiences: cli.experiences.filter(|_| pass.experiences > 1).unwrap_or(pass.experiences),
            products: cli.products.unwrap_or(pass.products),
            ..pass
        };
        eprintln!("{}: {} experiences x {} products ...", pass.name, pass.experiences, pass.products);
        let before = match &cli.before {
            Some(folder) => Some(least(&cli, &pass, Some(folder), &mut well).await),
            None => None,
        };
        let now = least(&cli, &pass, None, &mut well).await;
        if !own_sizes && now.mib > f64::from(pass.bound) {
            eprintln!("PROBLEM: {}: {:.1} MiB are above the bound of {} MiB", pass.name, now.mib, pass.bound);
            well = false;
        }
        if let Some(before) = before.filter(|before| now.mib - before.mib > NOISE.max(before.mib * WORSE)) {
            eprintln!("WORSE: {}: {:.1} MiB instead of {:.1}", pass.name, now.mib, before.mib);
            well = false;
        }
        rows.push((pass, before, now));
    }
    if cli.json {
        let took = |took: &Took| json!({"peak_rss_mib": took.mib, "processor_seconds": took.processor, "wall_seconds": took.wall});
        let row = |(pass, before, now): &(Pass, Option<Took>, Took)| json!({"pass": pass.name, "experiences": pass.experiences, "products": pass.products, "bound_mib": pass.bound, "before": before.as_ref().map(took), "now": took(now)});
        println!("{}", Value::from(rows.iter().map(row).collect::<Vec<_>>()));
    } else {
        println!("PASS                     BEFORE         PEAK    RATIO    BOUND   PROCESSOR     WALL");
        for (Pass { name, bound, .. }, before, Took { mib, processor, wall }) in rows {
            let then = before.map_or_else(|| "-".to_owned(), |before| format!("{:.1}", before.mib));
            let ratio = before.map_or_else(|| "-".to_owned(), |before| format!("{:.2}", mib / before.mib));
            println!(
                "{name:<20} {then:>6} MiB   {mib:6.1} MiB   {ratio:>6}   {bound:>4} MiB   {processor:5.2} s   {wall:5.2} s"
            );
        }
    }
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The least of all rounds, by the programs of this build or of the one in `folder`. What is not as
/// it should be is told, and takes back that all is `well`.
async fn least(cli: &Cli, pass: &Pass, folder: Option<&Path>, well: &mut bool) -> Took {
    let more: Vec<_> = cli.spoke_env.iter().filter_map(|variable| variable.split_once('=')).collect();
    let mut least = Took { mib: f64::INFINITY, processor: f64::INFINITY, wall: f64::INFINITY };
    for _ in 0..cli.rounds.max(1) {
        let (measured, problem) = pass.run(&more, folder).await;
        let Measured { finished, peak_rss, took, processor } = measured;
        if let Some(problem) = problem {
            eprintln!("PROBLEM: {}: {problem}, exit code {}: {}", pass.name, finished.code, finished.stderr);
            *well = false;
        }
        #[allow(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
        let mib = peak_rss as f64 / MIB;
        least = Took {
            mib: least.mib.min(mib),
            processor: least.processor.min(processor.as_secs_f64()),
            wall: least.wall.min(took.as_secs_f64()),
        };
    }
    least
}
