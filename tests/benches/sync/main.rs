//! The benchmark: the real programs against an AWS whose change sets take a set time, and how far
//! they are from the floor.
//!
//! The floor is the larger of (longest chain of change sets × latency) and (change sets ÷ permitted
//! `StartChangeSet` rate + latency). Wall time is from the hub's SNS `Publish` to the answer to the
//! spoke's last receipt, both as seen on the line. Nothing is known of the programs but their
//! commands, settings and AWS calls, and nothing of the AWS but its API.

// A benchmark is a program for a person; what it cannot do ends it, with the reason.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, clippy::expect_used)]

mod before;
mod command;
mod events;
mod figures;
mod report;
mod run;
mod scenario;
mod stage;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use serde_json::json;

use crate::figures::Whole;
use crate::scenario::{Scenario, Trigger};
use crate::stage::Elsewhere;

const EXAMPLES: &str = "Examples:
  cargo bench -p pmp-tests --bench sync                          every scenario, release build
  cargo bench --profile dev -p pmp-tests --bench sync -- --only smoke --latency 100ms
  cargo bench -p pmp-tests --bench sync -- --only ten --spoke-env NAME=VALUE -o json
  cargo bench -p pmp-tests --bench sync -- --before DIR           this build beside the programs in DIR
  cargo bench -p pmp-tests --bench sync -- --command --bounds     the command alone; fails above the bounds of docs/performance.md
  tests/moto/run --bench --command --only long                   against servers that are not ours

With --before, only the command `pmp-spoke sync` is measured, by both builds in turns. The exit code is 1 where processor time,
calls to the catalog or peak memory are worse by more than 15 %, and by more than 50 ms, 4 calls or 3 MiB.

The programs are taken from PMP_BIN_DIR, else from beside the benchmark: build them with `cargo build --workspace --bins`
(`--release`, where the benchmark is).";

/// Measures hub and spoke against the least time that the catalog allows
#[derive(Debug, Parser)]
#[command(name = "sync", after_help = EXAMPLES)]
struct Cli {
    /// Only this scenario; repeat for more. Without it all but `smoke`
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// How long a change set takes, where the scenario does not say
    #[arg(long, default_value = "1s", value_parser = duration, value_name = "DURATION")]
    latency: Duration,
    /// A variable for the spoke, to compare settings; repeat for more
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    spoke_env: Vec<(String, String)>,
    /// An endpoint for SNS, SQS, DynamoDB and STS, instead of the embedded AWS
    #[arg(long, value_name = "URL", requires = "catalog_endpoint_url")]
    endpoint_url: Option<String>,
    /// An endpoint for Marketplace Catalog that holds what --print-world prints
    #[arg(long, value_name = "URL", requires = "endpoint_url")]
    catalog_endpoint_url: Option<String>,
    /// Measure the command `pmp-spoke sync` alone, as a whole process, and not the agent
    #[arg(long)]
    command: bool,
    /// Fail where the command takes more than its scenario permits, which holds on an idle machine
    #[arg(long)]
    bounds: bool,
    /// The programs of another build: measure the command `pmp-spoke sync` by both, in turns
    #[arg(long, value_name = "DIR", conflicts_with = "endpoint_url")]
    before: Option<PathBuf>,
    /// How often each build runs each scenario, with --before; the medians are compared
    #[arg(long, default_value_t = 1, value_name = "N", requires = "before")]
    rounds: usize,
    /// Print the experiences that a catalog elsewhere must hold, as JSON, and do nothing
    #[arg(long)]
    print_world: bool,
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// What cargo passes to benchmarks
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed: jiff::SignedDuration = text.parse().map_err(|e: jiff::Error| e.to_string())?;
    parsed.try_into().map_err(|_| "less than nothing".to_owned())
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("not NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let all = scenario::all();
    if let Some(unknown) = cli.only.iter().find(|name| all.iter().all(|one| one.name != **name)) {
        let names: Vec<_> = all.iter().map(|one| one.name).collect();
        eprintln!("error: there is no scenario `{unknown}`\nhint: one of {}", names.join(", "));
        return ExitCode::FAILURE;
    }
    let chosen = |name: &str| if cli.only.is_empty() { name != "smoke" } else { cli.only.iter().any(|n| n == name) };
    if cli.print_world {
        let experiences = all.iter().flat_map(|one| one.experiences_elsewhere(cli.latency));
        println!("{}", json!({ "experiences": experiences.collect::<Vec<_>>() }));
        return ExitCode::SUCCESS;
    }
    if let Some(missing) = ["pmp-hub", "pmp-spoke"].iter().find_map(|name| pmp_tests::find_binary(name).err()) {
        eprintln!("error: {missing}");
        return ExitCode::FAILURE;
    }
    let elsewhere = cli.endpoint_url.clone().zip(cli.catalog_endpoint_url.clone());
    let elsewhere = elsewhere.map(|(services, catalog)| Elsewhere { services, catalog });
    let more: Vec<(&str, &str)> = cli.spoke_env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    if let Some(before) = &cli.before {
        let clickless = all.iter().filter(|one| chosen(one.name) && one.trigger != Trigger::Click);
        return beside(&cli, clickless, before, &more).await;
    }
    if cli.command {
        let clickless = all.iter().filter(|one| chosen(one.name) && one.trigger != Trigger::Click);
        return commands(&cli, clickless, elsewhere.as_ref(), &more).await;
    }
    let mut measured = Vec::new();
    for scenario in all.iter().filter(|one| chosen(one.name)) {
        if elsewhere.is_some() && scenario.trigger == Trigger::Click {
            eprintln!("{}: left out, since only the embedded AWS sends change events", scenario.name);
            continue;
        }
        eprintln!("{}: {} ...", scenario.name, scenario.title);
        let mut figures = run::run(scenario, cli.latency, elsewhere.as_ref(), &more).await;
        // Elsewhere the world is as the agent has left it: there is none of its own for the
        // command.
        if scenario.trigger == Trigger::Publish && elsewhere.is_none() {
            figures.command = command::run(scenario, cli.latency, None, &more, None).await;
        }
        measured.push(figures);
    }
    match cli.output {
        Output::Table => println!("{}", report::table(&measured)),
        Output::Json => println!("{}", json!(measured)),
    }
    let well = measured
        .iter()
        .all(|figures| figures.problems.is_empty() && figures.command.iter().all(|whole| is_well(&cli, whole)));
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn is_well(cli: &Cli, whole: &Whole) -> bool {
    whole.problems.is_empty() && (whole.above.is_empty() || !cli.bounds)
}

/// The command alone, in a world that nothing else has touched. So it can be measured elsewhere,
/// too.
async fn commands(
    cli: &Cli,
    scenarios: impl Iterator<Item = &Scenario>,
    elsewhere: Option<&Elsewhere>,
    more: &[(&str, &str)],
) -> ExitCode {
    let mut measured = Vec::new();
    for scenario in scenarios {
        eprintln!("{}: {} ...", scenario.name, scenario.title);
        let runs = command::run(scenario, cli.latency, elsewhere, more, None).await;
        measured.push((scenario.name.to_owned(), runs));
    }
    match cli.output {
        Output::Table => println!("{}", report::commands(&measured)),
        Output::Json => println!("{}", json!(measured)),
    }
    let well = measured.iter().flat_map(|(_, runs)| runs).all(|whole| is_well(cli, whole));
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// This build beside the one in `before`.
async fn beside(
    cli: &Cli,
    scenarios: impl Iterator<Item = &Scenario>,
    before: &Path,
    more: &[(&str, &str)],
) -> ExitCode {
    let mut pairs = Vec::new();
    for scenario in scenarios {
        eprintln!("{}: {} ...", scenario.name, scenario.title);
        pairs.extend(before::compare(scenario, cli.latency, more, before, cli.rounds).await);
    }
    match cli.output {
        Output::Table => println!("{}", before::table(&pairs)),
        Output::Json => println!("{}", json!(pairs)),
    }
    let well = pairs.iter().all(|pair| pair.worse.is_empty() && pair.problems.is_empty());
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
