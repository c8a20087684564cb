//! How many instructions the hot paths take, as valgrind counts them.
//!
//! Instructions do not depend on what else the machine does, so a regression shows on any machine.
//! Each path runs in a process of its own under callgrind: once to warm up, and then once more,
//! which is counted. With `--before DIR` the program `hot` of another build runs the same, and what
//! takes more than 15 % on top of its count fails. Copy this program beside the others of a build
//! to keep it for that.

// A benchmark is a program for a person; what it cannot do ends it, with the reason.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod callgrind;
#[path = "../../../filters/host/tests/guests/guests.rs"]
mod guests;
mod paths;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use serde_json::{Value, json};

use crate::callgrind::Counted;

/// More than this share above the build before is a regression.
const WORSE: f64 = 0.15;

/// Counts the instructions of the hot paths
#[derive(Debug, Parser)]
#[command(name = "hot")]
struct Cli {
    /// Only this path; repeat for more. Without it all
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// How many products a snapshot, a policy and a filter's input have
    #[arg(long, default_value_t = 10_000)]
    products: usize,
    /// The folder of another build's `hot`: count that, too
    #[arg(long, value_name = "DIR")]
    before: Option<PathBuf>,
    /// Print the functions that take most, each without those that it calls
    #[arg(long, default_value_t = 0, value_name = "N")]
    largest: usize,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Run a path, and count nothing: what runs under callgrind
    #[arg(long, hide = true, value_name = "NAME")]
    run: Option<String>,
    /// Compile the filter into a file, which the path `filter` runs from `--filter`
    #[arg(long, hide = true, value_name = "FILE")]
    prepare: Option<PathBuf>,
    #[arg(long, hide = true, value_name = "FILE")]
    filter: Option<PathBuf>,
    /// What cargo passes to benchmarks
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    // A filter is compiled in a process of its own, which is this program once more.
    let arguments: Vec<_> = std::env::args_os().collect();
    if let Some(ended) = pmp_filter_host::compile_if_called(&arguments) {
        return ended;
    }
    let cli = Cli::parse();
    let unknown = cli.only.iter().chain(&cli.run).find(|name| !paths::NAMES.contains(&name.as_str()));
    if let Some(unknown) = unknown {
        eprintln!("error: there is no path `{unknown}`\nhint: one of {}", paths::NAMES.join(", "));
        return ExitCode::FAILURE;
    }
    if let Some(name) = &cli.run {
        paths::run(name, cli.products, cli.filter.as_deref());
        return ExitCode::SUCCESS;
    }
    if let Some(file) = &cli.prepare {
        std::fs::write(file, paths::compiled_filter()).unwrap();
        return ExitCode::SUCCESS;
    }
    let this = std::env::current_exe().unwrap();
    let before = cli.before.as_ref().map(|folder| folder.join("hot"));
    let count = |program: &Path, name: &str| callgrind::count(program, name, cli.products);
    let mut rows = Vec::new();
    for name in paths::NAMES.into_iter().filter(|name| cli.only.is_empty() || cli.only.iter().any(|it| it == name)) {
        eprintln!("{name} ...");
        let counted = before.as_deref().map(|before| count(before, name)).transpose();
        let counted = counted.and_then(|before| Ok((before, count(&this, name)?)));
        match counted {
            Ok((before, now)) => rows.push((name, before, now)),
            Err(problem) => {
                eprintln!("error: {name}: {problem}");
                return ExitCode::FAILURE;
            }
        }
    }
    print(&cli, &rows);
    let mut well = true;
    for (name, before, now) in &rows {
        let Some(before) = before else { continue };
        if ratio(before, now) > 1.0 + WORSE {
            eprintln!("WORSE: {name}: {} instructions instead of {}", now.instructions, before.instructions);
            well = false;
        }
    }
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[allow(clippy::cast_precision_loss, reason = "far below 2^52 instructions")]
fn ratio(before: &Counted, now: &Counted) -> f64 {
    now.instructions as f64 / before.instructions as f64
}

fn print(cli: &Cli, rows: &[(&str, Option<Counted>, Counted)]) {
    if cli.json {
        let row = |(name, before, now): &(&str, Option<Counted>, Counted)| {
            let largest: Vec<_> = now.largest.iter().take(cli.largest).collect();
            json!({"path": name, "products": cli.products, "before": before.as_ref().map(|it| it.instructions), "now": now.instructions, "largest": largest})
        };
        println!("{}", Value::from(rows.iter().map(row).collect::<Vec<_>>()));
        return;
    }
    println!("PATH        BEFORE, MILLIONS         NOW    RATIO   EACH PRODUCT");
    for (name, before, now) in rows {
        #[allow(clippy::cast_precision_loss, reason = "far below 2^52 instructions")]
        let millions = |counted: &Counted| format!("{:.2}", counted.instructions as f64 / 1e6);
        let then = before.as_ref().map_or_else(|| "-".to_owned(), millions);
        let ratio = before.as_ref().map_or_else(|| "-".to_owned(), |before| format!("{:.3}", ratio(before, now)));
        let each = now.instructions / cli.products.max(1) as u64;
        println!("{name:<10} {then:>17} {:>11}   {ratio:>6}   {each:>12}", millions(now));
        for (share, function) in now.largest.iter().take(cli.largest) {
            println!("    {share:5.1} %   {function}");
        }
    }
}
