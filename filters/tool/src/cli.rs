//! The command line of `pmp-filter`.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use pmp_terminal::{Completions, EXIT_CODES_HELP, Exit, Failure, TerminalArgs, program};

use crate::{bench, inspect, run, test};

const EXAMPLES: &str = "Examples:
  pmp-filter inspect my-filter.wasm                        what it is, what it imports, its settings
  pmp-filter run my-filter.wasm --products products.json   what it decides, and why
  pmp-filter test my-filter.wasm cases.toml                hold it to its test cases
  pmp-filter test my-filter.wasm cases.toml --update       write what it decides into the cases
  pmp-filter bench my-filter.wasm --count 10000            products per second, memory, start time";

/// For authors of filters: look into a filter, run it, test it, measure it
#[derive(Debug, Parser)]
#[command(name = "pmp-filter", version, after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES_HELP}"))]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    terminal: TerminalArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what a filter is: its name, contract, imports, digest and settings
    Inspect(inspect::Inspect),
    /// Run a filter on products from a file, and show what it decides
    Run(run::Run),
    /// Hold a filter to the test cases in a file
    Test(test::Test),
    /// Measure a filter: time, fuel and memory
    Bench(bench::Bench),
    /// Print a completion script for a shell
    Completions(Completions),
}

/// Runs the program with `args`, the program's name first.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    program(args, command)
}

/// Everything here computes, and blocks while it does: there is nothing else for the runtime to do.
async fn command(cli: Cli) -> Result<Exit, Failure> {
    let output = cli.terminal.start("warn")?;
    match cli.command {
        Command::Inspect(inspect) => inspect.execute(output),
        Command::Run(run) => run.execute(output),
        Command::Test(test) => test.execute(output),
        Command::Bench(bench) => bench.execute(output),
        Command::Completions(completions) => {
            completions.print::<Cli>()?;
            Ok(Exit::Ok)
        }
    }
}
