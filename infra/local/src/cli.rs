//! The command line of `pmp-local`: its commands, and which file runs each of them.

mod clock;
mod control;
mod env;
mod fault;
mod serve;
mod state;
mod variables;
mod world;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, Parser, Subcommand};
use pmp_terminal::{
    Completions, Exit, Explain, Failure, Manual, Output, OutputArgs, OutputFormat, print_version, program,
};

use crate::demo::{self, Demo};
use clock::Clock;
use env::Env;
use fault::Faults;
use serve::Serve;
use state::State;
use world::WorldFiles;

/// A local AWS with a Private Marketplace, and a demo in it
#[derive(Parser)]
#[command(name = "pmp-local", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Watch a hub and three spokes at work, on a local AWS with four organizations
    #[command(after_help = "Examples:\n  pmp-local demo\n  pmp-local demo --keep")]
    Demo(Demo),
    /// Serve SNS, SQS, DynamoDB, STS, Organizations and Marketplace Catalog on one port until
    /// stopped
    Serve(Serve),
    /// Print the variables that make your shell another account
    Env(Env),
    /// Delete a state that `serve --state` left
    State(State),
    /// Inject faults into a running pmp-local: errors, latency, lost answers, lost messages
    Fault(Faults),
    /// Read and set the clock of a running pmp-local
    Clock(Clock),
    /// Print an example of a world file, check one, or print the schema
    World(WorldFiles),
    /// The program pmp-hub: `pmp-local hub status` is `pmp-hub status`
    #[command(disable_help_flag = true)]
    Hub(PassedOn),
    /// The program pmp-spoke: `pmp-local spoke plan` is `pmp-spoke plan`
    #[command(disable_help_flag = true)]
    Spoke(PassedOn),
    /// Say what an error means and what to do, by the code in its last line
    #[command(after_help = "Examples:\n  pmp-local explain E3014\n  pmp-local explain")]
    Explain(Explain),
    /// Print the version, and what it was built from
    #[command(after_help = "Examples:\n  pmp-local version\n  pmp-local version -o json")]
    Version(OutputArgs),
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  pmp-local completions bash > pmp-local.bash")]
    Completions(Completions),
    /// Print the manual page, or write the pages of all commands into a folder
    #[command(after_help = "Examples:\n  pmp-local man | man -l -\n  pmp-local man --folder ~/.local/share/man/man1")]
    Man(Manual),
}

/// Arguments that are passed on to another program as they are.
#[derive(Args)]
struct PassedOn {
    /// The program's arguments; `--help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

/// Runs `pmp-local` with `args`, of which the first is the program's name.
///
/// It is not generic, so that all of it is compiled once, with this library.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let begun = Instant::now();
    // The other programs start a runtime of their own, so they cannot be called from within the
    // runtime of `program`.
    match Cli::try_parse_from(&args).map(|cli| cli.command) {
        Ok(Command::Hub(passed_on)) => pmp_hub::cli::main(passed_on.into_program("pmp-local hub")),
        Ok(Command::Spoke(passed_on)) => pmp_spoke::cli::main(passed_on.into_program("pmp-local spoke")),
        _ => program(args, move |cli| run(cli, begun)),
    }
}

impl PassedOn {
    /// The command line of the other program. Its usage names it as it was called here.
    fn into_program(self, name: &str) -> Vec<OsString> {
        demo::end_with_the_demo();
        std::iter::once(OsString::from(name)).chain(self.args).collect()
    }
}

async fn run(cli: Cli, begun: Instant) -> Result<Exit, Failure> {
    match cli.command {
        Command::Demo(demo) => demo::run(demo).await,
        Command::Serve(serve) => serve.run(begun).await,
        Command::Env(env) => env.run().await,
        Command::State(state) => state.run(),
        Command::Fault(faults) => faults.run().await,
        Command::Clock(clock) => clock.run().await,
        Command::World(files) => files.run(),
        Command::Explain(explain) => {
            explain.print(Output { format: OutputFormat::Table, header: true, color: false })?;
            Ok(Exit::Ok)
        }
        Command::Version(output) => {
            print_version::<Cli>(output.output(), pmp_terminal::built!(), &[])?;
            Ok(Exit::Ok)
        }
        Command::Completions(completions) => {
            completions.print::<Cli>()?;
            Ok(Exit::Ok)
        }
        Command::Man(manual) => {
            manual.write::<Cli>(&[])?;
            Ok(Exit::Ok)
        }
        Command::Hub(_) | Command::Spoke(_) => unreachable!("`main` runs these programs itself"),
    }
}
