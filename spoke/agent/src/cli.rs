//! The command line of `pmp-spoke`.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};
use pmp_deployed::{EnvArgs, print_environment};
use pmp_terminal::progress::{Watch, waiting_for};
use pmp_terminal::{
    Completions, ConfigCommand, ContextArgs, EXIT_CODES_HELP, Exit, Explain, Failure, Manual, TerminalArgs, Uses,
    print_version, program_with,
};

use crate::commands::env::SPOKE;
use crate::commands::hold::{HoldArgs, UnholdArgs, hold, unhold};
use crate::commands::init::{InitArgs, initialize};
use crate::commands::run::run_agent;
use crate::commands::{doctor, plan, status, sync};
use crate::config::ConfigArgs;
use crate::lambda::SpokeFunction;

const EXAMPLES: &str = "Examples:
  pmp-spoke init            make the queue, and subscribe it to the hub's topic
  pmp-spoke plan            show what the newest snapshot would change here
  pmp-spoke sync            apply the newest snapshot, once
  pmp-spoke doctor          what is missing or wrong, and how to fix it
  pmp-spoke run             take snapshots from the queue as they come
  eval \"$(pmp-spoke env --function pmp-sync-spoke)\"
                            run the others with the settings of a deployed function";

/// The settings that each command uses, for its help; `doctor` uses all.
const USES: &Uses = &[
    ("run", &[LEDGER, FILTER, GUARD, CATALOG, RECORD, &["queue_url"]]),
    ("sync", &[LEDGER, FILTER, GUARD, CATALOG, RECORD]),
    ("plan", &[LEDGER, FILTER, GUARD]),
    ("status", &[LEDGER, &["mode"]]),
    ("hold", &[LEDGER]),
    ("unhold", &[LEDGER]),
    ("init", &[&["experience_id", "topic_arn"]]),
    ("env", &[]),
    ("config contexts", &[]),
    ("explain", &[]),
    ("version", &[]),
    ("completions", &[]),
    ("man", &[]),
];
const LEDGER: &[&str] = &[
    "experience_id",
    "snapshots_table",
    "timestamps_table",
    "hub_role_arn",
    "hub_external_id",
    "org_id",
    "trusted_keys",
];
const FILTER: &[&str] = &[
    "filter",
    "filter_config",
    "filter_digest",
    "filters",
    "filter_share",
    "filter_cache",
    "filter_max_file",
    "product_attributes",
];
const GUARD: &[&str] =
    &["member_experience_ids", "max_removed_percent", "max_removed_products", "guard_window", "sync_settings"];
const RECORD: &[&str] = &["keep_decisions", "keep_decisions_for"];
const CATALOG: &[&str] = &[
    "mode",
    "drift",
    "change_windows",
    "catalog_rates",
    "max_open_change_sets",
    "share_change_sets",
    "product_id_limit",
    "lease_term",
    "stop_after",
];

/// Keeps AWS Private Marketplace in step across organizations: a spoke
#[derive(Debug, Parser)]
#[command(name = "pmp-spoke", version, after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES_HELP}"))]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    terminal: TerminalArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take snapshots from the queue and apply them, until told to stop
    #[command(after_help = "Examples:
  pmp-spoke run
  pmp-spoke run --stop-after 50m --log-format json")]
    Run,
    /// Apply the ledger's newest snapshot, once
    #[command(after_help = "Examples:
  pmp-spoke sync
  pmp-spoke sync --confirm 42                   let through what a guard rail holds
  pmp-spoke sync --wait --stop-after 10m
  pmp-spoke sync --plan monday.json             do what `plan --out` kept, or nothing")]
    Sync(sync::SyncArgs),
    /// Show what `sync` would do, and do nothing
    #[command(after_help = "Examples:
  pmp-spoke plan
  pmp-spoke plan -o wide                        with each product that is left as it is
  pmp-spoke plan --detailed-exitcode            2 if there are changes to make
  pmp-spoke plan --version 41                   what an earlier snapshot would change
  pmp-spoke plan --filter exclude-ids --filter-config '{\"ids\":[\"prod-…\"]}'
                                                what a filter would change
  pmp-spoke plan --out monday.json              keep it, for `sync --plan`")]
    Plan(plan::PlanArgs),
    /// Show how this organization's experiences stand, as the ledger says. The live state is not
    /// looked at: `plan` does
    #[command(after_help = "Examples:
  pmp-spoke status
  pmp-spoke status -o wide                      every experience, with whole sentences
  pmp-spoke status --check                      for monitoring")]
    Status(status::StatusArgs),
    /// Change nothing in this organization until a time, within the hub's bound. It ends by itself
    #[command(after_help = "Examples:
  pmp-spoke hold --until 2h --reason 'our quarter closes'
  pmp-spoke hold --until 2026-12-01T06:00:00Z --reason 'an audit'")]
    Hold(HoldArgs),
    /// End a hold before its time
    #[command(after_help = "Example:\n  pmp-spoke unhold")]
    Unhold(UnholdArgs),
    /// Make the queue with its dead-letter queue and policy, and subscribe it to the hub's topic
    #[command(after_help = "Example:
  eval \"$(pmp-spoke init)\"                        and take the queue's URL into this shell")]
    Init(InitArgs),
    /// Check configuration, permissions and resources, and say how to fix what is wrong. Changes
    /// nothing
    #[command(after_help = "Examples:
  pmp-spoke doctor
  pmp-spoke doctor -o json")]
    Doctor,
    /// Print the settings of a deployed function as a shell takes them, to run the other commands
    /// with exactly these
    #[command(after_help = "Examples:
  eval \"$(pmp-spoke env --function pmp-sync-spoke)\"
  pmp-spoke env --function pmp-sync-spoke --for-context prod")]
    Env(EnvArgs),
    /// Show what is set, to what, and where it comes from; list the contexts of the configuration
    /// file
    #[command(
        subcommand,
        after_help = "Examples:
  pmp-spoke config show
  pmp-spoke --context prod config show --all
  pmp-spoke config contexts"
    )]
    Config(ConfigCommand),
    /// Print the version, what it was built from, which messages this spoke reads, and which
    /// filters it runs
    #[command(after_help = "Examples:\n  pmp-spoke version\n  pmp-spoke version -o json")]
    Version,
    /// Say what an error means and what to do, by the code in its last line
    #[command(after_help = "Examples:\n  pmp-spoke explain E5001\n  pmp-spoke explain")]
    Explain(Explain),
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  pmp-spoke completions bash > pmp-spoke.bash")]
    Completions(Completions),
    /// Print the manual page, or write the pages of all commands into a folder
    #[command(after_help = "Examples:
  pmp-spoke man | man -l -
  pmp-spoke man --folder ~/.local/share/man/man1")]
    Man(Manual),
}

/// Runs the program with `args`, the program's name first: as a function where AWS Lambda started
/// it.
///
/// Not generic: so all of it is compiled with this library, and not again with each program that
/// calls it.
pub fn main(args: Vec<OsString>) -> ExitCode {
    if pmp_lambda::is_called(&args) {
        return pmp_lambda::main::<SpokeFunction>("pmp-spoke");
    }
    program_with(args, USES, run)
}

/// What every command waits for where AWS asks it to slow down, and since how long.
fn held_up() -> Option<(String, Duration)> {
    pmp_aws::throttled().map(|throttled| (throttled.to_string(), throttled.since.elapsed()))
}

async fn run(cli: Cli) -> Result<Exit, Failure> {
    let level = if matches!(cli.command, Command::Run) { "info" } else { "warn" };
    let output = cli.terminal.start(level)?;
    // The agent has a log.
    let is_watched = !matches!(cli.command, Command::Run);
    let _watch = is_watched.then(|| Watch::begin(output, held_up));
    match &cli.command {
        Command::Run => run_agent(&cli.config, cli.terminal.logs_are_json()).await,
        Command::Sync(args) => sync::sync(&cli.config, args, output).await,
        Command::Plan(args) => plan::plan(&cli.config, args, output).await,
        Command::Status(args) => status::status(&cli.config, args, output).await,
        Command::Hold(args) => hold(&cli.config, args, output).await,
        Command::Unhold(args) => unhold(&cli.config, args, output).await,
        Command::Init(args) => waiting_for(output, "SQS, and SNS", initialize(&cli.config, args, output)).await,
        Command::Doctor => {
            let checkup = doctor::examine(&cli.config, output).await;
            checkup.print(output)?;
            Ok(checkup.exit())
        }
        Command::Env(args) => {
            let program = Cli::command();
            let print = print_environment(args, &SPOKE, &program, output);
            waiting_for(output, "Lambda: the settings of the function", print).await
        }
        Command::Config(what) => {
            what.print("pmp-spoke", &cli.config.given(), &cli.context, output)?;
            Ok(Exit::Ok)
        }
        Command::Version => {
            let filters = ("filter contract", pmp_filter_host::CONTRACT_VERSION);
            let layout = pmp_protocol::LEDGER_LAYOUT.to_string();
            let speaks = [("snapshot messages", pmp_protocol::SCHEMA), ("ledger layout", &layout), filters];
            print_version::<Cli>(output, pmp_terminal::built!(), &speaks)?;
            Ok(Exit::Ok)
        }
        Command::Man(manual) => {
            manual.write::<Cli>(USES)?;
            Ok(Exit::Ok)
        }
        Command::Explain(explain) => {
            explain.print(output)?;
            Ok(Exit::Ok)
        }
        Command::Completions(completions) => {
            completions.print::<Cli>()?;
            Ok(Exit::Ok)
        }
    }
}
