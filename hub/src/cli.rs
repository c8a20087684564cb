//! The command line of `pmp-hub`.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand};
use pmp_deployed::{EnvArgs, print_environment};
use pmp_protocol::IdError;
use pmp_terminal::progress::{Watch, waiting_for};
use pmp_terminal::{
    Completions, ConfigCommand, ContextArgs, EXIT_CODES_HELP, Exit, Explain, Failure, Manual, Output, TerminalArgs,
    Uses, print_version, program_that_asks,
};

use crate::commands::audit::{AuditArgs, audit};
use crate::commands::confirm::{ConfirmArgs, confirm};
use crate::commands::directions::{DirectionsArgs, directions};
use crate::commands::doctor;
use crate::commands::drift::{DriftArgs, show_drift};
use crate::commands::env::HUB;
use crate::commands::exceptions::{ExceptionsArgs, show_exceptions};
use crate::commands::history::{DiffArgs, HistoryArgs, ShowArgs, diff, history, show};
use crate::commands::init::{InitArgs, initialize};
use crate::commands::log::{LogArgs, log};
use crate::commands::members::{MembersArgs, members};
use crate::commands::mistyped::id_meant;
use crate::commands::notify::{NotifyArgs, notify};
use crate::commands::plan::{PlanArgs, show_plan};
use crate::commands::public_key::public_key;
use crate::commands::publish::{PublishArgs, publish};
use crate::commands::recover::{RecoverArgs, recover};
use crate::commands::report::{ReportArgs, report};
use crate::commands::run::{RunArgs, run_agent};
use crate::commands::serve::{ServeArgs, serve};
use crate::commands::status::{StatusArgs, show_status};
use crate::commands::steer::{PauseArgs, PinArgs, ResumeArgs, UnpinArgs, pause, pin, resume, unpin};
use crate::commands::versions::{VersionsArgs, show_versions};
use crate::commands::wait::{WaitArgs, wait};
use crate::commands::waves::{HaltArgs, PromoteArgs, halt, promote};
use crate::commands::why::{WhyArgs, why};
use crate::config::{ConfigArgs, RunSettings};
use crate::lambda::HubFunction;
use crate::verify::{VerifyArgs, verify_aws};

const EXAMPLES: &str = "Examples:
  pmp-hub init --allow-account 222222222222 --admit o-member0000
                                                make tables and topic, admit a member
  pmp-hub publish                               read, store, publish, once
  pmp-hub run --interval 1h                     the same, by schedule and on change events
  pmp-hub status                                how the member organizations stand, on one screen
  pmp-hub doctor                                what is missing or wrong, and how to fix it
  eval \"$(pmp-hub env --function pmp-sync-hub)\"
                                                run the others with the settings of a deployed function
  pmp-hub confirm o-member0000 42               let through what a guard rail holds there
  pmp-hub pin 40 --reason 'bad approval'        go back to snapshot 40, and stay there
  pmp-hub pause --all --until 2h --reason …     change nothing anywhere for two hours
  pmp-hub promote --reason …                    into the next wave, before its time
  pmp-hub halt --reason …                       no further through the waves
  pmp-hub exceptions                            what is held, set aside or filtered, and why
  pmp-hub members                               who is admitted, and who never reported
  pmp-hub wait 42 --timeout 10m                 until it is everywhere; exit code 4 if it is not
  pmp-hub history --since 7d                    what changed in the last week
  pmp-hub diff 41 42                            product by product, between two snapshots
  pmp-hub why prod-abc                          where it is approved, where it is not, and why
  pmp-hub log o-member0000                      what came of the syncs of one organization
  pmp-hub report --html fleet.html              the fleet as one page; `serve` shows it live
  pmp-hub notify --dry-run                      what operations would be told now
  pmp-hub audit                                 who did what, newest first
  pmp-hub verify-aws                            what AWS does where its documentation is silent
  pmp-hub recover                               go on after the table of snapshots was restored";

/// The settings that each command uses, for its help; `run` and `doctor` use all.
const USES: &Uses = &[
    ("publish", &[LEDGER, ROSTER, TOPIC, SIGNING, PRODUCTS, &["max_hold", "change_windows", "waves"]]),
    ("recover", &[LEDGER, TOPIC, SIGNING, PRODUCTS]),
    ("status", &[LEDGER, ROSTER]),
    ("members", &[LEDGER, ROSTER]),
    ("members admit", &[LEDGER]),
    ("members forget", &[LEDGER]),
    ("exceptions", &[LEDGER, ROSTER]),
    ("versions", &[LEDGER, ROSTER]),
    ("wait", &[LEDGER, ROSTER]),
    ("why", &[LEDGER, ROSTER]),
    ("log", &[LEDGER, ROSTER]),
    ("drift", &[LEDGER, ROSTER]),
    ("audit", &[LEDGER]),
    ("audit verify", &[]),
    ("audit replay", &[]),
    ("report", &[LEDGER, ROSTER]),
    ("serve", &[LEDGER, ROSTER]),
    ("plan", &[LEDGER, ROSTER, FILTERS, &["waves"]]),
    ("history", &[SNAPSHOTS]),
    ("show", &[SNAPSHOTS]),
    ("diff", &[SNAPSHOTS]),
    ("confirm", &[LEDGER, ROSTER, TOPIC]),
    ("pin", &[LEDGER, ROSTER, TOPIC, SIGNING]),
    ("unpin", &[LEDGER, ROSTER, TOPIC, SIGNING]),
    ("pause", &[LEDGER, ROSTER, TOPIC, SIGNING]),
    ("resume", &[LEDGER, ROSTER, TOPIC, SIGNING]),
    ("promote", &[LEDGER, ROSTER, TOPIC, SIGNING]),
    ("halt", &[LEDGER, ROSTER, TOPIC, SIGNING]),
    ("directions", &[LEDGER, SIGNING]),
    ("notify", &[LEDGER, ROSTER, NOTIFY]),
    ("init", &[LEDGER, TOPIC]),
    ("env", &[]),
    ("public-key", &[&["signing_key"]]),
    ("verify-aws", &[LEDGER, &["events_queue_url"]]),
    ("config contexts", &[]),
    ("explain", &[]),
    ("version", &[]),
    ("completions", &[]),
    ("man", &[]),
];
const LEDGER: &[&str] = &["experience_id", "hub_experiences", "snapshots_table", "timestamps_table"];
const SNAPSHOTS: &[&str] = &["experience_id", "hub_experiences", "snapshots_table"];
const PRODUCTS: &[&str] = &["product_attributes"];
const TOPIC: &[&str] = &["topic_arn"];
const ROSTER: &[&str] = &["member_organizations"];
const FILTERS: &[&str] = &["filters_folder", "filter_program"];
const NOTIFY: &[&str] = &["notify_topic_arn", "notify_format"];
const SIGNING: &[&str] = &["signing_key", "statement_lifetime"];

/// Keeps AWS Private Marketplace in step across organizations: the hub
#[derive(Debug, Parser)]
#[command(name = "pmp-hub", version, after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES_HELP}"))]
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
    /// Read the management experience, store it if it changed, and publish it
    #[command(after_help = "Examples:
  pmp-hub publish --dry-run
  pmp-hub publish -o json")]
    Publish(PublishArgs),
    /// Publish by schedule and on change events, until told to stop
    #[command(after_help = "Examples:
  pmp-hub run
  pmp-hub run --interval 15m --log-format json")]
    Run(RunArgs),
    /// Show on one screen how the member experiences stand, worst first, by cause
    #[command(after_help = "Examples:
  pmp-hub status                                add -w to go on looking, until Ctrl-C
  pmp-hub status --all --sort last-seen         every row
  pmp-hub status --state held,error --org o-member0000
  pmp-hub status --check                        for monitoring: 4 if something needs a person
  pmp-hub status -o json | jq '.spokes[] | select(.state == \"HELD\")'")]
    Status(StatusArgs),
    /// Let through what a guard rail holds in a member organization, for exactly one snapshot
    #[command(after_help = "Examples:
  pmp-hub confirm o-member0000 42
  pmp-hub confirm o-member0000 42 --member-experience exp-prod
  pmp-hub confirm o-member0000 42 --undo
  pmp-hub confirm --cause 3f9a1c07              what `pmp-hub exceptions` shows for this cause
  pmp-hub confirm --org o-member0000,o-member0001
  pmp-hub confirm --wave canary
  pmp-hub confirm --all --yes --snapshot 42")]
    Confirm(ConfirmArgs),
    /// Go back to the content of an earlier snapshot and stay there, whatever the management
    /// experience says: the fleet, or single organizations
    #[command(after_help = "Examples:
  pmp-hub pin 40 --reason 'prod-x was approved by mistake'
  pmp-hub pin 40 --org o-member0000 --reason 'their audit ends on Friday'
  pmp-hub pin 40 --wave canary --reason 'the canary is needed as it was'
  pmp-hub pin 40 --reason 'bad approval' --no-announce     the hub's next run publishes it")]
    Pin(PinArgs),
    /// Follow the management experience again
    #[command(after_help = "Examples:
  pmp-hub unpin --reason 'prod-x is rejected now'
  pmp-hub unpin --org o-member0000 --reason 'the audit is over'")]
    Unpin(UnpinArgs),
    /// Have spokes change nothing until a time, and then go on by themselves
    #[command(after_help = "Examples:
  pmp-hub pause --all --until 2h --reason 'a change freeze'
  pmp-hub pause --org o-member0000 --until 2026-12-01T06:00:00Z --reason 'their migration'
  pmp-hub pause --wave canary --until 8h --reason 'a demonstration'")]
    Pause(PauseArgs),
    /// End a pause before its time
    #[command(after_help = "Examples:
  pmp-hub resume --all --reason 'the freeze is over'
  pmp-hub resume --org o-member0000 --reason 'the migration is done'")]
    Resume(ResumeArgs),
    /// Start the next wave of the current snapshot now, or go on with a snapshot that was halted
    #[command(after_help = "Examples:
  pmp-hub promote --reason 'the canary looks well, and the soak may end'
  pmp-hub promote 42 --reason 'their filter is fixed'")]
    Promote(PromoteArgs),
    /// Halt the current snapshot: it enters no further wave
    #[command(after_help = "Examples:
  pmp-hub halt --reason 'a vendor called'
  pmp-hub status                                who has it, and who does not")]
    Halt(HaltArgs),
    /// List what is pinned and paused: for whom, by whom, since when and why
    #[command(after_help = "Examples:
  pmp-hub directions
  pmp-hub directions -o json
  pmp-hub directions --sign                     with the key of now, after a change of keys")]
    Directions(DirectionsArgs),
    /// Show what is held, set aside, filtered or not managed, over the fleet, by cause
    #[command(after_help = "Examples:
  pmp-hub exceptions
  pmp-hub exceptions --org o-member0000 --all
  pmp-hub exceptions -o csv > exceptions.csv")]
    Exceptions(ExceptionsArgs),
    /// List the member organizations that are admitted; admit more, or end one
    #[command(after_help = "Examples:
  pmp-hub members
  pmp-hub members admit o-member0000
  pmp-hub members forget o-member0000 o-member0000")]
    Members(MembersArgs),
    /// Show which snapshots the member experiences are on, newest first
    #[command(after_help = "Examples:
  pmp-hub versions
  pmp-hub versions --all -o json")]
    Versions(VersionsArgs),
    /// Wait until a snapshot is applied everywhere
    #[command(after_help = "Examples:
  pmp-hub publish && pmp-hub wait               the newest
  pmp-hub wait 42 --timeout 10m                 exit code 4 where it is not everywhere by then")]
    Wait(WaitArgs),
    /// Tell why a product is approved, or not, in the member experiences
    #[command(after_help = "Examples:
  pmp-hub why prod-abc                          everywhere, by reason
  pmp-hub why 'Port Scanner' --org o-member0000     the whole chain, in one organization
  pmp-hub why prod-abc --at 40                  as it was decided by snapshot 40")]
    Why(WhyArgs),
    /// Print every decision: each product in each member experience, with the reason; or write the
    /// page of the fleet
    #[command(after_help = "Examples:
  pmp-hub report --html fleet.html              the fleet as one page, for a browser and for print
  pmp-hub report --csv > report.csv
  pmp-hub report --csv --at 40                  as it was decided by snapshot 40
  pmp-hub report -o ndjson --org o-member0000")]
    Report(ReportArgs),
    /// Show the page of the fleet, live, to browsers on this machine, until Ctrl-C
    #[command(after_help = "Examples:
  pmp-hub serve                                 at http://127.0.0.1:8642/
  pmp-hub serve --port 0 --every 60s            on any free port")]
    Serve(ServeArgs),
    /// List what came of the syncs of one organization, newest first
    #[command(after_help = "Examples:
  pmp-hub log o-member0000
  pmp-hub log o-member0000 --experience exp-prod --since 7d --all")]
    Log(LogArgs),
    /// List who published, confirmed, pinned, paused, admitted and forgot, newest first; export all
    /// of it, and verify what was exported
    #[command(after_help = "Examples:
  pmp-hub audit
  pmp-hub audit --action forget,admit           who left, and who came
  pmp-hub audit --org o-member0000              what was done about one organization
  pmp-hub audit export --out audit.ndjson
  pmp-hub audit verify audit.ndjson             without AWS and without settings
  pmp-hub audit replay audit.ndjson             whether its story goes together")]
    Audit(AuditArgs),
    /// Show what others changed in the member experiences, by which account and when, as the spokes
    /// noticed
    #[command(after_help = "Examples:
  pmp-hub drift
  pmp-hub drift --all -o json")]
    Drift(DriftArgs),
    /// Show what a publish would change in the member experiences, as far as the hub can know.
    /// Publishes nothing
    #[command(after_help = "Examples:
  pmp-hub plan
  pmp-hub plan -o wide                          experience by experience
  pmp-hub plan --filters-folder filters         with the members' filters, by their digests
  pmp-hub plan --detailed-exitcode              2 if something would change, 3 if it would be held")]
    Plan(PlanArgs),
    /// List the snapshots that are kept, newest first
    #[command(after_help = "Examples:
  pmp-hub history
  pmp-hub history --since 7d
  pmp-hub history --since 7d --change-sets      and what in AWS Marketplace brought each
  pmp-hub history --since 2026-11-20 -o json")]
    History(HistoryArgs),
    /// List the products of a snapshot
    #[command(after_help = "Examples:
  pmp-hub show                                  the newest
  pmp-hub show 42 -o ndjson")]
    Show(ShowArgs),
    /// List what differs between two snapshots, or a snapshot and what the management experience
    /// says now
    #[command(after_help = "Examples:
  pmp-hub diff 41 42
  pmp-hub diff 41                               what changed since snapshot 41
  pmp-hub diff                                  what the next publish would bring, if
                                                anything")]
    Diff(DiffArgs),
    /// Tell operations what changed in the fleet since it was told last, and send what could not be
    /// sent. `run` and the function do the same after each scheduled run
    #[command(after_help = "Examples:
  pmp-hub notify --dry-run                      what would be told; nothing is sent or written
  pmp-hub notify
  pmp-hub notify --dry-run -o json")]
    Notify(NotifyArgs),
    /// Go on after the table of snapshots was restored to an earlier moment. Without a
    /// confirmation, only tells what was lost
    #[command(after_help = "Examples:
  pmp-hub recover                               tell what was lost, and do nothing
  pmp-hub recover exp-management")]
    Recover(RecoverArgs),
    /// Make the tables and the topic, or check those that are there
    #[command(after_help = "Examples:
  pmp-hub init --allow-account 222222222222 --admit o-member0000
  eval \"$(pmp-hub init)\"                          and take the names into this shell")]
    Init(InitArgs),
    /// Print the public key of PMP_SIGNING_KEY, for PMP_TRUSTED_KEYS of the spokes
    #[command(after_help = "Example:\n  pmp-hub public-key > hub.pem")]
    PublicKey,
    /// Check configuration, permissions and resources, and say how to fix what is wrong. Changes
    /// nothing
    #[command(after_help = "Examples:
  pmp-hub doctor
  pmp-hub doctor -o json")]
    Doctor(RunSettings),
    /// Print the settings of a deployed function as a shell takes them, to run the other commands
    /// with exactly these
    #[command(after_help = "Examples:
  eval \"$(pmp-hub env --function pmp-sync-hub)\"
  pmp-hub env --function pmp-sync-hub --for-context prod")]
    Env(EnvArgs),
    /// Show what is set, to what, and where it comes from; list the contexts of the configuration
    /// file
    #[command(after_help = "Examples:
  pmp-hub config show
  pmp-hub --context prod config show --all
  pmp-hub config contexts")]
    Config(ConfigShowArgs),
    /// Print the version, what it was built from, and which messages this hub writes
    #[command(after_help = "Examples:\n  pmp-hub version\n  pmp-hub version -o json")]
    Version,
    /// Try on a real account what AWS documents nowhere, and say what it does. Changes nothing
    /// without --change
    VerifyAws(VerifyArgs),
    /// Say what an error means and what to do, by the code in its last line
    #[command(after_help = "Examples:\n  pmp-hub explain E4010\n  pmp-hub explain")]
    Explain(Explain),
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  pmp-hub completions bash > pmp-hub.bash")]
    Completions(Completions),
    /// Print the manual page, or write the pages of all commands into a folder
    #[command(after_help = "Examples:
  pmp-hub man | man -l -
  pmp-hub man --folder ~/.local/share/man/man1")]
    Man(Manual),
}

/// What `config` shows. The settings of some commands alone are shown with the others.
#[derive(Debug, Args)]
struct ConfigShowArgs {
    #[command(subcommand)]
    what: ConfigCommand,
    #[command(flatten)]
    run: RunSettings,
}

/// Runs the program with `args`, the program's name first: as a function where AWS Lambda started
/// it.
///
/// Not generic: so all of it is compiled with this library, and not again with each program that
/// calls it.
pub fn main(args: Vec<OsString>) -> ExitCode {
    if pmp_lambda::is_called(&args) {
        return pmp_lambda::main::<HubFunction>("pmp-hub");
    }
    program_that_asks(args, USES, meant, run)
}

/// The id that looks like one that was mistyped, of those that the hub knows.
async fn meant(cli: Cli, wrong: &IdError) -> Option<String> {
    let output = cli.terminal.output();
    waiting_for(output, "the ledger: which ids there are", id_meant(&cli.config, wrong)).await
}

async fn run(cli: Cli) -> Result<Exit, Failure> {
    let level = if matches!(cli.command, Command::Run(_)) { "info" } else { "warn" };
    let output = cli.terminal.start(level)?;
    let is_watched = match &cli.command {
        // One has a log, one a page, and one a screen that is drawn again and again.
        Command::Run(_) | Command::Serve(_) => false,
        Command::Status(args) => !args.goes_on(),
        _ => true,
    };
    let _watch = is_watched.then(|| Watch::begin(output, held_up));
    let work = execute(&cli, output);
    match waits_for(&cli.command) {
        Some(what) => waiting_for(output, what, Box::pin(work)).await,
        None => work.await,
    }
}

/// What every command waits for where AWS asks it to slow down, and since how long.
fn held_up() -> Option<(String, Duration)> {
    pmp_aws::throttled().map(|throttled| (throttled.to_string(), throttled.since.elapsed()))
}

/// What a command waits for that says nothing before its answer. None of one that tells of it
/// itself, or waits for nothing.
fn waits_for(command: &Command) -> Option<&'static str> {
    match command {
        Command::Diff(_) => Some("the catalog, and the ledger"),
        Command::Init(_) => Some("DynamoDB, and SNS"),
        Command::Env(_) => Some("Lambda: the settings of the function"),
        Command::PublicKey => Some("the signing key"),
        Command::Notify(_) => Some("the ledger, and the topic of operations"),
        Command::Status(args) if args.goes_on() => None,
        Command::Status(_)
        | Command::Exceptions(_)
        | Command::Members(_)
        | Command::Versions(_)
        | Command::Why(_)
        | Command::Report(_)
        | Command::Log(_)
        | Command::Drift(_)
        | Command::History(_)
        | Command::Show(_)
        | Command::Recover(_)
        | Command::Confirm(_)
        | Command::Directions(_)
        | Command::Pin(_)
        | Command::Unpin(_)
        | Command::Pause(_)
        | Command::Resume(_)
        | Command::Promote(_)
        | Command::Halt(_) => Some("the ledger"),
        Command::Publish(_)
        | Command::Run(_)
        | Command::Wait(_)
        | Command::Serve(_)
        | Command::Audit(_)
        | Command::Plan(_)
        | Command::Doctor(_)
        | Command::Config(_)
        | Command::Version
        | Command::VerifyAws(_)
        | Command::Explain(_)
        | Command::Completions(_)
        | Command::Man(_) => None,
    }
}

async fn execute(cli: &Cli, output: Output) -> Result<Exit, Failure> {
    match &cli.command {
        Command::Publish(args) => publish(&cli.config, args, output).await,
        Command::Run(args) => run_agent(&cli.config, args, cli.terminal.logs_are_json()).await,
        Command::Status(args) => show_status(&cli.config, args, output).await,
        Command::Confirm(args) => confirm(&cli.config, args, output).await,
        Command::Pin(args) => pin(&cli.config, args, output).await,
        Command::Unpin(args) => unpin(&cli.config, args, output).await,
        Command::Pause(args) => pause(&cli.config, args, output).await,
        Command::Resume(args) => resume(&cli.config, args, output).await,
        Command::Promote(args) => promote(&cli.config, args, output).await,
        Command::Halt(args) => halt(&cli.config, args, output).await,
        Command::Directions(args) => directions(&cli.config, args, output).await,
        Command::Exceptions(args) => show_exceptions(&cli.config, args, output).await,
        Command::Members(args) => members(&cli.config, args, output).await,
        Command::Versions(args) => show_versions(&cli.config, args, output).await,
        Command::Wait(args) => wait(&cli.config, args, output).await,
        Command::Why(args) => why(&cli.config, args, output).await,
        Command::Log(args) => log(&cli.config, args, output).await,
        Command::Audit(args) => audit(&cli.config, args, output).await,
        Command::Report(args) => report(&cli.config, args, output).await,
        Command::Serve(args) => serve(&cli.config, args, output).await,
        Command::Drift(args) => show_drift(&cli.config, args, output).await,
        Command::Plan(args) => show_plan(&cli.config, args, output).await,
        Command::History(args) => history(&cli.config, args, output).await,
        Command::Show(args) => show(&cli.config, args, output).await,
        Command::Diff(args) => diff(&cli.config, args, output).await,
        Command::Notify(args) => notify(&cli.config, args, output).await,
        Command::Recover(args) => recover(&cli.config, args, output).await,
        Command::Init(args) => initialize(&cli.config, args, output).await,
        Command::PublicKey => public_key(&cli.config, output).await,
        Command::Doctor(run) => {
            let checkup = doctor::examine(&cli.config, run, output).await;
            checkup.print(output)?;
            Ok(checkup.exit())
        }
        Command::Env(args) => print_environment(args, &HUB, &Cli::command(), output).await,
        Command::Config(args) => {
            let given = [cli.config.given(), args.run.given()].concat();
            args.what.print("pmp-hub", &given, &cli.context, output)?;
            Ok(Exit::Ok)
        }
        Command::Version => {
            let layout = pmp_protocol::LEDGER_LAYOUT.to_string();
            let speaks = [("snapshot messages", pmp_protocol::SCHEMA), ("ledger layout", &layout)];
            print_version::<Cli>(output, pmp_terminal::built!(), &speaks)?;
            Ok(Exit::Ok)
        }
        Command::VerifyAws(args) => verify_aws(&cli.config, args, output).await,
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
