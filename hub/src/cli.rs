//! The program `pmp-hub`.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use clap::{Args, Parser, Subcommand};
use jiff::{SignedDuration, Timestamp};
use pmp_catalog::{RateLimits, SdkCatalog, SdkDirectory};
use pmp_ledger::{
    DynamoAnswers, DynamoReceipts, DynamoReports, DynamoRoster, DynamoSnapshots, Extent, ReceiptStore, Reports, Roster,
    SnapshotStore,
};
use pmp_protocol::{
    AccountId, Confirmed, ExperienceId, OperatorConfirmation, OrganizationId, OrganizationSeen, Reason, Receipt,
    SnapshotVersion,
};
use pmp_terminal::{
    Completions, EXIT_CODES_HELP, Exit, Failure, Output, OutputFormat, TerminalArgs, count, parse_duration,
    print_version, program_with, progress, stop_on_signal,
};
use serde_json::json;
use tokio::sync::Notify;

use crate::config::{
    ConfigArgs, KEEP_VERSIONS, MEMBERS, PublishConfig, RunSettings, SILENCE, STALE_AFTER, StatusConfig,
    parse_stale_after, silence_of_run,
};
use crate::error::{failure, sdk};
use crate::events::EventQueue;
use crate::figures::Figures;
use crate::fleet::{Fleet, View};
use crate::function::HubFunction;
use crate::history::{DiffArgs, HistoryArgs, ShowArgs};
use crate::products::{LookedUp, Products};
use crate::publish::Recovery;
use crate::verify::{VerifyArgs, verify_aws};
use crate::wait::WaitArgs;
use crate::{
    Hub, HubError, Outcome, Published, Restored, Signing, SnsTopic, SpokeStatus, Trigger, agent, confirm, doctor,
    history, init, members, products, shown, status, versions, wait,
};

const EXAMPLES: &str = "Examples:
  pmp-hub init --allow-account 222222222222 --admit o-member0000
                                                make tables and topic, admit a member
  pmp-hub publish                               read, store, publish, once
  pmp-hub run --interval 1h                     the same, by schedule and on change events
  pmp-hub status                                how the member organizations stand
  pmp-hub doctor                                what is missing or wrong, and how to mend it
  pmp-hub confirm o-member0000 42               let through what a guard rail holds there
  pmp-hub members                               who is admitted, and who never reported
  pmp-hub wait 42 --timeout 10m                 until it is everywhere; exit code 4 if it is not
  pmp-hub history --since 7d                    what changed in the last week
  pmp-hub diff 41 42                            product by product, between two snapshots
  pmp-hub verify-aws                            what AWS does where its documentation is silent
  pmp-hub recover                               go on after the table of snapshots was restored";

/// The settings that each command uses, for its help; `run` and `doctor` use all.
const USES: [(&str, &[&[&str]]); 15] = [
    ("publish", &[LEDGER, TOPIC, SIGNING, PRODUCTS]),
    ("recover", &[LEDGER, TOPIC, SIGNING, PRODUCTS]),
    ("status", &[LEDGER, ROSTER]),
    ("members", &[LEDGER, ROSTER]),
    ("versions", &[LEDGER, ROSTER]),
    ("wait", &[LEDGER, ROSTER]),
    ("history", &[SNAPSHOTS]),
    ("show", &[SNAPSHOTS]),
    ("diff", &[SNAPSHOTS]),
    ("confirm", &[LEDGER, ROSTER, TOPIC]),
    ("init", &[LEDGER, TOPIC]),
    ("public-key", &[&["signing_key"]]),
    ("verify-aws", &[LEDGER]),
    ("version", &[]),
    ("completions", &[]),
];
const LEDGER: &[&str] = &["experience_id", "snapshots_table", "timestamps_table"];
const SNAPSHOTS: &[&str] = &["experience_id", "snapshots_table"];
const PRODUCTS: &[&str] = &["product_attributes"];
const TOPIC: &[&str] = &["topic_arn"];
const ROSTER: &[&str] = &["member_organizations"];
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
    /// Show how the member experiences stand, worst first
    #[command(after_help = "Examples:
  pmp-hub status
  pmp-hub status --check                        for monitoring: 4 if something needs a person
  pmp-hub status -o json | jq '.spokes[] | select(.state == \"HELD\")'")]
    Status(StatusArgs),
    /// Let through what a guard rail holds in a member organization, for exactly one snapshot
    #[command(after_help = "Examples:
  pmp-hub confirm o-member0000 42
  pmp-hub confirm o-member0000 42 --member-experience exp-prod
  pmp-hub confirm o-member0000 42 --undo")]
    Confirm(ConfirmArgs),
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
    /// List the snapshots that are kept, newest first
    #[command(after_help = "Examples:
  pmp-hub history
  pmp-hub history --since 7d
  pmp-hub history --since 2026-11-20 -o json")]
    History(HistoryArgs),
    /// List the products of a snapshot
    #[command(after_help = "Examples:
  pmp-hub show                                  the newest
  pmp-hub show 42 -o ndjson")]
    Show(ShowArgs),
    /// List what differs between two snapshots, or a snapshot and what the management experience says now
    #[command(after_help = "Examples:
  pmp-hub diff 41 42
  pmp-hub diff 41                               what changed since snapshot 41
  pmp-hub diff                                  what the next publish would bring")]
    Diff(DiffArgs),
    /// Go on after the table of snapshots was restored to an earlier moment. Without a confirmation, only tells what was lost
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
    /// Check configuration, permissions and resources, and say how to mend what is wrong. Changes nothing
    #[command(after_help = "Examples:
  pmp-hub doctor
  pmp-hub doctor -o json")]
    Doctor(RunSettings),
    /// Print the version, and which messages this hub writes
    Version,
    /// Try on a real account what AWS documents nowhere, and say what it does. Changes nothing without --change
    VerifyAws(VerifyArgs),
    /// Print a completion script for a shell
    Completions(Completions),
}

#[derive(Debug, Args)]
struct PublishArgs {
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    keep: Keep,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// How often an unchanged snapshot is announced: 30s, 15m, 1h
    #[arg(long, env = "PMP_INTERVAL", default_value = "1h", value_parser = parse_duration, value_name = "DURATION")]
    interval: Duration,
    /// How long a spoke may be silent before the metrics count it, which are written where the log is JSON: longer than the interval
    /// [default: 3h, or three intervals where that is longer]
    #[arg(long, env = "PMP_STALE_AFTER", value_name = "DURATION")]
    stale_after: Option<String>,
    #[command(flatten)]
    keep: Keep,
}

#[derive(Debug, Args)]
struct Keep {
    /// How many versions the ledger keeps
    #[arg(long, env = "PMP_KEEP_VERSIONS", default_value_t = KEEP_VERSIONS, value_parser = clap::value_parser!(u64).range(2..), value_name = "N")]
    keep_versions: u64,
}

#[derive(Debug, Args)]
struct StatusArgs {
    /// Exit with 4 if anything is disputed, unreadable, held, in error, stale or was never heard of, or nobody was
    #[arg(long)]
    check: bool,
    /// With --check: do not fail where no spoke has reported yet
    #[arg(long, requires = "check")]
    allow_empty: bool,
    /// How long a spoke may be silent, or behind, before it is stale
    #[arg(long, env = "PMP_STALE_AFTER", default_value = STALE_AFTER, value_parser = parse_stale_after, value_name = "DURATION")]
    stale_after: Duration,
}

#[derive(Debug, Args)]
struct VersionsArgs {
    /// All versions, and not only the newest
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
struct ConfirmArgs {
    /// The member organization: o-…
    #[arg(value_name = "ORG")]
    organization: OrganizationId,
    /// The snapshot to let through: the newest
    #[arg(value_name = "VERSION")]
    version: SnapshotVersion,
    /// Only this member experience; without it, all of the organization
    #[arg(long, value_name = "ID")]
    member_experience: Option<ExperienceId>,
    /// Confirm in advance, where nothing is held yet
    #[arg(long)]
    force: bool,
    /// Take a confirmation back
    #[arg(long, conflicts_with = "force")]
    undo: bool,
    /// Leave it to the next announcement to reach the spoke, rather than announce the snapshot again now
    #[arg(long)]
    no_announce: bool,
}

#[derive(Debug, Args)]
struct InitArgs {
    /// An account that may subscribe its queue to the topic; repeat for more
    #[arg(long = "allow-account", value_name = "ACCOUNT")]
    allow_accounts: Vec<AccountId>,
    /// A member organization to admit to the roster; repeat for more, or separate them by commas
    #[arg(long = "admit", value_name = "ORG", value_delimiter = ',')]
    admit: Vec<OrganizationId>,
    /// With --admit: these keep more than 200 experiences each, so that more of what they report is read
    #[arg(long, requires = "admit")]
    large: bool,
}

#[derive(Debug, Args)]
struct MembersArgs {
    #[command(subcommand)]
    command: Option<MembersCommand>,
    /// How long a spoke may be silent, or behind, before it is stale
    #[arg(long, env = "PMP_STALE_AFTER", default_value = STALE_AFTER, value_parser = parse_stale_after, value_name = "DURATION")]
    stale_after: Duration,
}

#[derive(Debug, Subcommand)]
enum MembersCommand {
    /// Admit member organizations to the roster: whoever is on it and does not report is missed, whoever is not is not believed
    #[command(after_help = "Example:\n  pmp-hub members admit o-member0000")]
    Admit(AdmitArgs),
    /// End a member organization: its receipts, its sign of life, its confirmations and its record are deleted
    Forget(ForgetArgs),
}

#[derive(Debug, Args)]
struct AdmitArgs {
    /// The member organizations: o-…
    #[arg(value_name = "ORG", required = true)]
    organizations: Vec<OrganizationId>,
    /// They keep more than 200 experiences each, so that more of what they report is read
    #[arg(long)]
    large: bool,
}

#[derive(Debug, Args)]
struct ForgetArgs {
    /// The member organization: o-…
    #[arg(value_name = "ORG")]
    organization: OrganizationId,
    /// The same again, as a confirmation
    #[arg(value_name = "ORG")]
    again: Option<OrganizationId>,
    /// Do it without the confirmation
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
struct RecoverArgs {
    /// The management experience, as a confirmation
    #[arg(value_name = "EXPERIENCE")]
    experience: Option<ExperienceId>,
    /// Do it without the confirmation
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    keep: Keep,
}

/// Runs the program with `args`, the program's name first: as a function where AWS Lambda started it.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<_> = args.into_iter().collect();
    if pmp_lambda::is_called(&args) {
        return pmp_lambda::main::<HubFunction>("pmp-hub");
    }
    program_with(args, &USES, run)
}

async fn run(cli: Cli) -> Result<Exit, Failure> {
    let level = if matches!(cli.command, Command::Run(_)) { "info" } else { "warn" };
    let output = cli.terminal.start(level)?;
    match &cli.command {
        Command::Publish(args) => publish(&cli.config, args, output).await,
        Command::Run(args) => run_agent(&cli.config, args, cli.terminal.logs_are_json()).await,
        Command::Status(args) => show_status(&cli.config, args, output).await,
        Command::Confirm(args) => confirm(&cli.config, args, output).await,
        Command::Members(args) => members(&cli.config, args, output).await,
        Command::Versions(args) => show_versions(&cli.config, args, output).await,
        Command::Wait(args) => wait::wait(&cli.config, args, output).await,
        Command::History(args) => history::history(&cli.config, args, output).await,
        Command::Show(args) => history::show(&cli.config, args, output).await,
        Command::Diff(args) => history::diff(&cli.config, args, output).await,
        Command::Recover(args) => recover(&cli.config, args, output).await,
        Command::Init(args) => initialize(&cli.config, args, output).await,
        Command::PublicKey => public_key(&cli.config, output).await,
        Command::Doctor(run) => {
            let checkup = doctor::examine(&cli.config, run, output).await;
            checkup.print(output)?;
            Ok(checkup.exit())
        }
        Command::Version => {
            print_version::<Cli>(output, &[("snapshot messages", pmp_protocol::SCHEMA)])?;
            Ok(Exit::Ok)
        }
        Command::VerifyAws(args) => verify_aws(&cli.config, args, output).await,
        Command::Completions(completions) => {
            completions.print::<Cli>()?;
            Ok(Exit::Ok)
        }
    }
}

pub(crate) fn hub(sdk: &SdkConfig, config: &PublishConfig, keep_versions: u64) -> Hub {
    Hub {
        catalog: Arc::new(SdkCatalog::new(sdk, RateLimits::default())),
        snapshots: Arc::new(DynamoSnapshots::new(sdk, config.snapshots.clone())),
        marks: config.timestamps.clone().map(|table| Arc::new(DynamoReceipts::new(sdk, table)) as _),
        topic: Arc::new(SnsTopic::new(sdk, config.topic.clone())),
        experience: config.experience.clone(),
        keep_versions,
        signing: config
            .signing
            .as_ref()
            .map(|signing| Signing { signer: signing.key.signer(sdk), lifetime: signing.lifetime }),
        unsigned: config.unsigned,
    }
}

/// What looks products up, where that is wanted.
pub(crate) fn products(sdk: &SdkConfig, config: &PublishConfig) -> Option<Products> {
    let products = || Products {
        directory: Arc::new(SdkDirectory::new(sdk)),
        answers: Arc::new(DynamoAnswers::new(sdk, config.snapshots.clone())),
    };
    config.looks_products_up.then(products)
}

async fn publish(config: &ConfigArgs, args: &PublishArgs, output: Output) -> Result<Exit, Failure> {
    let config = config.for_publish()?;
    let sdk = sdk().await?;
    let hub = hub(&sdk, &config, args.keep.keep_versions);
    let products = products(&sdk, &config).filter(|_| !args.dry_run);
    let published = if args.dry_run {
        hub.dry_run(Trigger::Operator).await
    } else {
        hub.publish(Trigger::Operator, Timestamp::now).await
    };
    let published = published.map_err(failure)?;
    if output.is_table() {
        output.line(&sentence(&published, args.dry_run))?;
    }
    let looked_up = match &products {
        Some(products) => look_products_up(products, &hub).await?,
        None => None,
    };
    if !output.is_table() {
        let mut document = json!({"dry_run": args.dry_run, "published": published});
        if products.is_some() {
            document["products"] = json!(looked_up);
        }
        output.document(&document)?;
    }
    Ok(Exit::Ok)
}

/// Looks products up once the snapshot is published. That this fails is told, and no failure of `publish`.
async fn look_products_up(products: &Products, hub: &Hub) -> Result<Option<LookedUp>, Failure> {
    let stop = stop_on_signal().map_err(Failure::new)?;
    progress::step(progress::Step::Doing, "looking products up for the filters of the members");
    let outcome = stop.write_down(products.look_up(hub, None, stop.token())).await;
    let looked_up = outcome.and_then(products::tell);
    if let Some(LookedUp { known, unknown, calls, .. }) = &looked_up {
        let (known, calls) = (count(*known, "product"), count(*calls, "call"));
        progress::step(progress::Step::Done, &format!("{known} looked up, {unknown} not yet, with {calls} now"));
    }
    Ok(looked_up)
}

/// What `publish` did, for a person.
fn sentence(published: &Published, dry_run: bool) -> String {
    let Published { version, digest, counts, .. } = published;
    let snapshot = format!("snapshot {version} ({}), {counts}", digest.short());
    let again = format!("snapshot {version} again ({}), with {counts}", digest.short());
    let how = match (published.inline, published.message_bytes) {
        (Some(true), Some(bytes)) => format!(", in a message of {bytes} bytes"),
        (Some(false), Some(bytes)) => format!(", by reference, in a message of {bytes} bytes"),
        _ => String::new(),
    };
    match (published.outcome, dry_run) {
        (Outcome::Stored, false) => format!("Published {snapshot}{how}."),
        (Outcome::Stored, true) => format!("Would store and publish {snapshot}."),
        (Outcome::Recovered, false) => format!("Published {snapshot}{how}: an earlier run had only stored it."),
        (Outcome::Recovered, true) => format!("Would publish {snapshot}, which an earlier run only stored."),
        (Outcome::Announced, false) => format!("No changes. Announced {again}{how}."),
        (Outcome::Announced, true) => format!("No changes. Would announce {again}."),
        (Outcome::Unchanged, _) => format!("No changes since {snapshot}."),
    }
}

async fn run_agent(config: &ConfigArgs, args: &RunArgs, metrics: bool) -> Result<Exit, Failure> {
    let (config, members) = config.for_run(Some(args.interval))?;
    let stale_after = silence_of_run(args.stale_after.as_deref(), args.interval)?;
    let stop = stop_on_signal().map_err(Failure::new)?;
    let Some(sdk) = stop.unless_stopped(sdk()).await else { return Ok(Exit::Ok) };
    let sdk = sdk?;
    let events = config.events_queue_url.clone().map(|url| EventQueue::new(&sdk, url));
    tracing::info!(
        experience = %config.experience, interval = ?args.interval, change_events = events.is_some(), "hub running"
    );
    let fleet = config.timestamps.as_ref().map(|table| Fleet::new(&sdk, &config.snapshots, table, members));
    let figures = metrics.then_some(Figures { fleet, stale_after });
    let hub = hub(&sdk, &config, args.keep.keep_versions);
    let (products, due) = (products(&sdk, &config), Notify::new());
    let look_up = async {
        if let Some(products) = &products {
            products::run(products, &hub, &due, &stop).await;
        }
    };
    let publish = agent::run(&hub, args.interval, events, figures.as_ref(), &due, stop.token().clone());
    tokio::join!(publish, look_up);
    Ok(Exit::Ok)
}

async fn show_status(config: &ConfigArgs, args: &StatusArgs, output: Output) -> Result<Exit, Failure> {
    let Seen { experience, view, rows, meant } = look(config, args.stale_after).await?;
    let now = Timestamp::now();
    if args.check && !view.knows_experience() {
        let error = anyhow::anyhow!("the ledger knows of no snapshot of `{experience}`");
        return Err(Failure::new(error).hint(not_known(meant.as_ref())));
    }
    if output.is_table() && output.header {
        output.lines(shown::headline(&experience, &view, now).into_iter().chain(shown::spokes(&view, now)))?;
    }
    let table = shown::table(&rows, now, output.format == OutputFormat::Wide);
    if rows.is_empty() && output.is_table() {
        output.line("No spoke has reported yet.")?;
    } else if output.format == OutputFormat::Json {
        let snapshot = view.head.as_ref().map(|head| {
            json!({"version": head.latest, "digest": head.digest, "taken_at": head.taken_at, "published": head.published})
        });
        let roster = view.roster.as_ref().map(|roster| roster.keys().collect::<Vec<_>>());
        output.document(&json!({"experience": experience, "snapshot": snapshot, "spokes": rows, "roster": roster,
            "highest_stored": view.mark, "restored": view.restored().is_some(), "left_out": view.left_out,
            "signs_of_life": signs_of_life(&view)}))?;
    } else {
        output.list("spokes", &rows, table, &shown::summary(&rows))?;
    }
    hints(&view);
    if !view.knows_experience() {
        progress::note(&format!("hint: {}", not_known(meant.as_ref())));
    }
    let anyone = args.allow_empty || view.heard_of_any();
    if args.check && !anyone {
        progress::note("hint: no spoke has reported, so nothing is in step; `--allow-empty` takes that for well");
    }
    let healthy = anyone && view.restored().is_none() && rows.iter().all(|row| row.state.is_healthy());
    Ok(if args.check && !healthy { Exit::Unhealthy } else { Exit::Ok })
}

/// When each spoke was seen, and how much it keeps in step.
fn signs_of_life(view: &View) -> Vec<serde_json::Value> {
    let signs = view.reports().flat_map(|report| report.organization.signs());
    let sign = |seen: &OrganizationSeen| {
        let spoke = seen.spoke.as_ref();
        json!({"organization": seen.organization, "spoke": spoke.map(|spoke| &spoke.id), "last_seen": seen.last_seen,
            "experiences": seen.experiences, "selected": spoke.and_then(|spoke| spoke.selected.as_ref()),
            "account": seen.account, "region": seen.region, "spoke_version": seen.spoke_version})
    };
    signs.map(sign).collect()
}

/// What to do where the ledger knows nothing of an experience.
fn not_known(meant: Option<&ExperienceId>) -> String {
    match meant {
        Some(meant) => format!("did you mean `{meant}`? See --experience-id (PMP_EXPERIENCE_ID)"),
        None => "check --experience-id (PMP_EXPERIENCE_ID), or let the hub publish once: `pmp-hub publish`".to_owned(),
    }
}

/// What the hub sees, and the rows of `status`.
pub(crate) struct Seen {
    pub(crate) experience: ExperienceId,
    pub(crate) view: View,
    pub(crate) rows: Vec<SpokeStatus>,
    /// The experience that may have been meant, where the ledger knows nothing of this one.
    meant: Option<ExperienceId>,
}

pub(crate) async fn look(config: &ConfigArgs, stale_after: Duration) -> Result<Seen, Failure> {
    let config = config.for_status()?;
    let sdk = sdk().await?;
    let fleet = Fleet::new(&sdk, &config.snapshots, &config.timestamps, config.members);
    let view = fleet.look(&config.experience).await.map_err(|e| failure(HubError::Ledger(e)))?;
    let stale_after = SignedDuration::try_from(stale_after).unwrap_or(SignedDuration::MAX);
    let rows = status::rows(&view, Timestamp::now(), stale_after);
    let meant = if view.knows_experience() {
        None
    } else {
        fleet.meant(&config.experience).await.map_err(|e| failure(HubError::Ledger(e)))?
    };
    Ok(Seen { experience: config.experience, view, rows, meant })
}

/// What an operator should know besides, on standard error.
fn hints(view: &View) {
    if view.roster.is_none() {
        progress::note(&format!(
            "hint: nobody is admitted, so whoever writes is listened to, and who is silent from the beginning is not missed: \
             `pmp-hub members admit ORG`, or {MEMBERS}"
        ));
    }
    if let Some(left_out) = &view.left_out {
        progress::note(&format!("hint: {left_out}"));
    }
}

async fn show_versions(config: &ConfigArgs, args: &VersionsArgs, output: Output) -> Result<Exit, Failure> {
    let Seen { experience, view, rows, .. } = look(config, SILENCE).await?;
    let versions = versions::list(&rows);
    let newest = view.head.as_ref().map(|head| head.latest);
    if output.format == OutputFormat::Json {
        output.document(&json!({"experience": experience, "newest": newest, "versions": versions}))?;
    } else if versions.is_empty() && output.is_table() {
        output.line("No spoke has reported yet.")?;
    } else {
        let summary = versions::summary(&versions, newest, args.all);
        output.list("versions", &versions, versions::table(&versions, args.all), &summary)?;
    }
    hints(&view);
    Ok(Exit::Ok)
}

async fn members(config: &ConfigArgs, args: &MembersArgs, output: Output) -> Result<Exit, Failure> {
    match &args.command {
        Some(MembersCommand::Admit(args)) => return admit(config, args, output).await,
        Some(MembersCommand::Forget(args)) => return forget(config, args, output).await,
        None => {}
    }
    let Seen { experience, view, rows, .. } = look(config, args.stale_after).await?;
    let members = members::list(&view, &rows);
    if output.format == OutputFormat::Json {
        output.document(&json!({"experience": experience, "members": members}))?;
    } else if members.is_empty() && output.is_table() {
        output.line("Nobody is admitted, and no spoke has reported.")?;
    } else {
        output.list("members", &members, members::table(&members, Timestamp::now()), &members::summary(&members))?;
    }
    hints(&view);
    Ok(Exit::Ok)
}

async fn admit(config: &ConfigArgs, args: &AdmitArgs, output: Output) -> Result<Exit, Failure> {
    let config = config.for_status()?;
    let sdk = sdk().await?;
    let by = caller(&sdk).await.map_err(failure)?;
    let roster = DynamoRoster::new(&sdk, config.timestamps);
    let admitted =
        init::admit(&roster, &config.experience, &args.organizations, args.large, &by, Timestamp::now()).await;
    let admitted = admitted.map_err(failure)?;
    if !output.is_table() {
        output.document(&json!({"experience": config.experience, "changes": admitted}))?;
    } else if admitted.is_empty() {
        output.line("No changes: they are on the roster already.")?;
    } else {
        output.lines(&admitted)?;
    }
    Ok(Exit::Ok)
}

async fn forget(config: &ConfigArgs, args: &ForgetArgs, output: Output) -> Result<Exit, Failure> {
    let organization = &args.organization;
    if !args.yes && args.again.as_ref() != Some(organization) {
        let error = anyhow::anyhow!("this deletes all that the ledger knows of `{organization}`, for good");
        let differs = args.again.as_ref().filter(|again| *again != organization);
        let differs = differs.map_or_else(String::new, |again| format!("`{again}` is another one; "));
        let hint = format!("{differs}say so: `pmp-hub members forget {organization} {organization}`, or `--yes`");
        return Err(Failure::new(error).hint(hint).exit(Exit::Refused));
    }
    let config = config.for_status()?;
    let sdk = sdk().await?;
    let roster = DynamoRoster::new(&sdk, config.timestamps);
    let gone = roster.forget(organization, &config.experience).await.map_err(|e| failure(HubError::Ledger(e)))?;
    if output.is_table() {
        output.line(&format!("Forgot {organization}: {} deleted.", count(gone, "item")))?;
    } else {
        output.document(&json!({"forgotten": organization, "items": gone}))?;
    }
    if config.members.is_empty() && gone > 0 {
        let left = roster.members(&config.experience).await.map_err(|e| failure(HubError::Ledger(e)))?;
        if left.is_empty() {
            progress::note(
                "hint: nobody is admitted any more, so whoever writes is listened to; admit those that are to be heard: \
                 `pmp-hub members admit ORG`",
            );
        }
    }
    if config.members.contains(organization) {
        progress::note(&format!("hint: {MEMBERS} still names it: take it out there, or it is missed as `NEVER`"));
    }
    progress::note(
        "hint: its spoke may write as long as it has its role: delete the stack or the role that admits it, too",
    );
    Ok(Exit::Ok)
}

async fn recover(config: &ConfigArgs, args: &RecoverArgs, output: Output) -> Result<Exit, Failure> {
    let config = config.for_recover()?;
    let sdk = sdk().await?;
    let hub = hub(&sdk, &config, args.keep.keep_versions);
    let confirmed = args.yes || args.experience.as_ref() == Some(&config.experience);
    if !confirmed && let Some(restored) = hub.restored().await.map_err(failure)? {
        let hint = format!("go on: `pmp-hub recover {}`, or `--yes`", config.experience);
        let text =
            format!("{restored}; what the management experience says now would become snapshot {}", restored.next());
        return Err(Failure::new(anyhow::anyhow!(text)).hint(hint).exit(Exit::Refused));
    }
    if let Some(other) = args.experience.as_ref().filter(|_| !confirmed) {
        let error = anyhow::anyhow!("`{other}` is not the experience of this hub");
        return Err(Failure::new(error).hint(format!("its experience is `{}`", config.experience)).exit(Exit::Refused));
    }
    if !confirmed {
        if output.is_table() {
            output.line("Nothing was lost: the ledger has the newest snapshot that was ever stored.")?;
        } else {
            output.document(&json!({"lost": null, "published": null}))?;
        }
        progress::note("hint: `pmp-hub publish` announces it again");
        return Ok(Exit::Ok);
    }
    let recovery = hub.recover(Timestamp::now).await.map_err(failure)?;
    let Recovery { restored, published } = &recovery;
    if output.is_table() {
        match restored {
            Some(restored) if restored.is_ahead() => output.line(&format!("Put right: {restored}."))?,
            Some(restored) => output.line(&format!("Lost: {}.", restored.lost()))?,
            None => output.line("Nothing was lost.")?,
        }
        output.line(&sentence(published, false))?;
    } else {
        let lost = restored.as_ref().map(Restored::lost);
        output.document(&json!({"lost": lost, "published": published}))?;
    }
    Ok(Exit::Ok)
}

async fn confirm(config: &ConfigArgs, args: &ConfirmArgs, output: Output) -> Result<Exit, Failure> {
    let (config, topic) = config.for_confirm()?;
    let sdk = sdk().await?;
    let snapshots = DynamoSnapshots::new(&sdk, config.snapshots.clone());
    let receipts = DynamoReceipts::new(&sdk, config.timestamps.clone());
    let ledger = |error| failure(HubError::Ledger(error));
    let head = snapshots.head(&config.experience).await.map_err(ledger)?;
    let reports = DynamoReports::new(&sdk, config.timestamps.clone());
    let organization =
        reports.report(&args.organization, &config.experience, Extent::Large).await.map_err(ledger)?.organization;
    let wanted = confirm::Wanted {
        organization: args.organization.clone(),
        version: args.version,
        member_experience: args.member_experience.clone(),
        force: args.force || args.undo,
    };
    let refused = |refusal: confirm::Refusal| {
        let hint = refusal.hint();
        Failure::new(refusal).hint(hint)
    };
    let held = confirm::decide(&wanted, head.as_ref(), &organization).map_err(refused)?;
    let Some(head) = head else { return Err(refused(confirm::Refusal::NoSnapshot)) };
    let confirmation = OperatorConfirmation {
        organization: wanted.organization,
        experience: config.experience.clone(),
        member_experience: wanted.member_experience,
        version: head.latest,
        digest: head.digest,
        confirmed: Confirmed { by: caller(&sdk).await.map_err(failure)?, at: Timestamp::now() },
    };
    if args.undo {
        return undo(&receipts, &confirmation, output).await;
    }
    receipts.put_confirmation(&confirmation).await.map_err(ledger)?;
    if let Some(hint) = confirm::too_old(&organization, confirmation.version) {
        progress::note(&hint);
    }
    let announced = match topic.filter(|_| !args.no_announce) {
        Some(topic) => {
            let StatusConfig { experience, snapshots, timestamps, .. } = config;
            let timestamps = Some(timestamps);
            // Nor is the snapshot signed anew: whoever confirms need not hold the hub's key.
            let publish = PublishConfig {
                experience,
                snapshots,
                timestamps,
                topic,
                events_queue_url: None,
                signing: None,
                unsigned: false,
                looks_products_up: false,
            };
            // Nothing is stored, so nothing is pruned.
            let hub = hub(&sdk, &publish, u64::MAX);
            let announced = hub.announce_again(&head, Reason::Operator, Timestamp::now).await;
            let hint = "it is confirmed all the same: the spoke takes it up with the next announcement";
            Some(announced.map_err(|error| failure(error).hint(hint.to_owned()))?)
        }
        None => None,
    };
    if output.is_table() {
        output.lines(confirmed(&confirmation, &held, announced.is_some()))?;
    } else {
        output.document(&json!({"confirmation": confirmation, "lets_through": held, "announced": announced}))?;
    }
    Ok(Exit::Ok)
}

async fn undo(receipts: &DynamoReceipts, confirmation: &OperatorConfirmation, output: Output) -> Result<Exit, Failure> {
    let OperatorConfirmation { organization, version, .. } = confirmation;
    let gone = receipts.delete_confirmation(confirmation).await.map_err(|e| failure(HubError::Ledger(e)))?;
    if !gone {
        let error = anyhow::anyhow!("snapshot {version} is not confirmed for `{organization}`");
        return Err(Failure::new(error).hint("name the experience, too, if it was confirmed for one".to_owned()));
    }
    if output.is_table() {
        output.line(&format!("Snapshot {version} is no longer confirmed for {organization}."))?;
    } else {
        output.document(&json!({"undone": confirmation}))?;
    }
    Ok(Exit::Ok)
}

/// What `confirm` did, for a person, a line each.
fn confirmed(confirmation: &OperatorConfirmation, held: &[&Receipt], announced: bool) -> Vec<String> {
    let OperatorConfirmation { organization, version, .. } = confirmation;
    let mut lines = vec![format!("Confirmed snapshot {version} for {organization}.")];
    lines.extend(held.iter().map(|held| format!("  {}: {}", held.member_experience, status::what_is_held(held))));
    let next = if announced {
        "Announced it again: the spoke takes it up within seconds."
    } else {
        "The spoke takes it up with the next announcement."
    };
    lines.push(next.to_owned());
    lines
}

/// Who this is, as STS names it: receipts and confirmations name who let something through.
async fn caller(sdk: &SdkConfig) -> Result<String, HubError> {
    let (caller, _) = pmp_aws::caller(sdk).await;
    caller.map(|caller| caller.arn).map_err(HubError::Caller)
}

async fn public_key(config: &ConfigArgs, output: Output) -> Result<Exit, Failure> {
    let key = config.for_public_key()?;
    let sdk = sdk().await?;
    let public = key.signer(&sdk).public_key().await.map_err(|error| failure(HubError::PublicKey(error)))?;
    if output.is_table() {
        output.lines(public.to_pem().trim_end().lines())?;
    } else {
        output.document(&json!({"key_id": public.id(), "kind": public.kind(), "pem": public.to_pem()}))?;
    }
    Ok(Exit::Ok)
}

async fn initialize(config: &ConfigArgs, args: &InitArgs, output: Output) -> Result<Exit, Failure> {
    let config = config.for_init(!args.admit.is_empty())?;
    let sdk = sdk().await?;
    let mut made = init::init(&sdk, &config, &args.allow_accounts).await.map_err(failure)?;
    if let (Some(experience), [_, ..]) = (&config.experience, args.admit.as_slice()) {
        let by = caller(&sdk).await.map_err(failure)?;
        let roster = DynamoRoster::new(&sdk, config.timestamps.clone());
        let admitted =
            init::admit(&roster, experience, &args.admit, args.large, &by, Timestamp::now()).await.map_err(failure)?;
        made.changes.extend(admitted);
    }
    if !output.is_table() {
        output.document(&serde_json::to_value(&made).map_err(Failure::new)?)?;
        return Ok(Exit::Ok);
    }
    if made.changes.is_empty() {
        output.line("# No changes: tables and topic are as they should be.")?;
    }
    for change in &made.changes {
        output.line(&format!("# {change}"))?;
    }
    for (variable, value) in [
        ("PMP_SNAPSHOTS_TABLE", &made.snapshots_table),
        ("PMP_TIMESTAMPS_TABLE", &made.timestamps_table),
        ("PMP_TOPIC_ARN", &made.topic_arn),
    ] {
        output.line(&format!("export {variable}={value}"))?;
    }
    Ok(Exit::Ok)
}
