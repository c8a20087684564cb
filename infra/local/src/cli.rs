//! The command line of `pmp-local`.

use std::ffi::OsString;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use pmp_terminal::{Completions, Exit, Failure, program, stop_on_signal};
use tracing_subscriber::EnvFilter;

use crate::demo::{self, Demo};
use crate::world::WorldError;
use crate::{Options, Server, World};

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
    Demo(Demo),
    /// Serve SNS, SQS, DynamoDB, STS, Organizations and Marketplace Catalog on one port until stopped
    Serve(Serve),
    /// The program pmp-hub: `pmp-local hub status` is `pmp-hub status`
    #[command(disable_help_flag = true)]
    Hub(PassedOn),
    /// The program pmp-spoke: `pmp-local spoke plan` is `pmp-spoke plan`
    #[command(disable_help_flag = true)]
    Spoke(PassedOn),
    /// Print a completion script for a shell
    Completions(Completions),
}

/// Arguments for another program, untouched.
#[derive(Args)]
struct PassedOn {
    /// The program's arguments; `--help` tells of them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

#[derive(Args)]
struct Serve {
    /// The world to serve: accounts, organizations, experiences, roles (TOML)
    #[arg(long, value_name = "FILE")]
    world: PathBuf,
    /// The port; 0 takes any free one
    #[arg(long, default_value_t = 4566)]
    port: u16,
    /// The address to listen on. Requests are not authenticated: leave it on the loopback
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    bind: IpAddr,
}

/// Runs `pmp-local` with `args`, the first of which is the program's name.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    // The other programs start a runtime of their own, and so cannot be called from within `program`'s.
    match Cli::try_parse_from(&args).map(|cli| cli.command) {
        Ok(Command::Hub(passed_on)) => pmp_hub::cli::main(passed_on.into_program("pmp-local hub")),
        Ok(Command::Spoke(passed_on)) => pmp_spoke::cli::main(passed_on.into_program("pmp-local spoke")),
        _ => program(args, run),
    }
}

impl PassedOn {
    /// The whole command line of the program: its usage names it as it was called.
    fn into_program(self, name: &str) -> impl Iterator<Item = OsString> {
        demo::end_with_the_demo();
        std::iter::once(OsString::from(name)).chain(self.args)
    }
}

async fn run(cli: Cli) -> Result<Exit, Failure> {
    match cli.command {
        Command::Demo(demo) => demo::run(demo).await,
        Command::Serve(serve) => self::serve(serve).await,
        Command::Completions(completions) => {
            completions.print::<Cli>()?;
            Ok(Exit::Ok)
        }
        Command::Hub(_) | Command::Spoke(_) => Err(Failure::new(anyhow::anyhow!("`main` runs this program itself"))),
    }
}

async fn serve(serve: Serve) -> Result<Exit, Failure> {
    let filter = EnvFilter::try_from_env("PMP_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let world = World::load(&serve.world).map_err(impossible)?;
    let accounts = world.organizations.iter().map(|o| format!("{} ({})", o.management_account, o.name));
    let accounts = accounts.collect::<Vec<_>>().join(", ");
    let account = world.organizations.first().map_or("111111111111", |o| &o.management_account).to_owned();
    let region = world.region.clone();
    // Before starting, so that a signal that comes while it starts stops it cleanly too.
    let stop = stop_on_signal().context("cannot listen for signals").map_err(Failure::new)?;
    let server = Server::start(world, Options { address: serve.bind, port: serve.port }).await?;
    let printed = print_variables(&serve.world, &server.endpoint(), &region, &account, &accounts);
    printed.context("cannot print").map_err(Failure::new)?;
    stop.cancelled().await;
    server.shutdown().await;
    Ok(Exit::Ok)
}

/// A world with several problems, each on a line.
fn impossible(error: WorldError) -> Failure {
    match error {
        WorldError::Invalid(problems) => {
            let failure = Failure::new(anyhow::anyhow!("the world is not valid"));
            problems.iter().fold(failure, |failure, problem| failure.detail(problem.to_string()))
        }
        error => Failure::new(error),
    }
}

fn print_variables(world: &Path, endpoint: &str, region: &str, account: &str, accounts: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "# Accounts: {accounts}. The access key says which one you are; the secret can be anything.")?;
    writeln!(out, "export AWS_ENDPOINT_URL={endpoint}")?;
    writeln!(out, "export AWS_REGION={region}")?;
    writeln!(out, "export AWS_ACCESS_KEY_ID={account}")?;
    writeln!(out, "export AWS_SECRET_ACCESS_KEY=local")?;
    writeln!(out, "# Ready: serving `{}` on {endpoint}. Stop with Ctrl-C.", world.display())?;
    out.flush()
}
