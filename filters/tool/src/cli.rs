//! The command line of `pmp-filter`: its commands, and the file of each.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use pmp_terminal::progress::Watch;
use pmp_terminal::{
    Completions, EXIT_CODES_HELP, Exit, Explain, Failure, Manual, TerminalArgs, print_version, program,
};

use crate::{bench, build, compile, decide, inspect, new, run, sign, test};

const EXAMPLES: &str = "Examples:
  pmp-filter new python no-images                          or rust, or javascript
  pmp-filter build                                         in its folder: make the component
  pmp-filter test                                          hold it to its test cases
  pmp-filter run --products products.json                  what it decides, and why
  pmp-filter run --world world.toml                        the same for a world of pmp-local
  pmp-filter run --ledger exp-1 --snapshots-table TABLE    the same for the newest snapshot of a hub
  pmp-filter inspect my-filter.wasm                        what a component is and imports
  pmp-filter bench my-filter.wasm --count 10000            products per second, memory, start time
  pmp-filter sign --key ~/.ssh/id_ed25519                  write the signature beside the component
  pmp-filter verify my-filter.wasm --key allowed_signers   who signed it";

const RUN_EXAMPLES: &str = r#"Examples:
  pmp-filter run --products products.json
  pmp-filter run my-filter.wasm --world world.toml --settings '{"exclude_labels":["genai"]}'
  pmp-filter run --ledger exp-1234567890abc --snapshots-table Snapshots"#;

/// For authors of filters: start one, build it, inspect it, run it, test it, measure it
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
    /// Start a filter: a complete project with tests
    #[command(after_help = "Examples:\n  pmp-filter new rust no-images\n  pmp-filter new python no-images")]
    New(new::New),
    /// Build the component of a project
    #[command(after_help = "Examples:\n  pmp-filter build\n  pmp-filter build my-filter")]
    Build(build::Build),
    /// Show what a filter is: its name, contract, imports, digest and settings
    #[command(
        after_help = "Examples:\n  pmp-filter inspect\n  pmp-filter inspect my-filter.wasm\n  pmp-filter inspect exclude-vendors"
    )]
    Inspect(inspect::Inspect),
    /// Run a filter on products from a file, a world or the ledger, and show what it decides
    #[command(after_help = RUN_EXAMPLES)]
    Run(run::Run),
    /// Test a filter by the cases in a file
    #[command(after_help = "Examples:\n  pmp-filter test\n  pmp-filter test --update")]
    Test(test::Test),
    /// Measure a filter: time, fuel and memory
    #[command(after_help = "Example:\n  pmp-filter bench --count 10000")]
    Bench(bench::Bench),
    /// Run filters for `pmp-hub plan`, which starts this by itself: questions come on standard
    /// input
    #[command(after_help = "Example:\n  pmp-filter decide < questions.ndjson")]
    Decide(decide::Decide),
    /// Compile a filter to machine code, which a spoke has ready in milliseconds
    #[command(after_help = "Example:\n  pmp-filter compile my-filter.wasm --to my-filter.cwasm")]
    Compile(compile::Compile),
    /// Sign a component with an OpenSSH key
    #[command(after_help = "Example:\n  pmp-filter sign --key ~/.ssh/id_ed25519")]
    Sign(sign::Sign),
    /// Verify who signed a component
    #[command(after_help = "Example:\n  pmp-filter verify my-filter.wasm --key allowed_signers")]
    Verify(sign::Verify),
    /// Say what an error means and what to do, by the code in its last line
    #[command(after_help = "Examples:\n  pmp-filter explain E2114\n  pmp-filter explain")]
    Explain(Explain),
    /// Print the version, what it was built from, and the filter contract that it runs
    #[command(after_help = "Examples:\n  pmp-filter version\n  pmp-filter version -o json")]
    Version,
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  pmp-filter completions bash > pmp-filter.bash")]
    Completions(Completions),
    /// Print the manual page, or write the pages of all commands into a folder
    #[command(after_help = "Examples:\n  pmp-filter man | man -l -\n  pmp-filter man --folder ~/.local/share/man/man1")]
    Man(Manual),
}

/// Runs the program with `args`. The first of them is the program's name.
///
/// It is not generic, so that all of it is compiled once, with this library.
pub fn main(args: Vec<OsString>) -> ExitCode {
    program(args, command)
}

/// Almost every command computes and blocks. That is fine, because the runtime has nothing else to
/// do.
async fn command(cli: Cli) -> Result<Exit, Failure> {
    let output = cli.terminal.start("warn")?;
    // With `--ledger` it reads from AWS, which may ask it to slow down.
    let _watch = Watch::begin(output, || {
        pmp_aws::throttled().map(|throttled| (throttled.to_string(), throttled.since.elapsed()))
    });
    match cli.command {
        Command::New(new) => new.execute(output),
        Command::Build(build) => build.execute(output),
        Command::Inspect(inspect) => inspect.execute(output),
        Command::Run(run) => run.execute(output).await,
        Command::Test(test) => test.execute(output),
        Command::Bench(bench) => bench.execute(output),
        Command::Decide(decide) => decide.execute(),
        Command::Compile(compile) => compile.execute(output),
        Command::Sign(sign) => sign.execute(output),
        Command::Verify(verify) => verify.execute(output),
        Command::Explain(explain) => {
            explain.print(output)?;
            Ok(Exit::Ok)
        }
        Command::Version => {
            let speaks = [("filter contract", pmp_filter_host::CONTRACT_VERSION)];
            print_version::<Cli>(output, pmp_terminal::built!(), &speaks)?;
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
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_command_shows_how_it_is_called() {
        let program = Cli::command();
        let commands = program.get_subcommands().filter(|command| command.get_name() != "completions");
        for command in commands {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let call = format!("\n  pmp-filter {}", command.get_name());
            assert!(help.starts_with("Example") && help.contains(&call), "{}: {help}", command.get_name());
        }
    }
}
